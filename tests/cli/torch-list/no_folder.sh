ptm torch list ./absent
