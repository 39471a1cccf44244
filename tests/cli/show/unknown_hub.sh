ptm setup modelhub >/dev/null; ptm show hugingface/a/b
