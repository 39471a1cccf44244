. "$PROJECT/tests/cli/checkpoints.sh"
mkdir 'a b'; calls os system >'a b/x#1.pkl'; two_tensors ok; ptm weights scan --sarif .
