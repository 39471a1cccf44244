ptm weights >a; ptm weights --help >b; ptm help weights >c; ptm --help weights >d; ptm weights -q >e
cmp a b && cmp a c && cmp a d && cmp a e && sed -n '1,3p;/^Verbs/,/^$/p' a
