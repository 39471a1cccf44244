ptm clone hugginface/gpt2
