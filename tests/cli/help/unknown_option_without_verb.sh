ptm --hlep
