ptm --color
