. "$PROJECT/tests/cli/checkpoints.sh"
name=$(printf "\033[2Jx\nmodel.safetensors")
safetensors "$name" '{"__metadata__":{"\u001b[31m":"\u202e"},"a\nb\u001b[0m":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' x
ptm weights ls "$name"; ptm weights ls --json "$name"
