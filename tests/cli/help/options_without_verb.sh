ptm --root x
