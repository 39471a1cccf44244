ptm weights scan
