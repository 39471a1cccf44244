. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors a.safetensors; echo mine >b.safetensors; ptm weights convert --force a.safetensors b.safetensors
