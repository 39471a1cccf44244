ptm help
