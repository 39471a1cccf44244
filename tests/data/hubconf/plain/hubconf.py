"""A module with one of each."""
dependencies = ["torch", "numpy"]

import functools
import os
from functools import partial

VERSION = "1.0"
SIZES = {"small": 64, "large": 512}
_cache = {}


def small(pretrained=False, **kwargs):
    """Small model.

    pretrained (bool): load weights
    """
    return _build("small", pretrained, **kwargs)


def large(
    pretrained: bool = False,
    *,
    width: int = SIZES["large"],  # channels
    names=("a", "b"),
    **kwargs,
):
    '''Large model.'''
    return _build("large", pretrained, **kwargs)


def no_doc(a, /, b, *args, c=1): return a


def _build(size, pretrained, **kwargs):
    """Private."""
    return SIZES[size]


async def later(x=None):
    "An async one."


double = lambda x, times=2: x * times
constant = lambda: 3
medium = partial(small, pretrained=True)
sized = functools.partial(_build, "small")
other_name = large
joined = os.path.join
shout = print
a, b = small, 3
[first, *rest] = [small, large, 1]
x = y = large
flag = not VERSION
total = 1 + 2
text = "a" "b" f"{VERSION}"
