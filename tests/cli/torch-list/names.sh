. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch list net; ptm torch list ./net/ | wc -l; cached acme model main; ptm torch list --offline acme/model; ptm torch list --source local acme/model
