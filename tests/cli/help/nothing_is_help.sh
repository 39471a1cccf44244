ptm >a; ptm help >b; ptm --help >c; ptm -h >d; cmp a b && cmp a c && cmp a d
