ptm config
