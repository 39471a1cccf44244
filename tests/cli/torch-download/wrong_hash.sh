printf 'weights' >a.txt; ptm torch download -q "file://$PWD/a.txt" b.txt --hash 0123456789 2>said; status=$?; sed "s|$PWD|HERE|" said >&2; ls; exit $status
