. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch help net something_else
