PTM_REWRITE=x ptm config
