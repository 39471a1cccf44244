. "$PROJECT/tests/cli/hubs.sh"
dynamic net; ptm torch list net; ptm torch list -q net; ptm torch list --json net
