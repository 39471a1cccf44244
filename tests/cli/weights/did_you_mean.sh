ptm weights lst
