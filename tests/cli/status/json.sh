ptm setup modelhub >/dev/null; ptm status modelhub --json
