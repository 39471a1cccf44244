ptm clone modelhub --urls nothing
