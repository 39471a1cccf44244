ptm help lsit
