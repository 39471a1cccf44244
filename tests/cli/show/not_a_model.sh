ptm setup modelhub >/dev/null; ptm show gpt2
