ptm torch download -q --offline https://example.org/x.pth
