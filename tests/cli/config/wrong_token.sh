HF_TOKEN="a b" ptm config
