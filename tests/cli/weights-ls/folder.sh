. "$PROJECT/tests/cli/checkpoints.sh"
mkdir -p d/deep d/.git d/empty; two_tensors d/deep/b.safetensors; npy d/a; npy d/.git/c.npy; echo text >d/README.md; two_tensors d/last.safetensors
ln -s .. d/deep/up; ln -s b.safetensors d/deep/link.safetensors; mkfifo d/pipe
ptm weights ls --no-tensors d/
