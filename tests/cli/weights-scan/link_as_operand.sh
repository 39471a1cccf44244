. "$PROJECT/tests/cli/checkpoints.sh"
mkdir d; calls os system >d/x; ln -s d e; ptm weights scan e
