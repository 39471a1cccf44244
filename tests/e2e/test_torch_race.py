# SPDX-License-Identifier: MIT
"""Many `ptm torch fetch` at once, and `kill -9` at any moment: one download, no half folder is ever seen, and nothing is left behind.
PTM_ROUNDS (20) says how often."""
import os
import pathlib
import random
import shutil
import signal
import threading
import time

import pytest

from conftest import hub_ptm
from github import GitHub

ROUNDS = int(os.environ.get("PTM_ROUNDS", "20"))
MANY = 16
FILES = {"hubconf.py": "def entry():\n    \"\"\"There.\"\"\"\n", **{f"part{i % 40}/file{i}.txt": f"{i}\n" * 20 for i in range(700)},
         "zzz_last.txt": "the last one\n"}
SMALL = {"hubconf.py": "def entry():\n    \"\"\"There.\"\"\"\n", "weights.bin": random.Random(1).randbytes(30_000), "zzz_last.txt": "the last one\n"}


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        server.publish("acme/many", FILES)
        server.publish("slow/small", SMALL)
        yield server


@pytest.fixture
def ptm(tmp_path, github):
    return hub_ptm(tmp_path, github)


def whole(folder, files):
    """Does the folder hold the repository, all of it?"""
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".ptm-hub")}
    return there == set(files)


def temporaries(ptm):
    folder = ptm.hub / ".ptm/tmp"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("repo", ["acme/many", "slow/small:main"])
def test_many_at_once_fetch_once(ptm, github, repo):
    name = repo.split(":")[0]
    folder = ptm.hub / f"{name.replace('/', '_')}_main"
    rounds = max(ROUNDS // 10, 2)  # 200 rounds of the real thing are in tests/python/test_hub_race.py
    for _ in range(rounds):
        github.forget()
        shutil.rmtree(ptm.hub, ignore_errors=True)
        processes = [ptm.start("torch", "fetch", repo) for _ in range(MANY)]
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert out.strip() == str(folder)
        assert github.count("GET", f"/{name}/zipball") == 1 and github.count("GET", f"/{name}/legacy.zip") == 1
        assert whole(folder, FILES if name == "acme/many" else SMALL) and temporaries(ptm) == []


class Reader(threading.Thread):
    """Looks at a folder again and again: it is absent, or whole."""

    def __init__(self, folder, last):
        super().__init__(daemon=True)
        self.folder, self.last, self.half, self.seen, self.stop = folder, last, [], 0, threading.Event()

    def run(self):
        while not self.stop.is_set():
            try:
                there = set(os.listdir(self.folder))
            except FileNotFoundError:
                time.sleep(0.002)
                continue
            self.seen += 1
            if not {"hubconf.py", self.last} <= there and self.folder.exists():
                self.half.append(sorted(there))
            time.sleep(0.002)


@pytest.mark.parametrize("repo, files, longest", [("slow/small:main", SMALL, 0.5), ("acme/many", FILES, 0.3)])
def test_a_kill_at_any_moment_leaves_no_half_cache(ptm, github, repo, files, longest):
    folder = ptm.hub / f"{repo.split(':')[0].replace('/', '_')}_main"
    chance, killed, graves = random.Random(repo), 0, 0
    begun = time.monotonic()
    ptm.run("torch", "fetch", repo)
    longest = max(longest, time.monotonic() - begun)  # on a busy machine a fetch may not have begun by then
    shutil.rmtree(ptm.hub)
    reader = Reader(folder, "zzz_last.txt")
    reader.start()
    for _ in range(max(ROUNDS * 3 // 4, 15)):
        process = ptm.start("torch", "fetch", repo)
        time.sleep(chance.uniform(0.005, longest))
        process.kill()
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        graves += bool(temporaries(ptm))
        ptm.run("torch", "fetch", repo)
        assert whole(folder, files) and temporaries(ptm) == []
        grave = pathlib.Path(f"{folder}.gone")  # away in one step, so that the reader cannot see it vanish file by file
        folder.rename(grave)
        shutil.rmtree(grave)
    reader.stop.set()
    reader.join()
    assert reader.half == [] and killed and graves, f"{killed} killed, {graves} left something, the reader saw it {reader.seen} times"


def test_a_kill_while_a_copy_is_replaced_leaves_the_old_or_the_new(ptm, github):
    ptm.run("torch", "fetch", "acme/many")
    folder, chance, absent = ptm.hub / "acme_many_main", random.Random(3), []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            if not (folder / "hubconf.py").exists():
                absent.append(time.monotonic())
            time.sleep(0.001)

    reader = threading.Thread(target=look, daemon=True)
    reader.start()
    for i in range(8):
        process = ptm.start("torch", "fetch", "acme/many", "--force-reload")
        time.sleep(chance.uniform(0.05, 0.5))
        process.kill()
        process.communicate(timeout=60)
        assert whole(folder, FILES), i
        ptm.run("torch", "fetch", "acme/many", "--offline")
    ptm.run("torch", "fetch", "acme/many", "--force-reload")
    stop.set()
    reader.join()
    assert absent == [] and whole(folder, FILES) and temporaries(ptm) == []


def test_a_cut_download_goes_on_or_begins_anew_but_is_never_taken_for_the_file(ptm, github):
    data = random.Random(2).randbytes(600_000)
    url = github.slow_file("net-1.pth", data)
    target = ptm.hub / "checkpoints/net-1.pth"
    chance = random.Random(4)
    for _ in range(4):
        process = ptm.start("torch", "weights", url)
        time.sleep(chance.uniform(0.2, 0.6))
        process.kill()
        process.communicate(timeout=60)
        assert not target.exists() or target.read_bytes() == data
    ptm.run("torch", "weights", url)
    assert target.read_bytes() == data
    assert sum(row[3] for row in github.requests() if row[4].endswith("net-1.pth")) < 4 * len(data)


def test_many_at_once_fetch_a_checkpoint_once(ptm, github):
    data = random.Random(5).randbytes(300_000)
    url = github.slow_file("net-2.pth", data)
    processes = [ptm.start("torch", "weights", url) for _ in range(MANY)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert (ptm.hub / "checkpoints/net-2.pth").read_bytes() == data
    assert sum(row[3] for row in github.requests() if row[1] == "GET" and row[4].endswith("net-2.pth")) == len(data)
