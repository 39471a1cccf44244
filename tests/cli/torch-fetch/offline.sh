. "$PROJECT/tests/cli/hubs.sh"
ptm torch fetch --offline acme/model 2>&1 | sed "s|$PWD|HERE|"; ptm torch fetch -q --offline acme/model 2>/dev/null
