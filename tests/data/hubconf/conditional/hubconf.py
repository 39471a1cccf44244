"""Branches, loops, handlers."""
from __future__ import annotations
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nowhere import never_there

dependencies = ("torch",)

if sys.version_info >= (3, 0):
    def both(a=1):
        """Both ways."""
else:
    def both(a=1):
        """Both ways."""

try:
    from no_such_package_at_all import fancy
except ImportError:
    def fancy(x):
        """Fallback."""

try:
    import no_such_package_at_all
except ImportError:
    no_such_package_at_all = None

with open(__file__) as _handle:
    def in_with(): pass

while True:
    def in_while(): pass
    break

for _ in ():
    def never_made(): pass
else:
    def in_else(): pass

if 1 == 2:
    def impossible(): pass
elif "a" in ("a", "b"):
    def chosen(): pass
else:
    def impossible_too(): pass

match sys.platform:
    case "linux":
        def matched(): pass
    case _:
        def matched(): pass


def removed(): pass


del removed


def replaced(old): pass


def replaced(new): "Second."


becomes_data = both
becomes_data = 4

if __name__ == "__main__":
    def only_as_script(): pass
