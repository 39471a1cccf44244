ptm --top 5 status
