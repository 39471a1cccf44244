ptm torch cache rm acme/model --dry-run
