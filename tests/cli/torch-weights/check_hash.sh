. "$PROJECT/tests/cli/hubs.sh"
printf 'weights' >net-9a129038.txt; printf 'weights' >net-01234567.bin
ptm torch weights -q --check-hash --json "file://$PWD/net-9a129038.txt" | sed "s|$PWD|HERE|g"; ptm torch weights -q --check-hash "file://$PWD/net-01234567.bin" 2>said; status=$?; sed "s|$PWD|HERE|" said >&2
ls "$hub/checkpoints"; exit $status
