mkdir -p "$HOME/.config/ptm"; printf "jobs = 2\nlarg = none\n" >"$HOME/.config/ptm/config.ini"; ptm status
