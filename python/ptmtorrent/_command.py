# SPDX-License-Identifier: MIT
"""The command `ptm`, which the wheel brings along, from Python: what `python -m ptmtorrent` and `python -m ptmtorrent.HUB` run."""
from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import sys
from typing import List, NoReturn


def path() -> str:
    """The program that was installed with this package; where it was not (a checkout on PYTHONPATH), the one in PATH."""
    try:
        files = importlib.metadata.files("ptmtorrent") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "ptm" and os.access(str(file.locate()), os.X_OK):
            return os.path.normpath(str(file.locate()))
    found = shutil.which("ptm")
    if found is None:
        raise FileNotFoundError("the command ptm is not installed: `pip install .` or `make install` in a checkout of ptmtorrent brings it")
    return found


def run(arguments: List[str]) -> NoReturn:
    """Becomes `ptm ARGUMENTS`: signals, terminal and exit status are the command's own."""
    try:
        program = path()
    except FileNotFoundError as error:
        sys.exit(str(error))
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the program: `| head` would be an error
    os.execv(program, ["ptm", *arguments])


def run_hub(hub: str) -> NoReturn:
    """The main job for one hub, as the reference's module of that name ran it; arguments go to `ptm run`."""
    run(["run", hub, *sys.argv[1:]])
