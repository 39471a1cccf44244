from .conv import conv_net, dense_net, not_exported
from ..cycle_b import from_b as cycle_made

__all__ = ["conv_net"]
__all__ += ["dense_net"]
__all__.append("cycle_made")
__all__.extend(["NUMBER", "conv"])
NUMBER = 7
