ptm setup --all >/dev/null; ptm status
