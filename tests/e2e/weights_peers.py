# SPDX-License-Identifier: MIT
"""The libraries that checkpoints are compared with (tools/test-weights-peers): `weights_peers.need("safetensors")` gives the module or
skips the test file, saying what to run."""
import importlib
import sys
import types

import pytest
from servers import ROOT

PEERS = ROOT / "build/peers-weights"


def need(name: str) -> types.ModuleType:
    for folder in PEERS.glob("lib/python3*/site-packages"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))  # after the system's own: its torch needs its NumPy
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not there: tools/test-weights-peers build/peers-weights", allow_module_level=True)
