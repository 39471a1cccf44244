ptm weights scan https://example.org/x.pt
