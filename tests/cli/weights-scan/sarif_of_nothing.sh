. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors ok; ptm weights scan --sarif ok
