from . import cycle_a


def from_b(n=1): "b"
