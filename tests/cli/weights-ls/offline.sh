ptm weights ls --offline https://huggingface.co/gpt2/resolve/main/model.safetensors
