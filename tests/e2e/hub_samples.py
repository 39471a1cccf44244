# SPDX-License-Identifier: MIT
"""Sample repositories for torch.hub, our own content: published on a loopback GitHub (github.py) for torch's torch.hub and ours.

    plain(github)              acme/plain: entry points of every ordinary kind, without torch
    torchhub_example(github)   ailzhang/torchhub_example, the repository that torch's own tests use, by its interface facts: branch master,
                               entry points mnist, mnist_zip, mnist_zip_1_6, branch ci/test_slash, state dicts whose sum is EXAMPLE_SUM
    models(github)             acme/models: modules with seeded weights, a tuple, weights in the repository; needs torch when loaded
"""
import io
import zipfile

EXAMPLE = "ailzhang/torchhub_example"
EXAMPLE_SUM = 431080  # parameters of the network below, all of them 1

PLAIN_HUBCONF = '''"""Entry points without torch."""
dependencies = ["json", "pathlib"]

import functools as _functools
import os
from json import dumps as to_json
from pathlib import Path

from library import helper, Widget as Thing
from stars import *

LIMIT = 3


def first(a, b=2, *rest, flag: bool = False, **kwargs):
    """The first one.

    Example:
        >>> first(1)
    """
    return {"a": a, "b": b, "rest": rest, "flag": flag, **kwargs}


def unicode():
    """模型的说明:用于测试。 Модель. Modèle «naïf» — 🔥"""
    return "ok"


def undocumented():
    return None


def _private():
    """Not listed, but help and load find it."""
    return "private"


class Model:
    """A class is an entry point."""

    def __init__(self, size=1):
        self.size = size


small = _functools.partial(first, 1, b=3)
square = lambda x: x * x  # noqa: E731
alias = first

try:
    import absent_module_of_nobody
except ImportError:
    def fallback():
        """Defined where an import failed."""
        return "fallback"

if LIMIT > 2:
    def conditional():
        """Under an if."""
else:
    conditional = None

for size in (8, 16):
    globals()[f"model_{size}"] = _functools.partial(Model, size)
'''

PLAIN = {
    "hubconf.py": PLAIN_HUBCONF,
    "library/__init__.py": 'from .parts import Widget\n\n\ndef helper(x):\n    """Helps."""\n    return x\n',
    "library/parts.py": 'class Widget:\n    """A widget of parts."""\n',
    "stars.py": '__all__ = ["starred", "_under"]\n\n\ndef starred():\n    """By a star."""\n\n\ndef _under():\n    """In __all__, but private."""\n\n\n'
                'def hidden():\n    """Not in __all__."""\n',
    "data/table.txt": "1\n2\n",
    "README.md": "# plain\n",
}

EXAMPLE_HUBCONF = '''dependencies = ["torch"]

import torch.nn as nn
from torch.hub import load_state_dict_from_url


class _Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x).relu(), 2)
        x = nn.functional.max_pool2d(self.conv2(x).relu(), 2)
        return self.fc2(self.fc1(x.flatten(1)).relu()).log_softmax(1)


def _net(pretrained, url):
    net = _Net()
    if pretrained:
        net.load_state_dict(load_state_dict_from_url(url, progress=False))
    return net


def mnist(pretrained=False, **kwargs):
    """A small network for digits.

    pretrained (bool): with weights that are all 1
    """
    return _net(pretrained, "https://github.com/ailzhang/torchhub_example/releases/download/0.1/mnist_init_ones")


def mnist_zip(pretrained=False, **kwargs):
    """The same; the weights are a zip file that holds a checkpoint."""
    return _net(pretrained, "https://github.com/ailzhang/torchhub_example/releases/download/0.1/mnist_init_ones_zip.zip")


def mnist_zip_1_6(pretrained=False, **kwargs):
    """The same; the weights are a checkpoint that is a zip file, as torch 1.6 and later write."""
    return _net(pretrained, "https://github.com/ailzhang/torchhub_example/releases/download/0.1/mnist_init_ones_1_6.zip")
'''

MODELS_HUBCONF = '''dependencies = ["torch"]

import os

import torch

from models import Tiny
from utils import decode

_ROOT = os.path.dirname(__file__)


def tiny(seed=1):
    """Seeded weights.

    Example:
        >>> tiny(seed=2)
    """
    torch.manual_seed(seed)
    return Tiny()


def bundled():
    """Weights that lie in the repository."""
    net = Tiny()
    net.load_state_dict(torch.load(os.path.join(_ROOT, "weights", "tiny.pth"), map_location="cpu"))
    return net


def pair():
    """A module and a helper, as a tuple."""
    return tiny(), decode
'''

MODELS = {
    "hubconf.py": MODELS_HUBCONF,
    "models/__init__.py": "from .tiny import Tiny\n",
    "models/tiny.py": "import torch\n\n\nclass Tiny(torch.nn.Module):\n    \"\"\"Two layers.\"\"\"\n\n    def __init__(self):\n        super().__init__()\n"
                      "        self.a = torch.nn.Linear(4, 3)\n        self.b = torch.nn.Linear(3, 2)\n\n    def forward(self, x):\n"
                      "        return self.b(self.a(x).relu())\n",
    "utils.py": "def decode(x):\n    \"\"\"Index of the largest.\"\"\"\n    return x.argmax(-1)\n",
}


def plain(github, name="acme/plain", **more):
    return github.publish(name, PLAIN, tags=["v1.0"], **more)


def example_weights(zipped=True, value=1.0):
    """The checkpoint of the example: zipped (torch 1.6 and later) or the older stream."""
    import torch  # only where weights are made
    shapes = {"conv1.weight": (20, 1, 5, 5), "conv1.bias": (20,), "conv2.weight": (50, 20, 5, 5), "conv2.bias": (50,), "fc1.weight": (500, 800),
              "fc1.bias": (500,), "fc2.weight": (10, 500), "fc2.bias": (10,)}
    out = io.BytesIO()
    torch.save({name: torch.full(shape, value) for name, shape in shapes.items()}, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def in_zip(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(name, data)
    return out.getvalue()


def torchhub_example(github):
    github.publish(EXAMPLE, {"hubconf.py": EXAMPLE_HUBCONF, "README.md": "# example\n"}, branch="master")
    github.publish(EXAMPLE, {"side.txt": "of the branch\n"}, branch="ci/test_slash")
    for name, data in (("mnist_init_ones", example_weights(zipped=False)),
                       ("mnist_init_ones_zip.zip", in_zip("mnist_init_ones", example_weights(zipped=False))),
                       ("mnist_init_ones_1_6.zip", example_weights())):
        github.asset(EXAMPLE, "0.1", name, data)


def models(github, name="acme/models"):
    import torch  # only where weights are made
    torch.manual_seed(7)
    out = io.BytesIO()
    state = {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3), "b.weight": torch.randn(2, 3), "b.bias": torch.randn(2)}
    torch.save(state, out)
    return github.publish(name, {**MODELS, "weights/tiny.pth": out.getvalue()})
