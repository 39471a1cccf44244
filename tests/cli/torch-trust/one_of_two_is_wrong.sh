. "$PROJECT/tests/cli/hubs.sh"
ptm torch trust add nothing acme/model; status=$?; ptm torch trust; exit $status
