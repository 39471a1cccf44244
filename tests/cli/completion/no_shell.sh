ptm completion
