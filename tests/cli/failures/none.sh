ptm setup modelhub >/dev/null; ptm failures; ptm failures --json
