. "$PROJECT/tests/cli/hubs.sh"
by_torch acme model master; ptm torch list --offline acme/model; ptm torch show --offline acme/model | sed -n "1,4s|$PWD|HERE|p;1,2p"
