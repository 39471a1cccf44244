ptm show
