ptm clone huggingface/gpt2@
