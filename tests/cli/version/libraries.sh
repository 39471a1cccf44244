ptm version
