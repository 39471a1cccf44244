. "$PROJECT/tests/cli/checkpoints.sh"
safetensors m.safetensors '{"net.10.w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"net.9.w":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},"b":{"dtype":"U8","shape":[1],"data_offsets":[6,7]}}' '1234567'
ptm weights ls --tree m.safetensors
