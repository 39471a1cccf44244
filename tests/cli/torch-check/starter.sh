ptm torch init -q; ptm torch check; ptm torch check --json . -q
[ $? -eq 0 ]
