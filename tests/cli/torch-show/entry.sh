. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch show net net
