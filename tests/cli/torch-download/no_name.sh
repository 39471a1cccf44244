ptm torch download https://example.org/
