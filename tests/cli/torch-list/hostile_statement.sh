mkdir net; printf 'globals().update(make("\033[2J"))\n' >net/hubconf.py; ptm torch list net; ptm torch show net
