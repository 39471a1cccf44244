ptm run hugingface
