HF_ENDPOINT=http://127.0.0.1:8080 ptm config --json | grep rewrite
