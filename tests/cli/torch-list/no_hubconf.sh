mkdir empty; ptm torch list empty
