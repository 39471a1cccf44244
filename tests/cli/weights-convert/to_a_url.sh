ptm weights convert a.safetensors https://example.org/b.safetensors
