ptm run --fliter x
