ptm --root r setup --all --json | head -n 1
