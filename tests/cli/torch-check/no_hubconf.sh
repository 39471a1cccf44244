ptm torch check
