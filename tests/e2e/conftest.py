# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the command under test, an environment of its own, and the sample hubs."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "httpd"))
import sample_hubs  # noqa: E402

# Where the tests were started in the background, SIGINT is ignored, and what they start would inherit that: Ctrl-C could not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

PTM = os.environ.get("PTM", str(ROOT / "build/check/src/cli/ptm"))


class Ptm:
    """Runs ptm in a folder of its own, pointed at the sample hubs, with nothing of the caller's configuration."""

    def __init__(self, folder, rewrites=()):
        self.folder, self.root = folder, folder / "data"
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "LC_ALL": "C.UTF-8",
                    "PTM_ROOT": str(self.root), "PTM_REWRITE": " ".join(rewrites), "NO_COLOR": "1"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def start(self, *args, **env):
        return subprocess.Popen([PTM, *map(str, args)], env={**self.env, **env}, cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args, expect=0, timeout=240, **env):
        process = self.start(*args, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"ptm {args}: still running after {timeout} s\n{out}\n{err}")
        assert "Sanitizer" not in err and "runtime error" not in err, err
        if expect is not None:
            assert process.returncode == expect, f"ptm {args}: exit {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def json_lines(self, *args, **kwargs):
        return [json.loads(line) for line in self.run(*args, "--json", **kwargs).stdout.splitlines()]

    def records(self, hub):
        return json.loads((self.root / hub / "json" / f"{hub}.json").read_text())

    def repo(self, hub, author, name):
        return self.root / hub / "repos" / author / name

    def objects(self):
        folder = self.root / ".ptm/objects/sha256"
        return {path.name for path in folder.glob("*/*/*")} if folder.exists() else set()

    def catalog(self):
        return sqlite3.connect(f"file:{self.root}/.ptm/catalog.db?mode=ro", uri=True)


def hub_ptm(folder, github):
    """A ptm for `ptm torch` against a GitHub on loopback (github.py), with a hub folder of its own."""
    made = Ptm(folder, github.rewrites)
    made.env["TORCH_HOME"] = str(folder / "torch")
    made.hub = folder / "torch/hub"
    github.forget()
    return made


def git(path, *args, check=True, env=None):
    """Stock git as a user has it, without this machine's configuration."""
    full = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C", **(env or {})}
    return subprocess.run(["git", "-C", str(path), *args], env=full, check=check, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


@pytest.fixture(scope="session")
def hub_content(tmp_path_factory):
    """The sample hubs' repositories, made once: servers of single tests share them."""
    folder = tmp_path_factory.mktemp("hubs")
    server = sample_hubs.serve(str(folder))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hubs(hub_content):
    hub_content.hubs.forget()
    return hub_content


@pytest.fixture
def ptm(tmp_path, hubs):
    if not shutil.which(PTM):
        pytest.fail(f"{PTM} is not there: build first")
    return Ptm(tmp_path, sample_hubs.rewrites(hubs.server_port))
