echo a >a; ptm clone modelhub --urls a --ids a
