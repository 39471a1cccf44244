# A server that never answers. TERM: a shell without job control starts what is in the background with INT ignored.
mkfifo in
/usr/bin/env python3 -c '
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
' <in >port &
server=$!
exec 9>in
n=0
until [ -s port ] || [ $n -ge 100 ]; do sleep 0.1; n=$((n + 1)); done
ptm run huggingface --rewrite "https://huggingface.co/=http://127.0.0.1:$(cat port)/" --json 2>err 9>&- &
pid=$!
n=0
until [ -e data/.ptm/catalog.db ] || [ $n -ge 100 ]; do sleep 0.1; n=$((n + 1)); done
sleep 0.5
kill -TERM $pid
wait $pid
status=$?
exec 9>&-
wait $server
grep -c 'Interrupt again to stop at once' err
exit $status
