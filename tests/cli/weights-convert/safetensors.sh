. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors a.safetensors; ptm weights convert a.safetensors b.safetensors && ptm weights ls --json b.safetensors
