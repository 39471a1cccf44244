. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors a.safetensors; echo mine >b.safetensors; ptm weights convert a.safetensors b.safetensors; s=$?; cat b.safetensors; exit $s
