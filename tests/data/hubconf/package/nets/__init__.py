from .basic import build
from . import blocks
from .cycle_a import from_a


def make_default(depth=3):
    """Default net."""
    return build(depth)
