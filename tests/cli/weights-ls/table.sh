. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors model.safetensors; ptm weights ls model.safetensors
