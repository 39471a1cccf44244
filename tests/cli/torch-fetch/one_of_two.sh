. "$PROJECT/tests/cli/hubs.sh"
cached acme model main
ptm torch fetch -q --offline acme/model acme/absent 2>said | sed "s|$PWD|HERE|"; sed "s|$PWD|HERE|" said >&2; ptm torch fetch -q --offline acme/model acme/absent >/dev/null 2>&1
