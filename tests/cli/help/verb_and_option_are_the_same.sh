ptm help run >a; ptm run --help >b; ptm run huggingface -h >c; ptm --help run >d
cmp a b && cmp a c && cmp a d
