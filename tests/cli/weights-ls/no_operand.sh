ptm weights ls
