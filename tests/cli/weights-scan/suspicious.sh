. "$PROJECT/tests/cli/checkpoints.sh"
calls mymodel.nets Net >a.pkl; ptm weights scan a.pkl; echo $?; ptm weights scan --json a.pkl
