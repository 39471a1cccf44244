ptm run huggingface/gpt2
