ptm run huggingface --offline 2>err; ! grep -i shrinkage err
