ptm status
