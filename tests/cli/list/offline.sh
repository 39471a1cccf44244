ptm list modelhub --offline
