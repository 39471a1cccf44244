. "$PROJECT/tests/cli/checkpoints.sh"
[ -w /dev/full ] || { echo 'no /dev/full' >&2; exit 77; }
two_tensors model.safetensors; ptm weights ls --json model.safetensors >/dev/full
