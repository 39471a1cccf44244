. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors model.safetensors; head -c 150 model.safetensors >short.safetensors
ptm weights ls --no-tensors short.safetensors model.safetensors absent.pt
