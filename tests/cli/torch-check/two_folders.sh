ptm torch check a b
