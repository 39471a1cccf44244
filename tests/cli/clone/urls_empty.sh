printf '# none\n\n  \n' >urls; ptm clone modelhub --urls urls
