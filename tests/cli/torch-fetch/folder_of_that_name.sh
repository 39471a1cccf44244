. "$PROJECT/tests/cli/hubs.sh"
mkdir -p acme/model; ptm torch fetch -q --offline acme/model 2>said; status=$?; sed "s|$PWD|HERE|" said >&2; exit $status
