ptm --version; ptm -V | cmp - - && ptm run --version
