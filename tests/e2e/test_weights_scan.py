# SPDX-License-Identifier: MIT
"""Scanning: every known way of hiding a call is found with its verdict, global and place; what does no harm is clean."""
import json
import os
import random
import subprocess
import sys
import zipfile

import pytest

import hostile_pickles
from conftest import PTM

STATUS = {"clean": 0, "suspicious": 10, "unreadable": 11, "dangerous": 12}


def scan(*args, expect=None) -> list[dict]:
    """The reports of `ptm weights scan`, and its exit status against them."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    env.update({name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ})
    ran = subprocess.run([PTM, "weights", "scan", "--json", *map(str, args)], env=env, capture_output=True, text=True, timeout=240)
    assert "Sanitizer" not in ran.stderr and "runtime error" not in ran.stderr, ran.stderr
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    worst = max((STATUS[report["verdict"]] for report in reports), default=0)
    assert ran.returncode == (worst if expect is None else expect), ran.stderr
    return reports


def by_name(reports: list[dict]) -> dict[str, dict]:
    return {os.path.basename(report["file"]): report for report in reports}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """All hostile files, scanned in one run."""
    folder = tmp_path_factory.mktemp("hostile")
    for case in hostile_pickles.CASES:
        (folder / case.name).write_bytes(case.data)
    return by_name(scan(folder))


@pytest.mark.parametrize("case", hostile_pickles.CASES, ids=lambda case: case.name)
def test_hostile_file_is_found(hostile, case):
    report = hostile[case.name]
    assert report["verdict"] in case.verdicts, report
    if case.asks:
        told = [f for f in report["findings"] if f["global"] == case.asks]
        assert told and case.asks in str(report["globals"]), report
        if case.verdicts == hostile_pickles.BAD:
            assert any(f["severity"] == "dangerous" for f in told), told
        if case.offset is not None:
            assert case.offset in [f["offset"] for f in told], told
        if case.member is not None:
            assert any((f["member"] or "").endswith(case.member) for f in told), told
    if case.rule:
        assert case.rule in [f["rule"] for f in report["findings"]], report


def test_harmless_files_are_clean(tmp_path):
    for name, data in hostile_pickles.BENIGN.items():
        (tmp_path / name).write_bytes(data)
    reports = by_name(scan(*[tmp_path / name for name in hostile_pickles.BENIGN]))
    assert len(reports) == len(hostile_pickles.BENIGN)
    for name, report in reports.items():
        assert report["verdict"] == "clean" and not report["findings"], report


def test_cut_short_is_never_clean(tmp_path):
    """At every byte of a checkpoint, whatever its container."""
    whole = {"zip.pt": hostile_pickles.torch_zip(), "legacy.pth": hostile_pickles.legacy(), "state.pkl": hostile_pickles.STATE,
             "evil.pkl": hostile_pickles.EVIL, "x.safetensors": hostile_pickles.safetensors(),
             "x.npy": hostile_pickles.npy("'<f4'", hostile_pickles.FLOATS, "(4,)"),
             "old.tar.pth": hostile_pickles.torch_tar(), "x.gguf": hostile_pickles.gguf()}
    for name, data in whole.items():
        # The zeros at the end of a tar file are filling.
        end = len(data.rstrip(b"\0")) if name.endswith(".tar.pth") else len(data)
        for n in range(0, end, 1 if end < 3000 else 7):
            (tmp_path / f"{n:05}-{name}").write_bytes(data[:n])
        for report in scan(tmp_path):
            assert report["verdict"] != "clean", report
        for path in tmp_path.iterdir():
            path.unlink()


def test_what_torch_writes_is_clean(tmp_path):
    torch = pytest.importorskip("torch")
    numpy = pytest.importorskip("numpy")
    torch.manual_seed(7)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(4, 4))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 3, 6, 6)).sum().backward()
    optimizer.step()
    objects = {"state": net.state_dict(), "training": {"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict()},
               "tensor": torch.arange(10), "half": torch.zeros(3, dtype=torch.bfloat16), "bool": torch.ones(2, dtype=torch.bool),
               "sparse": torch.eye(3).to_sparse(), "quantised": torch.quantize_per_tensor(torch.ones(4), 0.5, 0, torch.quint8),
               "parameter": torch.nn.Parameter(torch.ones(2)), "scalars": {"a": 1, "b": [1.5, None, True], "c": ("x", b"y")},
               "size": torch.Size([1, 2]), "empty": torch.zeros(0, 3), "large": torch.randn(300_000)}
    for name, value in objects.items():
        for protocol in (2, 4):
            torch.save(value, tmp_path / f"{name}-zip-{protocol}.pt", pickle_protocol=protocol)
            torch.save(value, tmp_path / f"{name}-legacy-{protocol}.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    numpy.save(tmp_path / "a.npy", numpy.arange(5.0))
    numpy.savez(tmp_path / "b.npz", x=numpy.ones((2, 3)), y=numpy.array("text"))
    numpy.savez_compressed(tmp_path / "c.npz", x=numpy.ones((200, 3)))
    torch.save({"a": numpy.arange(5), "s": numpy.float64(1.5)}, tmp_path / "numpy.pt")
    for report in scan(tmp_path):
        assert report["verdict"] == "clean" and not report["findings"], report


def test_torchscript_and_modules_are_not_vouched_for(tmp_path):
    torch = pytest.importorskip("torch")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "script.pt"))
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    reports = by_name(scan(tmp_path))
    assert "torchscript-code" in [f["rule"] for f in reports["script.pt"]["findings"]]
    assert reports["script.pt"]["verdict"] == "suspicious"
    assert reports["module.pt"]["verdict"] in ("clean", "suspicious")
    assert "torch.nn.modules.linear.Linear" in str(reports["module.pt"]["globals"])


def test_random_numbers_are_clean(tmp_path):
    """Chance makes pickles without globals, and some that ask for junk: none may be told."""
    rng = random.Random(5)
    (tmp_path / "numbers.pt").write_bytes(hostile_pickles.torch_zip(
        hostile_pickles.pickle(b"]" + hostile_pickles.tensor(b"0", 4) + b"a"), extra=[("archive/data/1", rng.randbytes(8 << 20))]))
    (tmp_path / "numbers.raw").write_bytes(rng.randbytes(8 << 20))
    for report in scan(tmp_path):
        assert report["verdict"] == "clean", report


def test_a_search_that_would_not_end_says_so(tmp_path):
    """Every second byte begins a pickle that goes on to the end of the file."""
    (tmp_path / "begins.raw").write_bytes(bytes((0x80, 2)) * (1 << 20))
    report, = scan(tmp_path)
    assert report["verdict"] == "unreadable" and "limit" in [f["rule"] for f in report["findings"]], report


def test_allowed_globals_are_clean_and_dangerous_ones_never(tmp_path):
    (tmp_path / "mine.pkl").write_bytes(hostile_pickles.pickle(b"cmymodel.net\nNet\n)\x81}b"))
    (tmp_path / "evil.pkl").write_bytes(hostile_pickles.EVIL)
    assert by_name(scan("--allow", "mymodel.*", tmp_path))["mine.pkl"]["verdict"] == "clean"
    assert by_name(scan("--allow", "mymodel.net.Net", tmp_path))["mine.pkl"]["verdict"] == "clean"
    assert by_name(scan("--allow", "other.*", tmp_path))["mine.pkl"]["verdict"] == "suspicious"
    assert by_name(scan("--allow", "*", tmp_path))["evil.pkl"]["verdict"] == "dangerous"


def test_unreadable_files_are_told(tmp_path):
    (tmp_path / "secret.pt").write_bytes(hostile_pickles.STATE)
    (tmp_path / "secret.pt").chmod(0)
    if os.access(tmp_path / "secret.pt", os.R_OK):
        pytest.skip("root reads everything")
    report, = scan(tmp_path / "secret.pt")
    assert report["verdict"] == "unreadable" and report["findings"][0]["rule"] == "io", report


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="shadow memory is counted too")
def test_memory_stays_flat(tmp_path):
    """Pages of members that have been looked at are given back, however small each is."""
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as file:
        for i in range(200):
            file.writestr(f"{i}.dat", bytes(1 << 20))
    # What a process grew to counts for those it starts: a small one starts it.
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); " \
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    ran = subprocess.run([sys.executable, "-I", "-c", measure, PTM, "weights", "scan", str(tmp_path / "many.zip")], check=True,
                         env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, capture_output=True, text=True)
    assert int(ran.stdout) < 100 << 10
