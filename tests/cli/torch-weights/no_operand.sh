ptm torch weights
