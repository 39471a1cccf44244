. "$PROJECT/tests/cli/hubs.sh"
hubconf net; ptm torch help net undocumented; ptm torch help net load_state_dict_from_url
