mkdir net; i=0; while [ $i -lt 5 ]; do echo "globals().update(make($i))"; i=$((i + 1)); done >net/hubconf.py; ptm torch list net
