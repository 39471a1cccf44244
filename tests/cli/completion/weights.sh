command -v bash >/dev/null || { echo 'bash is not here' >&2; exit 77; }
ptm completion bash >script
bash -c '
set -u
source ./script
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ptm; printf "<%s>" "${COMPREPLY[@]}"; echo; }
try ptm wei
try ptm weights ""
try ptm weights --json s
try ptm weights ls --tr
try ptm --quiet weights scan --json model.pt --sar
try ptm weights --he
try ptm help wei'
