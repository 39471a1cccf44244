printf 'weights' >a.txt; mkdir to
ptm torch download "file://$PWD/a.txt" b.txt -q && cat b.txt; echo
ptm torch download -q "file://$PWD/a.txt" to --hash 9a129038; (cd to && ptm torch download -q "file://$PWD/../a.txt"; ls)
ptm torch download -q --json "file://$PWD/a.txt" c.txt | sed "s|$PWD|HERE|"
