export HF_TOKEN=hf_secretsecret GITHUB_TOKEN=ghp_secretsecret PTM_REWRITE=https://github.com/=http://me:secret@127.0.0.1/
ptm config --json >out
! grep secretsecret out && ! grep me:secret out && grep -E 'token|rewrite' out
