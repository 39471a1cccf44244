def conv_net(kernel=3):
    """Conv."""


def dense_net(units=16):
    """Dense."""


def not_exported():
    pass
