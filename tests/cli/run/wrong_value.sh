ptm run huggingface --large some
