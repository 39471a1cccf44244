ptm torch init a b
