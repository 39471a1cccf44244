. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch help net nett
