ptm torch weights https://example.org/
