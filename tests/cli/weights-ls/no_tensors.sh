. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors model.safetensors; ptm weights ls --no-tensors model.safetensors; ptm weights ls --no-tensors --json model.safetensors
