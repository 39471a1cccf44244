mkdir net; printf 'def good():\n    pass\n\ndef bad(:\n    }\n' >net/hubconf.py; ptm torch list net
