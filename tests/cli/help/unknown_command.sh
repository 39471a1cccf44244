ptm statsu
