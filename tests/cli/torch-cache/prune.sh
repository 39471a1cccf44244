. "$PROJECT/tests/cli/hubs.sh"
cached acme model main; by_torch acme new main; mkdir -p "$hub/checkpoints"; printf x >"$hub/checkpoints/a.pth.ptm-part"
find "$hub/acme_model_main" "$hub/checkpoints" -exec touch -d 2020-01-31T12:00:00Z {} +
ptm torch cache prune --dry-run; ptm torch cache prune --older-than 90 --dry-run --json | sed "s|$PWD|HERE|"; ls "$hub"; ptm torch cache prune; ptm torch cache prune --older-than 90; ls "$hub" "$hub/checkpoints" | sed "s|$PWD|HERE|"
