command -v bash >/dev/null || { echo 'bash is not here' >&2; exit 77; }
ptm completion bash >script
bash -c '
set -u
source ./script
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ptm; printf "<%s>" "${COMPREPLY[@]}"; echo; }
try ptm torch ""
try ptm torch cache ""
try ptm torch trust r
try ptm torch list --fo
try ptm torch show --source ""
try ptm torch weights ""'
