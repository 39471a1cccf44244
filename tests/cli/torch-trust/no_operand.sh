ptm torch trust add
