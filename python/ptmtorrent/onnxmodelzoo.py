# SPDX-License-Identifier: MIT
"""`python -m ptmtorrent.onnxmodelzoo` harvests that hub into ./data, as the module of this name did in the reference: `ptm run onnxmodelzoo`."""
from ._command import run_hub

if __name__ == "__main__":
    run_hub("onnxmodelzoo")
