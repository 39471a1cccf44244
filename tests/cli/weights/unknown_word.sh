ptm weights "$(printf "\033[31mfrobnicate")"
