ptm setup modelhub >/dev/null; ptm retry
