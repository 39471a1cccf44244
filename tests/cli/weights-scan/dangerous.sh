. "$PROJECT/tests/cli/checkpoints.sh"
calls os system >evil.txt; ptm weights scan evil.txt
