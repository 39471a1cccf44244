command -v bash >/dev/null || { echo 'bash is not here' >&2; exit 77; }
ptm completion bash >script
bash -c '
set -u
source ./script
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ptm; printf "%s\n" "${COMPREPLY[*]}"; }
try ptm sta
try ptm run hugg
try ptm run --sh
try ptm run --larg
try ptm run --large a
try ptm completion f
try ptm lfs'
