ptm verify
