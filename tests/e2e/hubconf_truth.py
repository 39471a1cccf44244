# SPDX-License-Identifier: MIT
"""Run by test_torch_hubconf.py in a Python of its own: what CPython says of a hubconf.py, loaded the way torch.hub loads it."""
import importlib.util
import inspect
import json
import os
import sys

folder = sys.argv[1]
sys.path.insert(0, folder)
spec = importlib.util.spec_from_file_location("hubconf.py", os.path.join(folder, "hubconf.py"))
module = importlib.util.module_from_spec(spec)
sys.modules.pop("hubconf.py", None)
spec.loader.exec_module(module)


def parameters(thing):
    try:
        return list(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return None


names = [name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name))]
entries = {name: {"doc": inspect.getdoc(getattr(module, name)), "parameters": parameters(getattr(module, name))} for name in names}
json.dump({"names": names, "entries": entries, "dependencies": list(getattr(module, "dependencies", [])), "doc": inspect.getdoc(module)}, sys.stdout)
