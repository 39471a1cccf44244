HF_TORRENT_SHRINKAGE=0.5 ptm config --json | grep top
