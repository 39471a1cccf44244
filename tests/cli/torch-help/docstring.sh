. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch help net net; ptm torch help --json net net
