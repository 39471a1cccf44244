mkdir net; printf 'globals()["a\\x1b[2Jb\\nc"] = lambda: 0\n' >net/hubconf.py; ptm torch list net; ptm torch show net
