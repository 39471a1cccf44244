. "$PROJECT/tests/cli/hubs.sh"
cached acme model main; mkdir "$hub/checkpoints"; printf 1234 >"$hub/checkpoints/net-1a2b3c4d.pth"; ptm torch show --offline acme/model | sed "s|$PWD|HERE|"
