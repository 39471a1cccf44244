# SPDX-License-Identifier: MIT
"""`ptm weights` as a whole: what it says of what torch wrote, SARIF, interrupts, files that are shortened, many files."""
import json
import os
import signal
import struct
import time

import pytest
from conftest import Ptm

GIB = 1 << 30


@pytest.fixture
def ptm(tmp_path):
    return Ptm(tmp_path)


def calls(module, name):
    return f"c{module}\n{name}\n(tR.".encode()


def sparse_file(path, size):
    """Looks like numbers, is all holes. A header of 160 bytes, which as an opcode is none."""
    with open(path, "wb") as file:
        header = json.dumps({"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode().ljust(160)
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)


def row_of(stdout, name):
    return next(line for line in stdout.splitlines() if line.split(" ")[0] == name)


def test_the_table_says_what_is_special_of_a_tensor(ptm):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.).reshape(4, 6)
    state = {"base": base, "view": base[1:3, ::2], "same": base, "turned": base.t(), "q": torch.quantize_per_tensor(base, 0.5, 3, torch.quint8),
             "coo": torch.eye(3).to_sparse(), "meta": torch.empty(3, 4, device="meta"), "one": torch.tensor(7), "none": torch.empty(0, 3)}
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save(state, ptm.folder / "x.pt", **options)
        text = ptm.run("weights", "ls", "x.pt").stdout
        assert row_of(text, "view").endswith("stride [6, 2], shared with base")
        assert row_of(text, "same").endswith("96 B  shared with base")
        assert row_of(text, "turned").endswith("stride [1, 6], shared with base")
        assert row_of(text, "q").endswith("per_tensor_affine, scale 0.5, zero point 3")
        assert row_of(text, "coo").endswith("sparse_coo") and row_of(text, "meta").endswith("meta")
        assert row_of(text, "base").endswith("96 B") and row_of(text, "none").endswith(" 0 B")
        assert row_of(text, "one").split() == ["one", "int64", "[]", "8", "B"]


def test_the_tree_counts_shared_tensors_once_in_each_module(ptm):
    torch = pytest.importorskip("torch")
    tied = torch.zeros(10, 10)
    torch.save({"net.head.w": tied, "net.embed.w": tied, "other.w": tied}, ptm.folder / "x.pt")
    rows = {line.split()[0]: line for line in ptm.run("weights", "ls", "--tree", "x.pt").stdout.splitlines() if line.split()}
    assert "100 parameters in 2 tensors" in rows["net"] and "100 parameters in 1 tensor" in rows["other"]
    assert "400 B" in rows["net"] and "400 B" in rows["head"] and "400 B" in rows["embed"]


def test_json_has_the_promised_keys_first_and_in_order(ptm):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.nn.Parameter(torch.zeros(2, 3)), "q": torch.quantize_per_channel(
        torch.ones(2, 3), torch.tensor([.1, .2]), torch.tensor([0, 1]), 0, torch.qint8), "s": torch.eye(3).to_sparse()}, ptm.folder / "x.pt")
    line = json.loads(ptm.run("weights", "ls", "--json", "x.pt").stdout)
    assert list(line)[:6] == ["file", "format", "parameters", "bytes", "metadata", "tensors"] and line["file"] == "x.pt"
    first = ["name", "dtype", "shape", "stride", "offset", "nbytes", "storage"]
    assert all(list(tensor)[:7] == first for tensor in line["tensors"])
    a, q, s = line["tensors"]
    assert a == {"name": "a", "dtype": "float32", "shape": [2, 3], "stride": [3, 1], "offset": 0, "nbytes": 24, "storage": "0",
                 "requires_grad": True, "parameter": True}
    assert q["quantizer"] == {"scheme": "per_channel_affine", "axis": 0} and len(q["parts"]) == 2
    assert s["layout"] == "sparse_coo" and s["storage"] is None and [part["dtype"] for part in s["parts"]] == ["int64", "float32"]
    assert all(list(part)[:6] == first[1:] for part in s["parts"])


def test_sarif_is_whole_and_points_at_files(ptm):
    (ptm.folder / "a b").mkdir()
    (ptm.folder / "a b/evil#1.pkl").write_bytes(calls("os", "system"))
    (ptm.folder / "fine.pkl").write_bytes(calls("collections", "OrderedDict"))
    (ptm.folder / "odd.pkl").write_bytes(calls("my", "Net"))
    log = json.loads(ptm.run("weights", "scan", "--sarif", "a b", "fine.pkl", "odd.pkl", "absent", expect=12).stdout)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    run, = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] and driver["version"] and len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    assert run["invocations"] == [{"executionSuccessful": True}]
    levels = {}
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"] and result["partialFingerprints"]
        location, = result["locations"]
        levels[location["physicalLocation"]["artifactLocation"]["uri"]] = result["level"]
    assert levels == {"a%20b/evil%231.pkl": "error", "odd.pkl": "warning", "absent": "warning"}


def wait_until_read(process, size):
    """The scan has that file open and goes over it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
            for line in maps:
                begin, _, last = line.split(" ")[0].partition("-")
                if int(last, 16) - int(begin, 16) >= size and ".part" in line:
                    return
        time.sleep(0.01)
    pytest.fail("the file was never mapped")


def test_an_interrupted_scan_ends_soon_and_its_sarif_says_so(ptm):
    sparse_file(ptm.folder / "x.part", 64 * GIB)
    process = ptm.start("weights", "scan", "--sarif", "-j", "1", "x.part")
    wait_until_read(process, GIB)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - begun < 10
    assert json.loads(out)["runs"][0]["invocations"] == [{"executionSuccessful": False}]
    assert "interrupted" in err


def test_a_file_that_is_shortened_while_it_is_read_ends_the_command_with_words(ptm):
    sparse_file(ptm.folder / "x.part", 16 * GIB)
    process = ptm.start("weights", "scan", "x.part", ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":handle_sigbus=0")
    wait_until_read(process, GIB)
    os.truncate(ptm.folder / "x.part", 4096)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3 and err == "ptm: x.part: became shorter while it was being read, or the disk cannot read it\n"


def test_a_scan_of_many_files_keeps_their_order_and_its_memory(ptm):
    folder = ptm.folder / "many"
    for i in range(20):
        (folder / f"{i:02}").mkdir(parents=True)
        for j in range(250):
            (folder / f"{i:02}/{j:03}.pkl").write_bytes(calls("os", "system") if j % 50 == 0 else calls("collections", "OrderedDict"))
    lines = ptm.json_lines("weights", "scan", folder, "-j", "4", expect=12)
    assert len(lines) == 5000 and [line["file"] for line in lines] == sorted(line["file"] for line in lines)
    assert sum(line["verdict"] == "dangerous" for line in lines) == 100
    assert ptm.run("weights", "scan", folder, expect=12).stdout.splitlines()[-1] == "5000 files: 4900 clean, 100 dangerous"


def test_an_interrupted_conversion_leaves_nothing(ptm):
    sparse_file(ptm.folder / "x.part", 16 * GIB)
    process = ptm.start("weights", "convert", "x.part", "out.safetensors")
    wait_until_read(process, GIB)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    if process.returncode == 3:
        pytest.skip("this disk has no room for 16 GiB, or refuses them")
    assert process.returncode == 130
    assert sorted(path.name for path in ptm.folder.iterdir()) == ["home", "x.part"]
