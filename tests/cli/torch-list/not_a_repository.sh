ptm torch list a/b/c
