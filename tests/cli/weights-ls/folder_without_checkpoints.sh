mkdir d; echo text >d/x; ptm weights ls d
