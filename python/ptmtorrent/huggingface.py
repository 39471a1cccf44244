# SPDX-License-Identifier: MIT
"""`python -m ptmtorrent.huggingface` harvests that hub into ./data, as the module of this name did in the reference: `ptm run huggingface`."""
from ._command import run_hub

if __name__ == "__main__":
    run_hub("huggingface")
