# SPDX-License-Identifier: MIT
"""Pre-trained models without surprises.

    from ptmtorrent import weights
    state = weights.load("resnet18.pth")        # like torch.load, but nothing in the file is ever run
    weights.scan("model.bin").verdict           # what would unpickling it do?

    from ptmtorrent import hub as torch_hub     # torch.hub, and what it lacks
    model = torch_hub.load("pytorch/vision", "resnet18")
"""
from typing import TYPE_CHECKING

from ._core import Error, FormatError, UnsupportedError, version as _version

if TYPE_CHECKING:
    from . import hub, weights

__version__ = _version()
__all__ = ["Error", "FormatError", "UnsupportedError", "hub", "weights"]


def _lazy(name: str) -> object:
    # Imported when asked for: `import ptmtorrent` costs a few milliseconds whoever uses it for what.
    if name in ("hub", "weights"):
        import importlib
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # with it, checkers would take any name for one of this package
    __getattr__ = _lazy
