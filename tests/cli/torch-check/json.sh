mkdir net; printf 'def net():\n    pass\n' >net/hubconf.py; ptm torch check --json net
