mkdir net; printf 'dependencies = ["pyyaml", "dora-search"]\ndef net(:\n    pass\n' >net/hubconf.py; ptm torch check net
