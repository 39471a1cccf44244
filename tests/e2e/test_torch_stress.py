# SPDX-License-Identifier: MIT
"""`ptm torch` where the machine is in the way: a disk that is too small, a hub folder of somebody else's, no HOME; and a server that
sends the archive's request elsewhere."""
import json
import os
import pathlib
import pwd
import random
import shutil
import subprocess
import sys
import tempfile

import pytest

from conftest import PTM, hub_ptm
from github import GitHub

HUBCONF = "def entry():\n    \"\"\"There.\"\"\"\n"
MB = 1_000_000


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        server.publish("acme/large", {"hubconf.py": HUBCONF, "weights.bin": random.Random(1).randbytes(40 * MB)})
        server.publish("acme/small", {"hubconf.py": HUBCONF})
        yield server


@pytest.fixture
def ptm(tmp_path, github):
    return hub_ptm(tmp_path, github)


def mount(folder, *options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", folder], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("size", [30, 50, 80])
def test_a_disk_that_is_too_small_is_named(ptm, size):
    """30 MB: not even what must stay free; 50 MB: the archive does not fit; 80 MB: what is in it does not."""
    disk = ptm.hub.parent
    disk.mkdir()
    if os.geteuid() or not mount(disk, f"size={size}m"):
        pytest.skip("no disk of this size can be mounted")
    try:
        error = ptm.run("torch", "fetch", "acme/large", expect=3).stderr
        assert str(disk) in error and "MB are free" in error and "must stay so" in error
        assert [path for path in disk.rglob("*") if path.is_file()] == []
        assert mount(disk, "remount", "size=300m")
        ptm.run("torch", "fetch", "acme/large")
        assert "whole" in ptm.run("torch", "cache", "verify").stdout
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_fetch_that_brought_nothing_leaves_nothing(ptm, github):
    ptm.run("torch", "fetch", "acme/small:absent", "--skip-validation", expect=None)
    assert [path for path in ptm.hub.rglob("*") if path.is_file()] == []


def test_a_hub_folder_that_cannot_be_written_is_called_that(github):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("setpriv is needed to try it without root's rights")
    with tempfile.TemporaryDirectory() as name:  # pytest's folders are closed to others
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        ptm = hub_ptm(folder, github)
        ptm.run("torch", "fetch", "acme/small")
        ptm.hub.chmod(0o555)
        for path in (ptm.hub / ".ptm").rglob("*"):
            path.chmod(0o555)
        wrap = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        for verb in ("fetch acme/large", "fetch acme/small --force-reload", "cache rm acme/small", "trust add acme/small"):
            result = subprocess.run([*wrap, shutil.which(PTM), "torch", *verb.split()], env={**ptm.env, "HOME": "/nonexistent"}, cwd="/",
                                    capture_output=True, text=True, check=False)
            if result.returncode > 100:
                pytest.skip("others may not run the program that is tested")
            assert result.returncode == 3 and "--hub-dir" in result.stderr and str(ptm.hub) in result.stderr, verb
        ptm.hub.chmod(0o755)
        for path in (ptm.hub / ".ptm").rglob("*"):
            path.chmod(0o755)


def test_without_home_the_hub_folder_is_where_torch_has_it(ptm):
    for name in ("HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
        ptm.env.pop(name, None)
    assert ptm.run("torch", "dir").stdout.strip() == pwd.getpwuid(os.geteuid()).pw_dir + "/.cache/torch/hub"


CANNED = pathlib.Path(__file__).resolve().parents[1] / "httpd/canned.py"


class Canned:
    """canned.py with these rules, for as long as the block runs."""

    def __init__(self, folder, rules):
        folder.mkdir()
        (folder / "rules").write_text(json.dumps(rules))
        self.log = folder / "log"
        self.process = subprocess.Popen([sys.executable, CANNED, folder / "rules", self.log], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def asked(self):
        return self.log.read_text() if self.log.exists() else ""


def test_an_archive_that_is_elsewhere_does_not_get_the_token(ptm, tmp_path):
    with Canned(tmp_path / "elsewhere", []) as elsewhere:
        targets = ("file:///etc/passwd", f"http://localhost:{elsewhere.port}/x.zip", f"http://127.0.0.1:{elsewhere.port}/x.zip")
        for i, target in enumerate(targets):
            with Canned(tmp_path / f"first{i}", [{"status": 302, "headers": {"Location": target}}]) as first:
                ptm.env["PTM_REWRITE"] = " ".join(f"https://{host}/=http://127.0.0.1:{first.port}/" for host in ("github.com", "api.github.com"))
                ptm.env["GITHUB_TOKEN"] = "ghp_secret0123456789"
                ptm.run("torch", "fetch", "acme/away:main", "--skip-validation", expect=3)
                assert "Authorization" in first.asked()
            assert [path for path in ptm.hub.rglob("*") if path.is_file()] == []
        asked = elsewhere.asked()
        assert asked.count("/x.zip") >= 2 and "uthorization" not in asked and "ghp_secret" not in asked
