# SPDX-License-Identifier: MIT
"""Archives that want out of the cache, or the disk full: `ptm torch fetch` refuses each by name, and leaves nothing behind."""
import io
import os
import stat
import struct
import subprocess
import zipfile
import zlib

import pytest

from conftest import PTM, Ptm
from github import GitHub

GIGABYTE = 1 << 30
FILE, LINK, FIFO, DEVICE = (kind | 0o644 for kind in (stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR))
ROOT = "acme-evil-0123456"


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        server.sha_of_evil = server.publish("acme/evil", {"hubconf.py": "def f():\n    'doc'\n"})
        yield server


class Target:
    """A cache in a folder with things that no archive may touch."""

    def __init__(self, folder, github):
        self.folder, self.github = folder, github
        self.ptm = Ptm(folder, github.rewrites)
        self.hub = folder / "torch/hub"
        self.ptm.env["TORCH_HOME"] = str(folder / "torch")
        (folder / "secret").write_text("secret")
        (folder / "torch").mkdir()
        (folder / "torch/beside").write_text("beside")
        self.hub.mkdir()
        (self.hub / "acme_other_main").mkdir()
        (self.hub / "acme_other_main/hubconf.py").write_text("other")
        self.before = self.outside()

    def outside(self):
        """All that is not ptm's own, with its text."""
        seen = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if not name.startswith(("home", "torch/hub/.ptm", "torch/hub/trusted_list")):
                seen[name] = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        return seen

    def serve(self, archive):
        self.github.hostile("acme/evil", self.github.sha_of_evil, archive)

    def check(self):
        assert self.outside() == self.before
        left = [path.name for path in (self.hub / ".ptm/tmp").glob("*")]
        assert left == []
        used = sum(path.lstat().st_blocks * 512 for path in self.hub.rglob("*"))
        assert used < 1 << 20

    def refuses(self, *says, kilobytes="unlimited"):
        """kilobytes: address space. The sanitizers take it by the terabyte."""
        if "ASAN_OPTIONS" in os.environ:
            kilobytes = "unlimited"
        result = subprocess.run(["sh", "-c", 'ulimit -v "$0"; exec "$@"', kilobytes, PTM, "torch", "fetch", "acme/evil:main"], env=self.ptm.env,
                                cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
        assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
        assert result.returncode in (1, 2, 3), result.stderr
        for text in ("acme/evil:main", *says):
            assert text in result.stderr, result.stderr
        self.check()


@pytest.fixture
def target(tmp_path, github):
    return Target(tmp_path, github)


def archive(github, entries, root=ROOT):
    """entries: (path below root, data, mode)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(root + "/" + name if root else name)
            info.create_system, info.external_attr = 3, mode << 16
            zipped.writestr(info, data)
        zipped.comment = github.sha_of_evil.encode()
    return out.getvalue()


def test_a_harmless_archive_is_taken(target, github):
    target.serve(archive(github, [("hubconf.py", "x = 1\n", FILE), ("link", "hubconf.py", LINK)]))
    target.ptm.run("torch", "fetch", "acme/evil:main")
    assert (target.hub / "acme_evil_main/link").read_text() == "x = 1\n"


@pytest.mark.parametrize("name", ["/etc/ptm-was-here", "../../../../secret", "..", "../", "a/../../../x", "a\\..\\..\\x", "C:/x", "C:\\x", ".git/config",
                                  "a/.GIT/hooks/post-checkout", "git~1/config", "line\nbreak", "bell\x07"])
@pytest.mark.parametrize("first", [True, False])
def test_paths(target, github, name, first):
    for root in ("", ROOT):
        good = [(f"{'' if root else ROOT + '/'}hubconf.py", "x = 1\n", FILE)]
        evil = [(name, "evil", FILE)]
        target.serve(archive(github, evil + good if first else good + evil, root))
        shown = "".join("?" if ord(c) < 32 else c for c in (f"{root}/{name}" if root else name)).rstrip("/")
        target.refuses(f'"{shown}"')
    assert not os.path.exists("/etc/ptm-was-here")


@pytest.mark.parametrize("aim", ["/etc", "/etc/passwd", "..", "../../acme_other_main", "a/../../..", "../" * 30 + "etc/passwd"])
def test_links_out(target, github, aim):
    target.serve(archive(github, [("hubconf.py", "x = 1\n", FILE), ("out", aim, LINK)]))
    target.refuses('"out"', "link")


def test_a_file_written_through_a_link(target, github):
    aim = str(target.folder / "torch")
    target.serve(archive(github, [("d", aim, LINK), ("d/beside", "evil", FILE)]))
    target.refuses('"d"')
    target.serve(archive(github, [("d", "../../../..", LINK), ("d/beside", "evil", FILE)]))
    target.refuses('"d"')


def test_a_link_behind_a_link(target, github):
    target.serve(archive(github, [("a/b/up", "../..", LINK), ("out", "a/b/up/../../../beside", LINK), ("hubconf.py", "", FILE)]))
    target.refuses('"out"')


@pytest.mark.parametrize("mode", [FIFO, DEVICE])
def test_special_files(target, github, mode):
    target.serve(archive(github, [("hubconf.py", "", FILE), ("special", "", mode)]))
    target.refuses(f'"{ROOT}/special"', "device")


def test_names_twice(target, github):
    target.serve(archive(github, [("hubconf.py", "a", FILE), ("HubConf.py", "b", FILE)]))
    target.refuses("ubConf.py", "letter case")


def test_two_roots(target, github):
    target.serve(archive(github, [("one/hubconf.py", "", FILE), ("acme_other_main/hubconf.py", "evil", FILE)], root=""))
    target.refuses('"acme_other_main/hubconf.py"', "one folder")


# --- sizes


class Raw:
    """A zip file by hand, for what zipfile would take minutes to write, or refuses."""

    def __init__(self, github):
        self.local, self.central, self.n, self.at = [], [], 0, 0
        self.comment = github.sha_of_evil.encode()

    def add(self, name, packed=b"", size=0, crc=0, method=0):
        name = name.encode()
        long = struct.pack("<HHQQ", 1, 16, size, len(packed)) if size > 0xFFFFFFFE else b""
        shown = (0xFFFFFFFF, 0xFFFFFFFF) if long else (len(packed), size)
        head = struct.pack("<HHHHHIIIHH", 45, 0, method, 0, 33, crc, *shown, len(name), len(long))
        entry = b"PK\3\4" + head + name + long + packed
        self.local.append(entry)
        self.central.append(b"PK\1\2" + struct.pack("<H", 0x031E) + head + struct.pack("<HHHII", 0, 0, 0, FILE << 16, self.at) + name + long)
        self.at += len(entry)
        self.n += 1

    def end(self, count=None):
        count, directory = self.n if count is None else count, b"".join(self.central)
        end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), self.at)
        locator = b"PK\6\7" + struct.pack("<IQI", 0, self.at + len(directory), 1)
        small = min(count, 0xFFFF)
        end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, small, small, 0xFFFFFFFF, 0xFFFFFFFF, len(self.comment)) + self.comment
        return b"".join(self.local) + directory + end64 + locator + end


def zeros(gigabytes):
    """That many GB of zeros, deflated: blocks that end at a byte can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(GIGABYTE >> 6)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * (gigabytes << 6) + packer.flush()


def test_ten_gigabytes_of_zeros(target, github):
    raw = Raw(github)
    raw.add(f"{ROOT}/hubconf.py")
    raw.add(f"{ROOT}/zeros.bin", zeros(10), 10 * GIGABYTE, method=8)
    target.serve(raw.end())
    target.refuses(f'"{ROOT}/zeros.bin"', "allowed")


@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_ten_gigabytes_that_lie(target, github, size):
    raw = Raw(github)
    raw.add(f"{ROOT}/hubconf.py")
    raw.add(f"{ROOT}/zeros.bin", zeros(10), size, method=8)
    target.serve(raw.end())
    target.refuses("zeros.bin")


def test_many_files_that_share_their_bytes(target, github):
    raw = Raw(github)
    raw.add(f"{ROOT}/00000", zeros(1), GIGABYTE, method=8)
    one = raw.central[0]
    raw.central += [one.replace(b"/00000", b"/%05d" % i) for i in range(1, 1000)]
    raw.n = 1000
    target.serve(raw.end())
    target.refuses(f'"{ROOT}/0000')


@pytest.mark.parametrize("lie", [False, True])
def test_a_million_entries(target, github, lie):
    raw = Raw(github)
    for i in range(1_000_000):
        raw.add(f"r/{i:06}")
    target.serve(raw.end(10 if lie else None))
    target.refuses("entries allowed", kilobytes="400000")


def test_damage(target, github):
    good = archive(github, [("hubconf.py", "x = 1\n" * 1000, FILE), ("b", "y" * 1000, FILE)])
    for cut in (0, 1, 30, len(good) // 2, len(good) - 1):
        target.serve(good[:cut])
        target.refuses()
    flipped = bytearray(good)
    flipped[60] ^= 0xFF
    target.serve(bytes(flipped))
    target.refuses("hubconf.py")


def test_another_commit(target, github):
    class Other:
        sha_of_evil = "f" * 40
    target.serve(archive(Other, [("hubconf.py", "x = 1\n", FILE)]))
    target.refuses("f" * 40, github.sha_of_evil)
