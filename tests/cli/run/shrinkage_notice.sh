HF_TORRENT_SHRINKAGE=1.5 ptm run huggingface --offline
