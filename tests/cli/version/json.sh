ptm version --json
