echo '<!DOCTYPE html><title>Sign in</title>' >page; ptm torch download -q "file://$PWD/page" net.pth 2>said; status=$?; sed "s|$PWD|HERE|" said >&2
ptm torch download -q --any-content "file://$PWD/page" net.pth; exit $status
