# SPDX-License-Identifier: MIT
"""safetensors against its own package, both ways: what the package writes is read equal, what `ptm weights convert` writes is read by the
package and by torch equal to what torch had."""
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import time
import warnings

import pytest
import weights_peers
from conftest import Ptm
from servers import BUILD
from test_weights_url import Files

torch = pytest.importorskip("torch", reason="Debian's python3-torch is not installed")
safetensors = weights_peers.need("safetensors")
st = weights_peers.need("safetensors.torch")
warnings.filterwarnings("ignore")
TOOL = BUILD / "tests/e2e/tool_weights"

# The package's names for dtypes, the format's, ours, and bytes an element.
DTYPES = [("bool", "BOOL", "bool", 1), ("uint8", "U8", "uint8", 1), ("int8", "I8", "int8", 1), ("float8_e5m2", "F8_E5M2", "float8_e5m2", 1),
          ("float8_e4m3fn", "F8_E4M3", "float8_e4m3fn", 1), ("float8_e8m0fnu", "F8_E8M0", "float8_e8m0fnu", 1),
          ("float8_e4m3fnuz", "F8_E4M3FNUZ", "float8_e4m3fnuz", 1), ("float8_e5m2fnuz", "F8_E5M2FNUZ", "float8_e5m2fnuz", 1),
          ("float4_e2m1fn_x2", "F4", "float4_e2m1fn", 1), ("int16", "I16", "int16", 2), ("uint16", "U16", "uint16", 2),
          ("float16", "F16", "float16", 2), ("bfloat16", "BF16", "bfloat16", 2), ("int32", "I32", "int32", 4),
          ("uint32", "U32", "uint32", 4),
          ("float32", "F32", "float32", 4), ("complex64", "C64", "complex64", 8), ("float64", "F64", "float64", 8),
          ("int64", "I64", "int64", 8), ("uint64", "U64", "uint64", 8)]


def read(*paths) -> list[dict]:
    done = subprocess.run([TOOL, *map(str, paths)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def package_file(path, tensors: dict, metadata) -> None:
    """tensors: name -> (dtype, shape, bytes)."""
    kept = {name: ctypes.create_string_buffer(data, len(data)) for name, (_, _, data) in tensors.items()}
    specs = {name: safetensors.TensorSpec(dtype=dtype, shape=list(shape), data_ptr=ctypes.addressof(kept[name]), data_len=len(data))
             for name, (dtype, shape, data) in tensors.items()}
    path.write_bytes(safetensors.serialize(specs, metadata))


def bits(tensor) -> bytes:
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()) if tensor.numel() else b""


def assert_equal(found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape, name
        assert bits(found[name]) == bits(tensor), name


@pytest.fixture
def cli(tmp_path):
    return Ptm(tmp_path)


@pytest.fixture
def everything(tmp_path):
    """A file of the package with every dtype it knows, and odd names and shapes."""
    rng = random.Random(3)
    tensors = {f"of.{theirs}": (theirs, (2, 1, 4), rng.randbytes(8 * size)) for theirs, _, _, size in DTYPES}
    tensors |= {"scalar": ("float32", (), rng.randbytes(4)), "none": ("int64", (0, 3), b""), "": ("uint8", (1,), b"x"),
                'q"\\\n\t\x01\x7fä€😀': ("uint8", (3,), b"abc"), "large": ("bfloat16", (300, 500), rng.randbytes(300000))}
    path = tmp_path / "everything.safetensors"
    package_file(path, tensors, {"format": "pt"})
    return path, tensors


def test_what_the_package_writes_is_read(everything):
    path, tensors = everything
    said, = read(path)
    assert said["format"] == "safetensors" and said["metadata"] == {"format": "pt"}
    found = {tensor["name"]: tensor for tensor in said["tensors"]}
    assert found.keys() == tensors.keys()
    ours = {theirs: name for theirs, _, name, _ in DTYPES}
    for name, (dtype, shape, data) in tensors.items():
        shape = [*shape[:-1], shape[-1] * 2] if dtype == "float4_e2m1fn_x2" else list(shape)
        assert (found[name]["dtype"], found[name]["shape"], found[name]["sha256"]) == (ours[dtype], shape, sha(data)), name


def test_the_same_tensors_make_the_same_file(cli, everything, tmp_path):
    cli.run("weights", "convert", everything[0], tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == everything[0].read_bytes()


def test_what_is_accepted_is_what_the_package_accepts(tmp_path):
    """Headers with something changed: never laxer than the package, stricter only where the format's description is."""
    rng = random.Random(11)
    good = {"__metadata__": {"a": "b"}, "x": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
            "y": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}, "z": {"dtype": "F4", "shape": [0, 2], "data_offsets": [11, 11]}}
    text = json.dumps(good).encode()
    pieces = [b"0", b"1", b"8", b"11", b"-1", b"1.0", b"1e0", b"18446744073709551616", b"null", b"[]", b"{}", b'"x"', b'"U8"', b'"F4"',
              b'"F32"', b'"F99"', b",", b":", b"}", b"{", b"]", b"[", b" ", b"\n", b"\x00", b"\xff", b"\\u0000", b"\\ud800", b'"shape"',
              b'"dtype"']
    paths, packages = [], []
    for number in range(3000):
        header = bytearray(text)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            at, drop = rng.randrange(len(header)), rng.choice((0, 0, 1, 1, 2, 4))
            header[at:at + drop] = rng.choice(pieces)
        header += b" " * rng.choice((0, 0, 3))
        data = struct.pack("<Q", len(header)) + header + bytes(rng.choice((11,) * 8 + (10, 12)))
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(data)
        try:
            packages.append({name: (tensor["shape"], sha(bytes(tensor["data"]))) for name, tensor in safetensors.deserialize(data)})
        except safetensors.SafetensorError:
            packages.append(None)
        paths.append(path)
    said = [answer for at in range(0, len(paths), 500) for answer in read(*paths[at:at + 500])]
    assert 50 < sum(theirs is not None for theirs in packages) < 2000
    for path, theirs, ours in zip(paths, packages, said):
        if "error" not in ours:
            assert theirs == {tensor["name"]: (tensor["shape"], tensor["sha256"]) for tensor in ours["tensors"]}, path.read_bytes()
        elif theirs is not None:
            assert any(reason in ours["message"] for reason in ("twice", "NUL")), (ours, path.read_bytes())


def checkpoint() -> dict:
    """What torch can save and safetensors can hold, laid out in every way."""
    torch.manual_seed(5)
    base, many = torch.randn(40, 50), torch.randn(600, 700)
    plain = {str(dtype).removeprefix("torch."): torch.randn(3, 5).mul(50).to(dtype)
             for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8)}
    return plain | {
        "uint8": torch.arange(256, dtype=torch.uint8), "bool": torch.tensor([True, False, True]),
        "complex": torch.randn(6, dtype=torch.complex64), "real": torch.randn(6, dtype=torch.complex64).real,
        "base": base, "again": base, "turned": base.t(), "part": base[3:7, ::2], "row": base[0],
        "expanded": torch.arange(3.).reshape(3, 1).expand(3, 4), "scalar": torch.tensor(1.5), "none": torch.empty(0, 3),
        "grad": torch.nn.Parameter(torch.ones(2, 2)), "large": many, "large.turned": many.t(), "channels": torch.randn(2, 3, 4, 5).to(
            memory_format=torch.channels_last)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_torch_s_values_come_through(cli, tmp_path, zipped):
    wanted = checkpoint()
    torch.save(wanted, tmp_path / "in.pt", _use_new_zipfile_serialization=zipped)
    out = tmp_path / "out.safetensors"
    report, = cli.json_lines("weights", "convert", tmp_path / "in.pt", out)
    found = st.load_file(out)
    with safetensors.safe_open(out, "pt") as opened:
        assert opened.metadata() == {"format": "pt", "base": "again"}
    assert report["aliases"] == 1 and report["tensors"] == len(found) and report["bytes"] == out.stat().st_size
    found["base"] = found["again"]
    assert_equal(found, wanted)
    cli.run("weights", "convert", tmp_path / "in.pt", out, "--split", "--force")
    assert_equal(st.load_file(out), wanted)


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(7, 4)
        self.first = torch.nn.Linear(4, 4)
        self.second = self.first
        self.head = torch.nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight


def test_a_tied_model_loads_as_its_own_library_saves_it(cli, tmp_path):
    model, again = Tied(), Tied()
    torch.save(model.state_dict(), tmp_path / "in.pt")
    cli.run("weights", "convert", tmp_path / "in.pt", tmp_path / "ours.safetensors")
    st.save_model(model, str(tmp_path / "theirs.safetensors"), {"format": "pt"})
    names = []
    for name in ("ours", "theirs"):
        with safetensors.safe_open(tmp_path / f"{name}.safetensors", "pt") as opened:
            names.append((sorted(opened.keys()), opened.metadata()))
    assert names[0] == names[1]
    st.load_model(again, str(tmp_path / "ours.safetensors"))  # strict: nothing missing, nothing too much
    assert_equal(again.state_dict(), model.state_dict())


def test_shards_and_their_index(cli, tmp_path):
    wanted = {f"layer.{i}.weight": torch.randn(64, 64) for i in range(12)}
    wanted["wide"] = torch.randn(300, 64)
    wanted["alias"] = wanted["layer.3.weight"]
    torch.save(wanted, tmp_path / "in.pt")
    out = tmp_path / "model.safetensors"
    report, = cli.json_lines("weights", "convert", tmp_path / "in.pt", out, "--shard-size", "50k")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    shards = sorted(path.name for path in tmp_path.glob("model-*.safetensors"))
    assert shards == [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)] and len(shards) > 4
    assert sorted(set(index["weight_map"].values())) == shards and report["files"] == len(shards) + 1
    assert list(index["weight_map"]) == sorted(index["weight_map"])
    found, sizes = {}, 0
    for shard in shards:
        tensors = st.load_file(tmp_path / shard)
        size = sum(tensor.numel() * 4 for tensor in tensors.values())
        assert size <= 50 * 1024 or list(tensors) == ["wide"]
        assert all(index["weight_map"][name] == shard for name in tensors)
        found |= tensors
        sizes += size
    assert index["metadata"] == {"total_size": sizes, "layer.3.weight": "alias"}
    found["layer.3.weight"] = found["alias"]
    assert_equal(found, wanted)
    said, = read(tmp_path / "model.safetensors.index.json")
    assert said["format"] == "safetensors-index"
    assert {tensor["name"]: tensor["sha256"] for tensor in said["tensors"]} == {
        name: sha(bits(tensor)) for name, tensor in wanted.items() if name != "layer.3.weight"}
    cli.run("weights", "convert", tmp_path / "model.safetensors.index.json", tmp_path / "one.safetensors")
    one = st.load_file(tmp_path / "one.safetensors")
    assert_equal(one, {name: tensor for name, tensor in wanted.items() if name != "layer.3.weight"})


def test_an_index_in_the_cache_of_huggingface_hub(cli, tmp_path):
    """There every file of a snapshot is a link to ../../blobs/HASH; any other link is refused."""
    snapshot, blobs = tmp_path / "models--acme--tiny/snapshots/0123", tmp_path / "models--acme--tiny/blobs"
    (snapshot / "sub").mkdir(parents=True)
    blobs.mkdir()
    tensors = {"a": torch.ones(2), "b": torch.zeros(3)}

    def link(name, data, depth="../../"):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        (snapshot / name).symlink_to(f"{depth}blobs/{digest}")

    link("one.safetensors", st.save({"a": tensors["a"]}))
    link("sub/two.safetensors", st.save({"b": tensors["b"]}), "../../../")
    link("model.safetensors.index.json", json.dumps({"weight_map": {"a": "one.safetensors", "b": "sub/two.safetensors"}}).encode())
    said, = cli.json_lines("weights", "ls", snapshot / "model.safetensors.index.json")
    assert [tensor["name"] for tensor in said["tensors"]] == ["a", "b"]
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes((snapshot / "one.safetensors").read_bytes())
    for target in (str(outside), "../../../outside.safetensors", "../../blobs/../../outside.safetensors", f"../../../blobs/{'0' * 64}"):
        (snapshot / "one.safetensors").unlink()
        (snapshot / "one.safetensors").symlink_to(target)
        assert "one.safetensors" in cli.run("weights", "ls", snapshot / "model.safetensors.index.json", expect=2).stderr


def test_shards_on_a_server_are_read_beside_their_index(cli, tmp_path):
    wanted = {f"layer.{i}.weight": torch.randn(64, 64) for i in range(6)}
    with Files(tmp_path / "server") as server:
        st.save_file(wanted, tmp_path / "in.safetensors")
        cli.run("weights", "convert", tmp_path / "in.safetensors", server.files / "model.safetensors", "--shard-size", "20k")
        url = server.url("model.safetensors.index.json")
        row, = cli.json_lines("weights", "ls", url)
        assert row["format"] == "safetensors-index" and sorted(tensor["name"] for tensor in row["tensors"]) == sorted(wanted)
        cli.run("weights", "convert", url, tmp_path / "out.safetensors")
        assert_equal(st.load_file(tmp_path / "out.safetensors"), wanted)
        (server.files / "model-00002-of-00006.safetensors").unlink()
        done = cli.run("weights", "ls", url, expect=None)
        assert done.returncode != 0 and "model-00002-of-00006.safetensors" in done.stderr


def test_what_cannot_be_held_is_named(cli, tmp_path):
    bad = {"wide": torch.zeros(2, dtype=torch.complex128), "q": torch.quantize_per_tensor(torch.ones(2), 0.1, 3, torch.qint8),
           "sparse": torch.eye(3).to_sparse(), "meta": torch.empty(2, device="meta")}
    out = tmp_path / "out.safetensors"
    for name, tensor in bad.items():
        torch.save({"good": torch.ones(3), name: tensor}, tmp_path / "in.pt")
        done = cli.run("weights", "convert", tmp_path / "in.pt", out, expect=None)
        assert done.returncode != 0 and f"tensor {name} " in done.stderr, done.stderr
        assert sorted(path.name for path in tmp_path.glob("*out*")) == []
        report, = cli.json_lines("weights", "convert", tmp_path / "in.pt", out, "--skip")
        assert [left["name"] for left in report["skipped"]] == [name]
        assert list(st.load_file(out)) == ["good"]
        out.unlink()


def test_an_interrupted_run_leaves_nothing(cli, tmp_path):
    source, size = tmp_path / "in.safetensors", 1 << 30
    header = json.dumps({"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    source.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(source, source.stat().st_size + size)  # a hole: it takes no room
    for sent in (signal.SIGINT, signal.SIGKILL):
        process = cli.start("weights", "convert", source, tmp_path / "out.safetensors")
        until = time.monotonic() + 60
        while process.poll() is None and "deleted" not in "".join(open_files(process.pid)) and time.monotonic() < until:
            pass  # it has not begun to write
        process.send_signal(sent)
        process.communicate(timeout=60)
        assert process.returncode != 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.safetensors"]


def open_files(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    return []


def test_an_existing_file_stays(cli, tmp_path):
    torch.save({"x": torch.ones(3)}, tmp_path / "in.pt")
    (tmp_path / "out.safetensors").write_text("mine")
    done = cli.run("weights", "convert", tmp_path / "in.pt", tmp_path / "out.safetensors", expect=None)
    assert done.returncode != 0 and "--force" in done.stderr
    assert (tmp_path / "out.safetensors").read_text() == "mine"
    cli.run("weights", "convert", tmp_path / "in.pt", tmp_path / "out.safetensors", "--force")
    assert_equal(st.load_file(tmp_path / "out.safetensors"), {"x": torch.ones(3)})
