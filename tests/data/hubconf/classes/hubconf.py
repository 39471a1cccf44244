class Plain:
    """Plain."""


class WithInit(Plain):
    def __init__(self, a, b: int = 2, *args, c=None, **kw):
        """Init doc."""


class Inherited(WithInit):
    pass


class Second(object):
    "Has a call."

    def __call__(self, x): return x

    @staticmethod
    def static(x, y): "s"

    @classmethod
    def made(cls, z): "m"

    def method(self, w): "w"


class NoCall:
    pass


class Meta(type):
    pass


def decorate(f):
    return f


@decorate
def decorated(a, b):
    """Decorated."""


instance = Second()
plain_instance = NoCall()
static = Second.static
made = Second.made
bound = instance.method
listed = [Plain, Second]
picked = listed[1]
table = {"k": WithInit}
from_table = table["k"]
by_getattr = getattr(Second, "static")
