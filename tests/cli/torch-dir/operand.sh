ptm torch dir x
