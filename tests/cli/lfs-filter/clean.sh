git init -q . && printf hello | ptm lfs-filter clean
