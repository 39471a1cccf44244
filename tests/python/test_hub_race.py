# SPDX-License-Identifier: MIT
"""16 processes load one repository that is not in the cache, at once: one download and 16 successes, every time. PTM_ROUNDS (20) says how
often. And kill -9 in the middle: the next call succeeds."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import hub_samples  # noqa: E402
from github import GitHub  # noqa: E402

ROUNDS = int(os.environ.get("PTM_ROUNDS", "20"))
MANY = 16
# Waits for the start line with everything imported, so that all begin together.
LOAD = """
import sys
from ptmtorrent import hub
sys.stdin.read(1)
assert hub.load(sys.argv[1], "first", 7, trust_repo=True, verbose=False)["a"] == 7
assert "first" in hub.list(sys.argv[1], trust_repo="check", verbose=False)
assert hub.help(sys.argv[1], "unicode", trust_repo="check").startswith("模型")
"""


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        hub_samples.plain(server)
        hub_samples.plain(server, "slow/plain")
        server.publish("slow/plain", {f"more/{i}.txt": random.Random(i).randbytes(300).hex() for i in range(100)})
        yield server


@pytest.fixture
def env(github, tmp_path):
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")}
    return {**keep, "HOME": str(tmp_path), "TORCH_HOME": str(tmp_path / "torch"), "PTM_REWRITE": " ".join(github.rewrites),
            "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def start(env, repo):
    return subprocess.Popen([sys.executable, "-c", LOAD, repo], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run_all(env, repo, n):
    """n processes from one start line; what they said where they failed."""
    processes = [start(env, repo) for _ in range(n)]
    for process in processes:
        process.stdin.write(b"x")
        process.stdin.flush()
    failures = []
    for process in processes:
        _, err = process.communicate(timeout=120)
        if process.returncode:
            failures.append(err.decode())
    return failures


def whole(folder):
    return all((folder / path).exists() for path in hub_samples.PLAIN)


def test_sixteen_processes_fetch_once_and_all_succeed(github, env, tmp_path):
    hub_dir = tmp_path / "torch/hub"
    for turn in range(ROUNDS):
        shutil.rmtree(hub_dir, ignore_errors=True)
        github.forget()
        assert run_all(env, "acme/plain", MANY) == [], turn
        assert github.count("GET", "/acme/plain/zipball") == 1 and github.count("GET", "/acme/plain/legacy.zip") == 1, turn
        assert whole(hub_dir / "acme_plain_main") and list((hub_dir / ".ptm/tmp").iterdir()) == []
        # The list grows by one line, however many trusted it at once.
        assert (hub_dir / "trusted_list").read_text() == "acme_plain\n", turn


def test_after_a_kill_the_next_call_succeeds(github, env, tmp_path):
    hub_dir, chance, killed = tmp_path / "torch/hub", random.Random(1), 0
    for turn in range(max(ROUNDS * 3 // 2, 30)):
        repo = ("acme/plain", "slow/plain:main")[turn % 2]
        folder = hub_dir / f"{repo.split(':')[0].replace('/', '_')}_main"
        process = start(env, repo)
        process.stdin.write(b"x")
        process.stdin.flush()
        time.sleep(chance.uniform(0.05, 0.5))
        process.kill()
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        assert not folder.exists() or whole(folder), turn
        assert run_all(env, repo, 1) == [], turn
        assert whole(folder) and list((hub_dir / ".ptm/tmp").iterdir()) == []
        shutil.rmtree(folder)
    assert killed
