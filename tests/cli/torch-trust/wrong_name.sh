. "$PROJECT/tests/cli/hubs.sh"
ptm torch trust add 'a/b:c/../d'
