ptm torch load .
