. "$PROJECT/tests/cli/hubs.sh"
cached acme model main
ptm torch fetch acme/model | sed "s|$PWD|HERE|"; ptm torch fetch -q --offline --json acme/model:main | sed "s|$PWD|HERE|"
