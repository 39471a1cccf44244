# SPDX-License-Identifier: MIT
"""The types that py.typed promises, as mypy --strict reads them: of the package itself, and in programs that use it as it is installed."""
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("mypy", reason="mypy is not here")

PROJECT = pathlib.Path(__file__).resolve().parents[2]

GOOD = '''
import collections.abc
import pathlib
import urllib.error
from typing import Any, Dict, List, Optional, Tuple

import ptmtorrent
from ptmtorrent import Error, FormatError, UnsupportedError, hub, weights
from ptmtorrent.weights import Checkpoint, Finding, Opaque, Report, ScanGlobal, TensorInfo

version: str = ptmtorrent.__version__
names: List[str] = hub.list("a/b", trust_repo=True, isolate=False, profile="2.10")
doc: Optional[str] = hub.help("a/b:main", "net", force_reload=True)
model: Any = hub.load("a/b", "net", 3, pretrained=True, source="github", trust_repo="check", isolate="auto")
hub.set_dir(pathlib.Path("hub"))
folder: str = hub.get_dir()
hub.download_url_to_file("https://example.org/a", pathlib.Path("a"), hash_prefix="1a2b3c4d", progress=False)
state: Dict[str, Any] = hub.load_state_dict_from_url("https://example.org/a.pth", pathlib.Path("w"), "cpu", check_hash=True)
try:
    ptmtorrent.hub.load("a/b", "c")
except hub.UntrustedError as untrusted:
    end: EOFError = untrusted
except hub.StatusError as answer:
    status: urllib.error.HTTPError = answer
except (hub.RefError, hub.UrlError, hub.DamagedError, hub.UnsafeError) as other:
    print(other.reason.upper(), other.retryable)
except Error as error:
    print(error.http_status + 1)
with weights.open("a", framework="numpy") as file:
    mapping: "collections.abc.Mapping[str, Any]" = file
    for name, tensor in file.items():
        print(name.upper(), tensor.shape)
    info: TensorInfo = file.info("w")
    print(info.dtype.upper(), file.format.upper(), file.producer.upper(), file.parameters + file.nbytes)
    shape: Tuple[int, ...] = info.shape
    stride: Optional[Tuple[int, ...]] = info.stride
    metadata: Dict[str, str] = file.metadata
opened: Checkpoint = ptmtorrent.weights.open(pathlib.Path("a"))
tree: Any = weights.load(pathlib.Path("a"), map_location={"cuda:0": "cpu"}, flat=True)
tree = weights.load("a", lambda storage, location: storage)
report: Report = weights.scan(pathlib.Path("a"), allow=["a.b"])
for finding in report.findings:
    one: Finding = finding
    print(finding.rule.upper(), (finding.member or "").upper())
for found in report.globals:
    two: ScanGlobal = found
written: Dict[str, Any] = weights.convert("a", pathlib.Path("b"), shard_size=5)
opaque = Opaque("a.b", args=(1,))
refused: ValueError = FormatError("x")
lacking: NotImplementedError = UnsupportedError("x")
'''
# Each line is a mistake that is found.
BAD = '''hub.laod("a/b", "c")
hub.list("a/b", force=True)
hub.get_dir().name
hub.set_dir(3)
hub.help("a/b", "c").upper()
weights.open(3)
weights.open("a").shapes
weights.scan("a").findings[0].member.upper()
weights.load("a", framwork="numpy")
ptmtorrent.wieghts
'''
HEAD = "import ptmtorrent\nfrom ptmtorrent import hub, weights\n"


def mypy(folder, *args):
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache"), *args], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    return done.stdout


def test_programs_of_users(tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(HEAD + BAD)
    told = mypy(tmp_path, "--strict", "good.py", "bad.py")
    assert "good.py" not in told, told
    lines = {int(line.split(":")[1]) for line in told.splitlines() if ": error: " in line}
    first = HEAD.count("\n") + 1
    assert lines == set(range(first, first + BAD.count("\n"))), told


def test_the_package_itself(tmp_path):
    told = mypy(tmp_path, "--config-file", str(PROJECT / "pyproject.toml"), "-p", "ptmtorrent")
    assert told.startswith("Success"), told
