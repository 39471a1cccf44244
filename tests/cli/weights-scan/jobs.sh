ptm weights scan -j 0 x
