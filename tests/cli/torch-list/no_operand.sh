ptm torch list
