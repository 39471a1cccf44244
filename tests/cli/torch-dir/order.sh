ptm torch dir | sed "s|$HOME|HOME|"; XDG_CACHE_HOME=/xdg ptm torch dir; XDG_CACHE_HOME=/xdg TORCH_HOME=/torch ptm torch dir; TORCH_HOME='~/t' ptm torch --json dir | sed "s|$HOME|HOME|"
