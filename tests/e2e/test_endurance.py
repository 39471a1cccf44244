# SPDX-License-Identifier: MIT
"""What a harvest must stand: kill -9 at any moment, several processes on one root, memory that stays flat."""
import os
import random
import re
import subprocess
import time

import pytest

import sample_hubs
from conftest import Ptm, git

KILLS = 30


def state(ptm):
    """What must be the same after any history: objects, refs, work trees, exports, the catalogue but for times and runs."""
    refs = {str(path.parent.relative_to(ptm.root)): git(path.parent, "for-each-ref") + git(path.parent, "status", "--porcelain")
            for path in ptm.root.glob("*/repos/*/*/.git")}
    exports = {str(path.relative_to(ptm.root)): path.read_bytes() for path in ptm.root.glob("*/json/**/*.json")}
    exports.update({str(path.relative_to(ptm.root)): path.read_bytes() for path in ptm.root.glob("*/html/**/*.html")})
    models = []
    with ptm.catalog() as db:
        models = db.execute("select hub, name, url, task, sha from models_view order by hub, name").fetchall()
    return {"objects": ptm.objects(), "refs": refs, "exports": exports, "models": models}


def test_kill_at_any_moment(tmp_path, hubs):
    rewrites = sample_hubs.rewrites(hubs.server_port)
    (tmp_path / "calm").mkdir()
    (tmp_path / "rough").mkdir()
    calm, rough = Ptm(tmp_path / "calm", rewrites), Ptm(tmp_path / "rough", rewrites)
    started = time.monotonic()
    calm.run("run", "--all", "--top", "100%", expect=2)
    whole = time.monotonic() - started
    with hubs.hubs.lock:
        hubs.hubs.log.clear()
    generator = random.Random(20260101)
    present_at = {}
    for _ in range(KILLS):
        process = rough.start("run", "--all", "--top", "100%")
        try:
            process.communicate(timeout=generator.uniform(0.02, whole * 0.9))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        with hubs.hubs.lock:
            at = len(hubs.hubs.log)
        for oid in rough.objects():
            present_at.setdefault(oid, at)
    rough.run("run", "--all", "--top", "100%", expect=2)
    assert state(rough) == state(calm)
    late = [line for oid, at in present_at.items() for line in hubs.hubs.log[at:] if line.startswith("GET ") and f"/lfs/{oid}" in line]
    assert late == [], "an object that was whole is fetched again"
    leftovers = [path for path in (rough.root / ".ptm/tmp").iterdir()]
    assert leftovers == [], f"a finished run leaves nothing behind in tmp: {leftovers}"


def test_five_processes_on_one_root_then_again(tmp_path, hubs):
    ptm = Ptm(tmp_path, sample_hubs.rewrites(hubs.server_port))
    names = ["huggingface", "modelhub", "modelzoo", "onnxmodelzoo", "pytorchhub"]

    def all_at_once(arguments):
        processes = [ptm.start("run", *arguments(name)) for name in names]
        for name, process in zip(names, processes):
            out, err = process.communicate(timeout=240)
            assert process.returncode in (0, 2), f"{name}: {process.returncode}\n{out}\n{err}"

    all_at_once(lambda name: [name, "--top", "100%"])
    edited = ptm.repo("modelhub", "sample-modelhub", "squares") / "README.md"
    edited.write_text("edited by hand\n")
    all_at_once(lambda name: ["--all", "--top", "100%"])
    assert edited.read_text() == "edited by hand\n"
    for path in ptm.root.glob("*/repos/*/*/.git"):
        expected = " M README.md\n" if path.parent.name == "squares" else ""
        assert git(path.parent, "status", "--porcelain") == expected, path
    with ptm.catalog() as db:
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"


def peak_kb(process):
    """Peak resident size of a running child, read until it ends."""
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                found = re.search(r"VmHWM:\s+(\d+)", status.read())
            peak = max(peak, int(found.group(1))) if found else peak
        except OSError:
            pass
        time.sleep(0.05)
    return peak


def test_memory_does_not_grow_with_the_list(tmp_path):
    if "asan" in os.environ.get("PTM_BUILD", ""):
        pytest.skip("AddressSanitizer keeps freed memory: the figure would be its own")
    peaks = {}
    for count in (10_000, 100_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        server = sample_hubs.serve(str(folder / "hubs"), synthetic=count)
        try:
            ptm = Ptm(folder, sample_hubs.rewrites(server.server_port))
            process = ptm.start("run", "huggingface", "--top", "0.0", "--progress", "none")
            peaks[count] = peak_kb(process)
            out, err = process.communicate()
            assert process.returncode == 0, err
            assert sum(1 for _ in open(ptm.root / "huggingface/json/huggingface.json", encoding="utf-8")) >= count
        finally:
            server.shutdown()
            server.server_close()
    print("peak resident size, kB:", peaks)
    assert peaks[100_000] < 128 * 1024
    assert peaks[100_000] < 1.3 * peaks[10_000] + 8 * 1024


def test_interrupt_saves_and_says_how_to_go_on(tmp_path, hubs):
    ptm = Ptm(tmp_path, sample_hubs.rewrites(hubs.server_port))
    process = ptm.start("run", "--all", "--top", "100%")
    end = time.monotonic() + 60
    while not hubs.hubs.log and time.monotonic() < end:  # before that, it may not listen to signals yet
        time.sleep(0.01)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "again" in err, err
    ptm.run("run", "--all", "--top", "100%", expect=2)


def test_read_only_root_is_told(tmp_path, hubs):
    ptm = Ptm(tmp_path, sample_hubs.rewrites(hubs.server_port))
    ptm.root = tmp_path / "file"
    (tmp_path / "file").write_text("not a folder")
    result = ptm.run("run", "modelhub", "--root", tmp_path / "file", expect=3)
    assert str(tmp_path / "file") in result.stderr


def test_no_server_is_exit_3(tmp_path):
    ptm = Ptm(tmp_path, ["https://raw.githubusercontent.com/=http://127.0.0.1:9/"])
    result = ptm.run("run", "modelhub", expect=3, timeout=120)
    assert "raw.githubusercontent.com" in result.stderr
