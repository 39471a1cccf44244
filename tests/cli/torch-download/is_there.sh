printf one >a.txt; printf two >b.txt; ptm torch download "file://$PWD/a.txt" b.txt; cat b.txt; echo; ptm torch download -q "file://$PWD/a.txt" b.txt --force; cat b.txt
