escape=$(printf '\033')
ptm setup modelhub >/dev/null
ptm status | grep -q "$escape" && echo "colours in a pipe"
ptm status --color always | grep -q "$escape" || echo "no colours with --color always"
NO_COLOR=1 ptm status | grep -q "$escape" && echo "colours with NO_COLOR"
exit 0
