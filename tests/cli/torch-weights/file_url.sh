. "$PROJECT/tests/cli/hubs.sh"
. "$PROJECT/tests/cli/checkpoints.sh"
two_tensors net.safetensors
ptm torch weights -q "file://$PWD/net.safetensors" | sed "s|$PWD|HERE|"; ptm torch weights -q --file-name other.safetensors --model-dir here --json "file://$PWD/net.safetensors" | sed "s|$PWD|HERE|g"
(cd "$hub/checkpoints"; ls); ls here
