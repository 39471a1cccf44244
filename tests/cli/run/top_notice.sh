ptm run huggingface --offline --top ten
