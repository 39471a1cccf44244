ptm weight ls
