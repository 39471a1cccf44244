. "$PROJECT/tests/cli/hubs.sh"
ptm torch cache ls 2>&1 | sed "s|$PWD|HERE|"; ptm torch cache ls --json; ptm torch cache verify; ptm torch cache prune
