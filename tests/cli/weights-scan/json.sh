. "$PROJECT/tests/cli/checkpoints.sh"
mkdir d; calls os system >d/x; two_tensors d/y
ptm weights scan --json d absent
