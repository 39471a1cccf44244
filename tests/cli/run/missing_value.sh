ptm run huggingface --root
