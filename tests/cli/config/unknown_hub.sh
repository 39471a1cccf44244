mkdir -p "$HOME/.config/ptm"; printf "[modelzo]\nlarge = none\n" >"$HOME/.config/ptm/config.ini"; ptm config
