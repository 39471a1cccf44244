mkdir -p "$HOME/.config/ptm"; printf "keep-free = lots\n" >"$HOME/.config/ptm/config.ini"; ptm config
