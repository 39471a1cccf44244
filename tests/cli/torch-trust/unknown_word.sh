ptm torch trust all
