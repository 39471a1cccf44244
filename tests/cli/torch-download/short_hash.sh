ptm torch download https://example.org/x.pth --hash 12
