ptm weights convert a.safetensors
