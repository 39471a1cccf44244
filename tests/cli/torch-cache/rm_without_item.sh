ptm torch cache rm
