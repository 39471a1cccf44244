. "$PROJECT/tests/cli/hubs.sh"
ptm torch trust; ptm torch trust add acme/model acme/other && ptm torch trust ls; cat "$hub/trusted_list"
ptm torch trust rm acme/model && ptm torch trust --json
