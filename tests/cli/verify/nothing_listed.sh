ptm setup modelhub >/dev/null; ptm verify
