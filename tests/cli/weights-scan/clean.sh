. "$PROJECT/tests/cli/checkpoints.sh"
calls collections OrderedDict >a.pkl; two_tensors b.safetensors; echo text >c.txt
ptm weights scan . && ptm weights scan --json a.pkl c.txt
