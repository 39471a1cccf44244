. "$PROJECT/tests/cli/hubs.sh"
cached acme model main
ptm torch load acme/model net --out out; status=$?; ls; exit $status
