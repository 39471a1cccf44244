ptm torch load . net
