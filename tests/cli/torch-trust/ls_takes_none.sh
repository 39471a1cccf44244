ptm torch trust ls x
