. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors a.safetensors; ptm weights convert a.safetensors b.safetensors --shard-size 8 && ls && ptm weights ls --no-tensors b.safetensors.index.json
