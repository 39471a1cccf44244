import math
__all__ = ["Basic"]


class Basic(object):
    """Basic net."""

    def __init__(self, depth, width=8):
        self.depth = depth


def build(depth, *, width=4):
    """Builds a Basic."""
    return Basic(depth, width)
