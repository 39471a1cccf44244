echo >data; ptm run modelhub --offline
