ptm torch init && grep -c '^def' hubconf.py; cp hubconf.py before; ptm torch init; status=$?; cmp hubconf.py before && exit $status
