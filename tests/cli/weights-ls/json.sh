. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors model.safetensors; npy x.npy; ptm weights ls --json model.safetensors x.npy
