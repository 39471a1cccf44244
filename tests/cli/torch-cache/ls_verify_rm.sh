. "$PROJECT/tests/cli/hubs.sh"
cached acme model main; cached acme model v1; by_torch acme other master; mkdir -p "$hub/checkpoints"; printf weights >"$hub/checkpoints/net-9a129038.pth"; printf x >"$hub/checkpoints/a.pth"
old() { find "$hub" -exec touch -d 2026-01-31T12:00:00Z {} +; }
old; ptm torch cache ls 2>&1 | sed "s|$PWD|HERE|"
ptm torch cache verify
echo changed >>"$hub/acme_model_v1/hubconf.py"; printf y >"$hub/checkpoints/net-9a129038.pth"; ptm torch cache verify; status=$?
old; ptm torch cache ls --json | sed "s|$PWD|HERE|"
ptm torch cache rm acme/model:v1 checkpoints/a.pth; ptm torch cache rm acme/model nothing 2>said; echo $?; sed "s|$PWD|HERE|" said >&2; ls "$hub"; exit $status
