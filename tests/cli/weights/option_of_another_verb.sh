ptm weights --top 5 ls x
