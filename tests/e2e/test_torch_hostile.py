# SPDX-License-Identifier: MIT
"""Hostile archives, repositories, servers and hub folders against `ptm torch`: refused by name, nothing outside the cache touched, disk and
time bounded, and what was cached stays."""
import io
import json
import os
import pathlib
import stat
import struct
import subprocess
import zipfile
import zlib

import pytest

from conftest import PTM as PTM_COMMAND
from conftest import hub_ptm
from github import GitHub, Link

HUBCONF = "def entry():\n    \"\"\"There.\"\"\"\n"
GB = 1 << 30


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        yield server


@pytest.fixture
def ptm(tmp_path, github):
    return hub_ptm(tmp_path, github)


def outside(ptm):
    """Everything but the hub folder, which nothing hostile may change."""
    return {str(path): path.lstat().st_mtime_ns for path in ptm.folder.rglob("*") if ptm.hub not in (path, *path.parents) and path != ptm.hub.parent}


def leftovers(ptm):
    folder = ptm.hub / ".ptm/tmp"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def archive(*entries):
    """A zip of (name, data, mode) as they are, in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data, mode in entries:
            info = zipfile.ZipInfo("x", (2020, 1, 1, 0, 0, 0))
            info.filename, info.create_system, info.external_attr = name, 3, mode << 16
            zipped.writestr(info, data)
    return out.getvalue()


FILE, FOLDER, LINK = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777
GOOD = [("r/", b"", FOLDER), ("r/hubconf.py", HUBCONF, FILE)]
ARCHIVES = {
    "absolute": [*GOOD, ("/tmp/ptm-hostile-absolute", b"x", FILE)],
    "up": [*GOOD, ("r/../../../up", b"x", FILE)],
    "first-up": [("../", b"", FOLDER), ("../up", b"x", FILE)],
    "first-root": [("/", b"", FOLDER), ("/up", b"x", FILE)],
    "first-dot": [("./", b"", FOLDER), ("./hubconf.py", HUBCONF, FILE)],
    "only-up": [("..", b"", FILE)],
    "backslash": [*GOOD, ("r/..\\..\\up", b"x", FILE)],
    "drive": [*GOOD, ("C:/up", b"x", FILE)],
    "link-out": [*GOOD, ("r/link", b"../../..", LINK)],
    "link-absolute": [*GOOD, ("r/link", b"/etc/passwd", LINK)],
    "link-then-file": [*GOOD, ("r/link", b"../..", LINK), ("r/link/up", b"x", FILE)],
    "link-chain": [*GOOD, ("r/a", b".", LINK), ("r/b", b"a/..", LINK), ("r/c", b"b/../..", LINK)],
    "two-roots": [*GOOD, ("other/up", b"x", FILE)],
    "device": [*GOOD, ("r/device", b"", stat.S_IFCHR | 0o666)],
    "fifo": [*GOOD, ("r/fifo", b"", stat.S_IFIFO | 0o666)],
    "twice": [*GOOD, ("r/hubconf.py", b"def other(): pass\n", FILE)],
    "case": [*GOOD, ("r/HUBCONF.PY", b"def other(): pass\n", FILE)],
    "side-file": [*GOOD, ("r/.ptm-hub.json", b'{"owner": "pytorch", "name": "vision"}', FILE)],
    "side-sums": [*GOOD, ("r/.ptm-hub.sha256", b"", FILE)],
    "git": [*GOOD, ("r/.git/config", b"[core]\n\tfsmonitor = touch up\n", FILE)],
    "control": [*GOOD, ("r/a\x1b[2Jb", b"x", FILE)],
}
# What may as well be harmless once it is unpacked: then it must be exactly that.
HARMLESS = {"case", "first-dot"}


@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archives_are_refused(ptm, github, name):
    repo = f"hostile/{name}"
    github.publish(repo, {"hubconf.py": HUBCONF})
    ptm.run("torch", "fetch", repo)
    folder, before = ptm.hub / f"hostile_{name}_main", outside(ptm)
    github.hostile(repo, github.sha(repo), archive(*ARCHIVES[name]))
    github.hostile(repo, "main", archive(*ARCHIVES[name]))
    done = ptm.run("torch", "fetch", repo, "--force-reload", expect=None)
    assert done.returncode or name in HARMLESS, "taken"
    assert "\x1b" not in done.stderr
    # The copy that was there is as it was; nothing else is anywhere.
    assert (folder / "hubconf.py").read_text() == HUBCONF
    assert {path.name for path in folder.iterdir()} <= {"hubconf.py", "HUBCONF.PY", ".ptm-hub.json", ".ptm-hub.sha256"}
    assert json.loads((folder / ".ptm-hub.json").read_text())["owner"] == "hostile"
    assert outside(ptm) == before and leftovers(ptm) == []
    assert {path.name for path in ptm.hub.iterdir()} <= {folder.name, ".ptm", "trusted_list"}
    assert not os.path.exists("/tmp/ptm-hostile-absolute") and not os.path.exists("/up")


def zeros(size):
    """Deflated zeros, and their CRC; made of equal pieces, so that it takes no time."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(1 << 24)
    first = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    crc = 0
    for _ in range(size // len(piece)):
        crc = zlib.crc32(piece, crc)
    return first * (size // len(piece)) + last, crc


def raw_zip(members):
    """members: (name, packed, size, crc), as stored bytes of a zip."""
    body, directory, count = bytearray(), bytearray(), 0
    for name, packed, size, crc in members:
        name = name.encode()
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8 if packed else 0, 0, 0x21, crc, len(packed), size, len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 0x0314) + fields + struct.pack("<HHHII", 0, 0, 0, FILE << 16, len(body)) + name
        body += b"PK\3\4" + fields + name + packed
        count += 1
    start, size = len(body), len(directory)
    big = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start) + b"PK\6\7" + struct.pack("<IQI", 0, start + size, 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, min(count, 0xffff), min(count, 0xffff), size, start, 0)
    return bytes(body + directory + big + end)


def peak_of(ptm, *args):
    """Runs ptm; its status, words, and how large the hub folder was at most."""
    process, peak = ptm.start(*args), 0
    while True:
        try:
            out, err = process.communicate(timeout=0.05)
            return process.returncode, err, peak
        except subprocess.TimeoutExpired:
            used = 0
            for root, _, names in os.walk(ptm.hub):
                for name in names:
                    try:
                        used += os.lstat(os.path.join(root, name)).st_blocks * 512
                    except FileNotFoundError:
                        pass
            peak = max(peak, used)


@pytest.mark.parametrize("declared", [GB, 100], ids=["told", "not-told"])
def test_ten_gigabytes_of_zeros_do_not_fill_the_disk(ptm, github, declared):
    packed, crc = zeros(GB)
    github.publish("hostile/bomb", {"hubconf.py": HUBCONF})
    github.hostile("hostile/bomb", "main", raw_zip([("r/hubconf.py", b"", 0, 0), *[(f"r/{i}", packed, declared, crc) for i in range(10)]]))
    code, err, peak = peak_of(ptm, "torch", "fetch", "hostile/bomb:main", "--skip-validation")
    assert code and "hostile/bomb" in err and leftovers(ptm) == []
    assert not (ptm.hub / "hostile_bomb_main").exists() and peak < 100 << 20, peak


def test_a_million_entries_are_refused(ptm, github):
    github.publish("hostile/many", {"hubconf.py": HUBCONF})
    github.hostile("hostile/many", "main", raw_zip((f"r/{i}", b"", 0, 0) for i in range(1_000_000)))
    code, err, _ = peak_of(ptm, "torch", "fetch", "hostile/many:main", "--skip-validation")
    assert code and "hostile/many" in err and leftovers(ptm) == []
    assert not (ptm.hub / "hostile_many_main").exists()


@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html><title>Sign in</title>", b"PK\5\6" + bytes(18), b"PK\3\4" + b"\xff" * 1000, b"{}"],
                         ids=["nothing", "page", "empty", "garbage", "json"])
def test_what_is_no_archive_is_refused(ptm, github, body):
    github.publish("hostile/other", {"hubconf.py": HUBCONF})
    github.hostile("hostile/other", "main", body)
    done = ptm.run("torch", "fetch", "hostile/other:main", "--skip-validation", expect=None)
    assert done.returncode and "hostile/other" in done.stderr and leftovers(ptm) == []
    assert not (ptm.hub / "hostile_other_main").exists()


# --- repositories


def test_a_repository_cannot_bring_its_own_side_file(ptm, github):
    github.publish("hostile/side", {"hubconf.py": HUBCONF, ".ptm-hub.json": '{"owner": "pytorch", "name": "vision", "ref": "main"}',
                                    ".ptm-hub.sha256": ""})
    done = ptm.run("torch", "fetch", "hostile/side", expect=None)
    if done.returncode == 0:
        assert json.loads((ptm.hub / "hostile_side_main/.ptm-hub.json").read_text())["owner"] == "hostile"
        assert "hubconf.py" in (ptm.hub / "hostile_side_main/.ptm-hub.sha256").read_text()
        ptm.run("torch", "cache", "verify")


def test_links_out_of_the_repository_are_not_read(ptm, github, tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text("def secret():\n    \"\"\"Not for you.\"\"\"\n")
    here = tmp_path / "mine"
    (here / "package").mkdir(parents=True)
    (here / "hubconf.py").symlink_to(secret)
    assert "secret" not in ptm.run("torch", "list", here, expect=None).stdout
    (here / "hubconf.py").unlink()
    (here / "hubconf.py").write_text("from other import *\nfrom package.deep import secret\n")
    (here / "other.py").symlink_to(secret)
    (here / "package/deep.py").symlink_to("../../secret.py")
    done = ptm.run("torch", "show", here, expect=None)
    assert "Not for you" not in done.stdout
    github.publish("hostile/links", {"hubconf.py": Link("/etc/passwd")})
    assert ptm.run("torch", "list", "hostile/links", expect=None).returncode


def test_terminals_see_no_escapes_of_a_repository(ptm, github):
    github.publish("hostile/escapes", {"hubconf.py": 'dependencies = ["a\\x1b]0;owned\\x07"]\n\n\ndef net(x="\x1b[2J"):\n    "Doc \\x1b[31mred\\x1b[0m \\u202e"\n\n\n'
                                       'globals()["\\x1b[2Jname"] = net\nglobals().update({"a\\nb": net})\n'})
    for verb in (["list"], ["show"], ["show", "--json"], ["list", "--json"]):
        done = ptm.run("torch", verb[0], "hostile/escapes", *verb[1:])
        assert "net" in done.stdout and "[2Jname" in done.stdout, verb
        assert "\x1b" not in done.stdout + done.stderr and "\x07" not in done.stdout + done.stderr, verb
    assert all(" " not in line for line in ptm.run("torch", "list", "hostile/escapes").stdout.splitlines())


LONG = "a" * 900_000
OFTEN = "for i in range(5000):\n  for j in range(5000):\n"
PYTHON = {
    "deep": "x = " + "(" * 100_000 + ")" * 100_000,
    "unary": "x = " + "-" * 200_000 + "1",
    "blocks": "".join("    " * i + "if x:\n" for i in range(500)) + "    " * 500 + "pass\n",
    "globals": "for i in range(10**9):\n    globals()[f'n{i}'] = print\n",
    "product": "for a in range(300):\n  for b in range(300):\n    for c in range(300):\n      globals()[f'n{a}{b}{c}'] = print\n",
    "double": "x = 'a'\n" + "x = x + x\n" * 60 + "globals()[x] = print\n",
    "repeat": "x = 'a' * 10**12\ny = [0] * 10**12\nglobals()['n' + 'x' * 10**10] = print\n",
    "power": "x = 10 ** 10 ** 10\nglobals()[f'n{9**9**9}'] = print\n",
    "format": "globals()[f'{1:1000000000}'] = print\nglobals()['%1000000000d' % 1] = print\nglobals()['{:>1000000000}'.format(1)] = print\n",
    "recursion": "def f(): return f()\nglobals()[f()] = f\nx = lambda: x()\nglobals()[x()] = f\n",
    "self-import": "from hubconf import *\nimport hubconf\nfrom hubconf import a as b, b as a\nfrom a import *\n",
    "aliases": "a0 = print\n" + "".join(f"a{i} = a{i - 1}\n" for i in range(1, 20_000)),
    "dicts": "d = {}\nd['d'] = d\nglobals().update(d)\nfor k in d: globals()[k] = d\n",
    "nul": "def a(): pass\n\0\ndef b(): pass\n",
    "latin1": b"# -*- coding: latin-1 -*-\ndef a():\n    '''\xe9'''\n",
    "bytes": bytes(range(256)) * 100,
    "line": "def a(): pass\nx = '" + "a" * 10_000_000 + "'\n",
    "many": "".join(f"def f{i}(): pass\n" for i in range(60_000)),
    "urls": "import torch\ndef a():\n" + "".join(f"    torch.hub.load_state_dict_from_url('https://files.example.org/{i}.pth')\n" for i in range(100_000)),
    # Little to do, each time with much to go through.
    "long-name": LONG + " = 1\n" + OFTEN + "    " + LONG,
    "equal": f"s = '{LONG}'\nt = s + ''\n" + OFTEN + "    s == t\n    s.startswith(t)",
    "sum": f"s = '{LONG}'\n" + OFTEN + "    s + s",
    "find": "s = 'ab'\n" + "s = s + s\n" * 18 + "t = 'ab'\n" + "t = t + t\n" * 12 + "t = t + 'c'\n" + OFTEN + "    t in s\n    s.split(t)",
    "replace": f"s = '{LONG}'\n" + OFTEN + "    s.replace('a', 'bbb')",
    "keys": "d = {" + ",".join(f"'{'k' * 30_000}{i}': 1" for i in range(31)) + "}\n" + OFTEN + f"    d.get('{'k' * 30_000}z')",
    "sort": "l = []\nfor i in range(5000):\n  for j in range(20):\n    l.append(i)\n" + OFTEN + "    l.sort()",
    "percent": "s = '%d'\n" + "s = s + s\n" * 10 + OFTEN + "    s % 1",
    "blanks": OFTEN + "    1 ==" + " " * 500_000 + "1\n    f'{x" + " " * 500_000 + "}'",
    "nul-text": OFTEN + "    '" + LONG + "\\0'",
    "arguments": "def f(" + ",".join(f"a{i}=1" for i in range(9000)) + "): pass\nd = {}\nfor i in range(5000): d['a' + str(i)] = i\n" + OFTEN + "    f(**d)",
    "fields": "d = {}\nfor i in range(5000): d['a' + str(i)] = i\ns = '{b}'\n" + "s = s + s\n" * 12 + OFTEN + "    s.format(**d)",
    "comments": OFTEN + "    f(" + "#\n" * 15_000 + ")",
}


@pytest.mark.parametrize("name", PYTHON)
def test_hostile_python_is_read_in_bounds(ptm, tmp_path, name):
    here = tmp_path / "mine"
    here.mkdir()
    text = PYTHON[name]
    (here / "hubconf.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    (here / "a.py").write_text("from hubconf import *\n")
    # Seconds of a processor: those of the clock tell how busy the machine is.
    limited = f"ulimit -v 4000000; ulimit -t 20; exec timeout 240 {PTM_COMMAND} torch"
    if "ASAN_OPTIONS" in os.environ:
        limited = limited.replace("ulimit -v 4000000; ", "")  # it reserves terabytes
    for verb in ("list", "show", "check"):
        done = subprocess.run(["sh", "-c", f"{limited} {verb} ./mine"], cwd=tmp_path, env=ptm.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        assert done.returncode in (0, 1, 2, 3), (verb, done.returncode, done.stderr[-2000:])
        assert len(done.stderr) < 1 << 20


def test_weights_of_a_repository_are_fetched_from_the_network_alone(ptm, github, tmp_path):
    """force-reload fetches anew what a hubconf.py names: a hostile one names this machine's files."""
    secret = tmp_path / "secret.pth"
    secret.write_bytes(b"PK\3\4 secret")
    github.publish("hostile/weights", {"hubconf.py": "from torch.hub import load_state_dict_from_url as get\n\n\ndef net():\n"
                                       f"    get('file://{secret}')\n    get('https://files.example.org/../trusted_list')\n"
                                       "    get('https://files.example.org/x%2f..%2f..%2ftrusted_list')\n    get('https://files.example.org/..')\n"
                                       "    get('https://files.example.org/')\n    get('gopher://x/y.pth')\n"
                                       "    get('https://files.example.org/evil/resnet18-f37072fd.pth')\n"})
    github.file("evil/resnet18-f37072fd.pth", b"PK\3\4 evil")
    ptm.run("torch", "trust", "add", "acme/plain")
    checkpoints = ptm.hub / "checkpoints"
    checkpoints.mkdir()
    names = ("secret.pth", "trusted_list", "y.pth", "resnet18-f37072fd.pth")
    for name in names:
        (checkpoints / name).write_bytes(b"mine")
    ptm.run("torch", "fetch", "hostile/weights", "--force-reload", expect=None)
    assert (ptm.hub / "trusted_list").read_text() == "acme_plain\n"
    assert {name: (checkpoints / name).read_bytes() for name in names} == dict.fromkeys(names, b"mine")


# --- the hub folder


def test_a_hub_folder_that_is_strange_is_named(ptm, github, tmp_path):
    github.publish("acme/fine", {"hubconf.py": HUBCONF})
    ptm.hub.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.mkfifo(ptm.hub / "trusted_list")
    assert ptm.run("torch", "trust", expect=None, timeout=20).returncode
    (ptm.hub / "trusted_list").unlink()
    (ptm.hub / "acme_fine_main").symlink_to(elsewhere)
    done = ptm.run("torch", "fetch", "acme/fine", "--force-reload", expect=None)
    assert list(elsewhere.iterdir()) == []
    ptm.run("torch", "cache", "rm", "acme_fine_main", expect=None)
    assert elsewhere.exists() and (done.returncode or (ptm.hub / "acme_fine_main").exists() is False)
    (ptm.hub / "checkpoints").write_bytes(b"a file")
    assert ptm.run("torch", "weights", github.file("x.pth", b"PK\3\4"), expect=None).returncode
    assert ptm.run("torch", "cache", "ls", expect=None).returncode in (0, 2, 3)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"owner": 5}', b'{"owner": "../..", "name": "x", "ref": "y"}', b"\xff" * 100, b"[" * 100_000,
                                  b'{"owner": "acme", "name": "fine", "ref": "main", "commit": "\\u0000"}'])
def test_side_files_that_are_damaged_are_named(ptm, github, text):
    if not github.bare("acme/side").exists():
        github.publish("acme/side", {"hubconf.py": HUBCONF})
    ptm.run("torch", "fetch", "acme/side")
    side = ptm.hub / "acme_side_main/.ptm-hub.json"
    side.chmod(0o644)
    side.write_bytes(text)
    for verb in (["list", "acme/side"], ["cache", "ls"], ["cache", "verify"], ["fetch", "acme/side:main"]):
        done = ptm.run("torch", *verb, expect=None)
        assert done.returncode in (0, 2, 3) and (verb[0] == "cache" or done.returncode == 0 or "acme" in done.stderr), verb
    ptm.run("torch", "fetch", "acme/side:main", "--force-reload")
    assert ptm.run("torch", "list", "acme/side").stdout == "entry\n"


# --- servers


def test_a_server_that_sends_elsewhere(ptm, github, tmp_path):
    """A redirect to a local file, or a name with a way up, from a host that is not ours."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"PK\3\4secret")
    port = github.ports["files.example.org"]
    for target in (f"file://{secret}", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
        (github.dir / "files").mkdir(exist_ok=True)
        done = ptm.run("torch", "download", f"http://127.0.0.1:{port}/redirect", "out.pth", "--rewrite",
                       f"http://127.0.0.1:{port}/redirect={redirector(tmp_path, target)}", expect=None)
        assert done.returncode and not (tmp_path / "out.pth").exists(), target


def redirector(folder, target):
    """URL of canned.py answering with a redirect; it ends when the test's folder object goes."""
    import sys  # only here
    rules = folder / "rules.json"
    rules.write_text(json.dumps([{"status": 302, "headers": {"Location": target}}]))
    canned = pathlib.Path(__file__).resolve().parents[1] / "httpd/canned.py"
    process = subprocess.Popen([sys.executable, canned, rules, folder / "log"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    SERVERS.append(process)
    return f"http://127.0.0.1:{process.stdout.readline().strip()}/x.pth"


SERVERS = []


@pytest.fixture(autouse=True)
def end_servers():
    yield
    while SERVERS:
        process = SERVERS.pop()
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
