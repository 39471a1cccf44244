# SPDX-License-Identifier: MIT
"""Pre-trained models without surprises.

    from ptmtorrent import weights
    state = weights.load("resnet18.pth")        # like torch.load, but nothing in the file is ever run
    weights.scan("model.bin").verdict           # what would unpickling it do?
"""
from ._core import Error, FormatError, UnsupportedError, version as _version

__version__ = _version()
__all__ = ["Error", "FormatError", "UnsupportedError", "weights"]


def __getattr__(name: str):
    # Imported when asked for: `import ptmtorrent` costs a few milliseconds whoever uses it for what.
    if name == "weights":
        import importlib
        return importlib.import_module(".weights", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
