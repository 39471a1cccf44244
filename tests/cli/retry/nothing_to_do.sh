ptm setup modelhub >/dev/null; ptm retry modelhub --offline
