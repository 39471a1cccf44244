ptm version 2
