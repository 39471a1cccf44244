ptm weights scan --sarif --json x
