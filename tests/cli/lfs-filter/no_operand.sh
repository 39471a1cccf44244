ptm lfs-filter
