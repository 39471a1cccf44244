mkdir -p "$HOME/.config/ptm"; echo nonsense >"$HOME/.config/ptm/config.ini"; ptm help >/dev/null
