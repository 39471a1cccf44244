ptm run modelhub modelzoo --offline --json >out; status=$?
sed -E 's/^\{"hub":"([a-z]*)","ok":([a-z]*).*"error":\{"reason":"([a-z]*)".*/\1 \2 \3/' out
exit $status
