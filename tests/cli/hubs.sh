# SPDX-License-Identifier: MIT
# Sourced by cases: small repositories with a hubconf.py, as folders and in the hub folder, and nothing of the network.

export TORCH_HOME="$PWD/torch"
hub=$TORCH_HOME/hub

hubconf() { # hubconf DIR
    mkdir -p "$1"
    cat >"$1/hubconf.py" <<'END'
"""Small nets."""
dependencies = ["torch", "numpy"]
from torch.hub import load_state_dict_from_url

def net(pretrained=False, *, width: int = 3, **kwargs):
    """A small net.

    >>> net(pretrained=True)
    """
    if pretrained:
        return load_state_dict_from_url("https://example.org/net-1a2b3c4d.pth")

def undocumented(a):
    return a

def _hidden():
    """Not listed."""
END
}

dynamic() { # dynamic DIR: one that makes names
    mkdir -p "$1"
    printf 'def sure():\n    """Sure."""\n\nglobals().update(make())\n' >"$1/hubconf.py"
}

cached() { # cached OWNER NAME REF: as we keep it in the hub folder
    dir=$hub/${1}_${2}_$3
    hubconf "$dir"
    printf '{"format": 1, "host": "github.com", "owner": "%s", "name": "%s", "ref": "%s", "commit": "0123456789abcdef0123456789abcdef01234567", "fetched": "2026-01-31T12:00:00Z"}\n' \
        "$1" "$2" "$3" >"$dir/.ptm-hub.json"
    (cd "$dir" && sha256sum hubconf.py >.ptm-hub.sha256)
}

by_torch() { # by_torch OWNER NAME REF: as torch keeps it
    hubconf "$hub/${1}_${2}_$3"
}
