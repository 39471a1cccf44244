ptm split
