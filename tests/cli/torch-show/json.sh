. "$PROJECT/tests/cli/hubs.sh"
cached acme model v1; ptm torch show --offline --json acme/model:v1 net | sed "s|$PWD|HERE|g"
