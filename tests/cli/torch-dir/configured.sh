mkdir -p "$XDG_CONFIG_HOME/ptm"; echo 'hub-dir = /from/file' >"$XDG_CONFIG_HOME/ptm/config.ini"; ptm torch dir
