HF_TORRENT_SHRINKAGE=x ptm run modelhub --offline 2>err; ! grep SHRINKAGE err
