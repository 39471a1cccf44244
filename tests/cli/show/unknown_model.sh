ptm setup modelhub >/dev/null; ptm show modelhub/nothing
