"""Names made by loops."""
import sys
from functools import partial

dependencies = list(("torch",))
BASE = "https://example.org/releases"
VARIANTS = {"tiny": (64, "t-0a1b2c3d.pth"), "huge": (4096, "h-99aabbcc.pth")}


def _load(name, pretrained=False):
    return VARIANTS[name]


def _entry(name, doc=None):
    def entry(pretrained=False, progress=True):
        return _load(name, pretrained)
    entry.__doc__ = doc or f"Model {name}."
    return entry


for name in VARIANTS:
    globals()["model_" + name] = _entry(name)
for i in range(4):
    locals()[f"net_b{i}"] = partial(_load, f"b{i}")
for kind, (size, file) in VARIANTS.items():
    vars()["%s_%d" % (kind, size)] = _entry(kind, doc="Of size %d." % size)
for i, letter in enumerate("xyz"):
    setattr(sys.modules[__name__], "letter_{}_{:02d}".format(letter, i), _entry(letter)) if __name__ in sys.modules else globals().__setitem__("letter_{}_{:02d}".format(letter, i), _entry(letter))
globals().update({"up_%s" % k: _entry(k) for k in VARIANTS if k != "huge"})
globals().update(kw_one=_load, kw_two=3)


def _register(prefix):
    for n in ("p", "q"):
        globals()[prefix + n] = _entry(n)


_register("reg_")
for _skip in ["a", "b", "c"]:
    if _skip == "b":
        continue
    if _skip == "c":
        break
    globals()["loop_" + _skip] = _load
del name, i, kind, size, file, letter
