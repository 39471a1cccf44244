ptm torch cache
