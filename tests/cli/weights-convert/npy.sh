. "$PROJECT/tests/cli/checkpoints.sh"
npy a.npy; ptm weights convert a.npy b.safetensors --json && ptm weights ls --json b.safetensors && tail -c 12 b.safetensors | od -An -tx1
