ptm clone
