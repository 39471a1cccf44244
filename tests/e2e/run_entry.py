# SPDX-License-Identifier: MIT
"""Running entry points for tests: `Runner(folder)` is tests/e2e/tool_run with a home and a hub folder of its own."""
import json
import os
import shutil
import subprocess

import pytest
import servers

TOOL = servers.BUILD / "tests/e2e/tool_run"
PYTHON = "/usr/bin/python3"  # has torch 1.13 where the tests' peers are installed
SECRETS = {"GITHUB_TOKEN": "ghp_sesame", "HF_TOKEN": "hf_sesame", "AWS_SECRET_ACCESS_KEY": "aws_sesame"}


def forbidden():
    """Why there is no sandbox on this machine, or None."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    tried = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], stderr=subprocess.PIPE, text=True, check=False)
    return None if tried.returncode == 0 else f"this system allows no sandbox: {tried.stderr.strip()}"


def has_torch():
    return subprocess.run([PYTHON, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode == 0


needs_torch = pytest.mark.skipif(not has_torch(), reason=f"{PYTHON} has no torch: apt install python3-torch")


class Runner:
    def __init__(self, folder, rewrites=(), prefix=()):
        if not TOOL.exists():
            pytest.skip(f"{TOOL} is not built")
        self.folder, self.prefix, self.python = folder, list(prefix), PYTHON
        self.home, self.repo, self.out = folder / "home", folder / "repo", folder / "out"
        self.hub = self.home / ".cache/torch/hub"
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh/id").write_text("a key\n")
        self.repo.mkdir()
        self.options = [word for rule in rewrites for word in ("--rewrite", rule)]
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8", **SECRETS}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def write(self, text, **files):
        (self.repo / "hubconf.py").write_text(text)
        for name, data in files.items():
            (self.repo / f"{name}.py").write_text(data)
        return self

    def command(self, *words, options=()):
        python = ["--python", str(self.python)] if self.python else []
        return [*self.prefix, str(TOOL), *self.options, *python, *map(str, options), *map(str, words)]

    def start(self, *words, options=(), **env):
        return subprocess.Popen(self.command(*words, options=options), env={**self.env, **env}, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words, expect=0, options=(), **env):
        process = self.start(*words, options=options, **env)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"{words}: still running\n{process.communicate()}")
        assert "Sanitizer" not in err and "runtime error" not in err, err
        assert process.returncode == expect, f"{words}: exit {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def load(self, entry, *args, repo=None, **kwargs):
        """The description of what the entry point returned."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.last = self.run("load", repo or self.repo, entry, self.out, *args, **kwargs)
        return json.loads((self.out / "description.json").read_text())

    def value(self, entry, *args, **kwargs):
        """What an entry point of plain values returned."""
        result = self.load(entry, *args, **kwargs)["result"]
        return eval(result["value"], {})  # noqa: S307 - our own sample's repr

    def fails(self, entry, *args, repo=None, **kwargs):
        """The last line of a load that fails and leaves nothing."""
        shutil.rmtree(self.out, ignore_errors=True)
        before = sorted(self.folder.iterdir())
        said = self.run("load", repo or self.repo, entry, self.out, *args, expect=1, **kwargs).stderr
        assert sorted(self.folder.iterdir()) == before
        assert not list((self.hub / ".ptm/tmp").glob("*")) and not list((self.hub / ".ptm/locks").glob("run-*"))
        self.said = said
        return said.splitlines()[-1]
