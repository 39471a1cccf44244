. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch list --json net
