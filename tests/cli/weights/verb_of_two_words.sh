ptm help weights ls >a; ptm weights ls --help >b; ptm weights --help ls >c; ptm --help weights ls x >d; ptm help 'weights ls' >e
cmp a b && cmp a c && cmp a d && cmp a e && head -n 1 a
