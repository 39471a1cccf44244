# SPDX-License-Identifier: MIT
"""`python -m ptmtorrent` is `ptm`."""
import sys

from ._command import run

if __name__ == "__main__":
    run(sys.argv[1:])
