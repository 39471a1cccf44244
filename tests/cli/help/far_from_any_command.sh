ptm frobnicate
