# SPDX-License-Identifier: MIT
"""NumPy, ONNX and GGUF files as their own libraries write them: what libptm reads is what those libraries read, to the byte. Each test
writes its files first and has them read by one run of tool_weights."""
import hashlib
import json
import os
import pathlib
import random
import subprocess
import zipfile

import pytest
import weights_peers
from conftest import Ptm
from servers import BUILD, ROOT
from test_weights_url import Files

np = pytest.importorskip("numpy", reason="python3-numpy is not installed")
TOOL = BUILD / "tests/e2e/tool_weights"
HUBDATA = ROOT.parent / "shared/hubdata"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def values_of(array) -> str:
    """The hash of its values in C order and this machine's byte order, which is what ptm_weights_read() gives."""
    return sha(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("=")).tobytes())


def read(*paths: pathlib.Path) -> list:
    out = subprocess.run([TOOL, *map(str, paths)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def table(found: dict) -> dict:
    assert "error" not in found, found
    return {tensor["name"]: tensor for tensor in found["tensors"]}


# --- NumPy ---

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]


def some(dtype: str, shape: tuple):
    """Any bits, but for booleans, which are 0 or 1; of floats NaNs with their payload too."""
    n = int(np.prod(shape)) * np.dtype(dtype).itemsize
    data = random.Random(f"{dtype}{shape}").randbytes(n)
    if dtype == "?":
        data = bytes(byte & 1 for byte in data)
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def arrays() -> dict:
    made = {}
    for dtype in DTYPES:
        base = some(dtype, (3, 4, 5))
        made[f"{dtype} c"] = base
        made[f"{dtype} fortran"] = np.asfortranarray(base)
        made[f"{dtype} big"] = base.astype(base.dtype.newbyteorder(">"))
        made[f"{dtype} big fortran"] = np.asfortranarray(made[f"{dtype} big"])
        made[f"{dtype} view"] = base[::2, 1:3, ::-1]  # saved in C order
        made[f"{dtype} scalar"] = base[0, 0, 0]
        made[f"{dtype} empty"] = base[:0]
    return made


def same_array(tensor: dict, array, big_endian: bool):
    array = np.asarray(array)
    assert tensor["dtype"] == array.dtype.name
    assert tensor["shape"] == list(array.shape)
    assert tensor["nbytes"] == array.nbytes
    assert tensor["sha256"] == values_of(array)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    assert tensor["flags"]["fortran"] == fortran
    assert big_endian == (array.dtype.byteorder == ">")
    if array.size:
        saved = np.asfortranarray(array) if fortran else np.ascontiguousarray(array).reshape(array.shape)
        assert tensor["stride"] == [step // array.itemsize for step in saved.strides]


def test_npy_is_what_numpy_loads(tmp_path):
    made = arrays()
    paths = []
    for i, array in enumerate(made.values()):
        paths.append(tmp_path / f"{i}.npy")
        np.save(paths[-1], array)
    for version in ((1, 0), (2, 0), (3, 0)):
        made[f"version {version}"] = made["f4 c"]
        paths.append(tmp_path / f"v{version[0]}.npy")
        with open(paths[-1], "wb") as file:
            np.lib.format.write_array(file, made["f4 c"], version=version)
    for path, (name, array), found in zip(paths, made.items(), read(*paths), strict=True):
        assert found["format"] == "npy", name
        tensor = table(found)["tensor"]
        same_array(tensor, np.load(path), found["storages"][tensor["storage"]]["big_endian"])
        same_array(tensor, array, found["storages"][tensor["storage"]]["big_endian"])
        assert path.read_bytes()[found["storages"][tensor["storage"]]["file_offset"]:] == np.asarray(array).tobytes("A"), name


@pytest.mark.parametrize("save", ["savez", "savez_compressed"])
def test_npz_is_what_numpy_loads(tmp_path, save):
    made = {name.replace(" ", "/"): array for name, array in arrays().items()}
    made["large"] = some("f4", (300, 1000))
    path = tmp_path / "x.npz"
    getattr(np, save)(path, **made, objects=np.array([{}, None], dtype=object), text=np.array(["a", "bc"]))
    (found,) = read(path)
    assert found["format"] == "npz"
    tensors = table(found)
    assert set(tensors) == set(made) | {"text"}
    with np.load(path) as loaded:
        for name in made:
            tensor = tensors[name]
            same_array(tensor, loaded[name], found["storages"][tensor["storage"]]["big_endian"])
    assert tensors["text"]["dtype"] == "string" and found["metadata"]["text.descr"] == "<U2"
    assert "pickle" in found["metadata"]["skipped: objects.npy"]


def test_npz_written_as_a_stream_is_read(tmp_path):
    """With data descriptors behind the members, as to a pipe."""
    class Stream:
        def __init__(self, file):
            self.write, self.flush = file.write, file.flush

    array = some("f4", (7, 3))
    path = tmp_path / "x.npz"
    with open(path, "wb") as file, zipfile.ZipFile(Stream(file), "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.npy", "w") as member:
            np.lib.format.write_array(member, array)
    (found,) = read(path)
    assert table(found)["a"]["sha256"] == values_of(array)


def test_npy_times_are_counts(tmp_path):
    times = np.array(["2020-01-01", "NaT"], dtype="M8[ns]")
    np.save(tmp_path / "t.npy", times)
    (found,) = read(tmp_path / "t.npy")
    tensor = table(found)["tensor"]
    assert tensor["dtype"] == "int64" and tensor["sha256"] == values_of(times.view("i8"))
    assert found["metadata"]["tensor.descr"] == "<M8[ns]"


@pytest.mark.parametrize("array", [np.array([{}], dtype=object), np.zeros(2, dtype=[("a", "<f4")]), np.zeros(2, dtype="V3"),
                                   np.zeros(2, dtype=np.longdouble)], ids=["objects", "records", "void", "longdouble"])
def test_npy_of_other_things_is_refused(tmp_path, array):
    np.save(tmp_path / "o.npy", array)
    (found,) = read(tmp_path / "o.npy")
    assert found["error"] == "unsupported"


# --- ONNX ---


def onnx():
    return weights_peers.need("onnx")


def model_of(tensors=(), nodes=(), sparse=(), **more):
    h = onnx().helper
    graph = h.make_graph(list(nodes), "graph", [], [], list(tensors), sparse_initializer=list(sparse))
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], producer_name="test", producer_version="1.0", **more)


def save(path: pathlib.Path, model) -> pathlib.Path:
    path.write_bytes(model.SerializeToString())
    return path


# TensorProto's number, our name, bits an element, the typed field, bits that an item of that field holds. From 24 on later than onnx 1.17.
TYPES = [(1, "float32", 32, "float_data", 32), (2, "uint8", 8, "int32_data", 8), (3, "int8", 8, "int32_data", 8),
         (4, "uint16", 16, "int32_data", 16), (5, "int16", 16, "int32_data", 16), (6, "int32", 32, "int32_data", 32),
         (7, "int64", 64, "int64_data", 64), (9, "bool", 8, "int32_data", 8), (10, "float16", 16, "int32_data", 16),
         (11, "float64", 64, "double_data", 64), (12, "uint32", 32, "uint64_data", 32), (13, "uint64", 64, "uint64_data", 64),
         (14, "complex64", 64, "float_data", 32), (15, "complex128", 128, "double_data", 64), (16, "bfloat16", 16, "int32_data", 16),
         (17, "float8_e4m3fn", 8, "int32_data", 8), (18, "float8_e4m3fnuz", 8, "int32_data", 8), (19, "float8_e5m2", 8, "int32_data", 8),
         (20, "float8_e5m2fnuz", 8, "int32_data", 8), (21, "uint4", 4, "int32_data", 8), (22, "int4", 4, "int32_data", 8),
         (23, "float4_e2m1fn", 4, "int32_data", 8), (24, "float8_e8m0fnu", 8, "int32_data", 8), (25, "uint2", 2, "int32_data", 8),
         (26, "int2", 2, "int32_data", 8), (27, "float6_e2m3fn", 6, "int32_data", 6), (28, "float6_e3m2fn", 6, "int32_data", 6)]
SHAPES = [(), (0,), (1,), (5,), (2, 3, 4)]


def bits_of(number: int, bits: int, shape: tuple) -> bytes:
    """The values of a tensor as raw_data has them: any bits, those behind the last element zero."""
    n = int(np.prod(shape, dtype=int)) * bits
    data = bytearray(random.Random(f"{number}{shape}").randbytes((n + 7) // 8))
    if number == 9:
        data = bytearray(byte & 1 for byte in data)
    if number in (1, 11, 14, 15):  # finite ones: protobuf's Python may quieten a NaN
        dtype = np.dtype("<f4" if number in (1, 14) else "<f8")
        data = bytearray(np.linspace(-9, 9, len(data) // dtype.itemsize, dtype=dtype).tobytes())
    if n % 8:
        data[-1] &= (1 << n % 8) - 1
    return bytes(data)


def items_of(data: bytes, number: int, shape: tuple, bits: int, item: int) -> list:
    """The same values as items of the typed field."""
    if number in (1, 14):
        return np.frombuffer(data, dtype="<f4").tolist()
    if number in (11, 15):
        return np.frombuffer(data, dtype="<f8").tolist()
    count = -(-int(np.prod(shape, dtype=int)) * bits // item)
    whole = int.from_bytes(data, "little")
    items = [whole >> item * i & (1 << item) - 1 for i in range(count)]
    signed = number in (3, 5, 6, 7)
    return [value - (1 << item) if signed and value >> item - 1 else value for value in items]


def test_onnx_types_are_read_from_raw_and_typed_data(tmp_path):
    """Every type and both ways to store it: the same bytes; and where onnx 1.17 knows the type, the values it makes of them."""
    o = onnx()
    paths, wanted = [], []
    for number, name, bits, field, item in TYPES:
        for shape in SHAPES:
            data = bits_of(number, bits, shape)
            raw, typed = o.TensorProto(data_type=number, name="w"), o.TensorProto(data_type=number, name="w")
            raw.dims.extend(shape), typed.dims.extend(shape)
            raw.raw_data = data
            getattr(typed, field).extend(items_of(data, number, shape, bits, item))
            for tensor in (raw, typed):
                paths.append(save(tmp_path / f"{len(paths)}.onnx", model_of([tensor])))
                wanted.append((name, shape, data, tensor))
    for (name, shape, data, tensor), found in zip(wanted, read(*paths), strict=True):
        got = table(found)["w"]
        assert (got["dtype"], got["shape"], got["nbytes"]) == (name, list(shape), len(data)), got
        assert got.get("sha256") == sha(data), (name, shape, got)
        if tensor.data_type <= 13 or (tensor.data_type <= 15 and tensor.HasField("raw_data")):  # onnx 1.17 fails at typed complex ones
            assert got["sha256"] == values_of(o.numpy_helper.to_array(tensor)), (name, shape)


def test_onnx_models_of_its_helpers_are_read(tmp_path):
    o = onnx()
    h, nh = o.helper, o.numpy_helper
    w = nh.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    branch = h.make_graph([h.make_node("Constant", [], ["k"], value=w)], "branch", [], [], [w])
    nodes = [h.make_node("If", ["c"], ["y"], name="cond", then_branch=branch, else_branch=branch),
             h.make_node("Constant", [], ["z"], value=w)]
    function = h.make_function("my.domain", "f", ["a"], ["b"], [h.make_node("Constant", [], ["k"], value=w)], [h.make_opsetid("", 17)])
    model = model_of([w, h.make_tensor("s", o.TensorProto.STRING, [2], [b"a", b"b"])], nodes, functions=[function])
    h.set_model_props(model, {"license": "MIT", "über": "ja"})
    (found,) = read(save(tmp_path / "m", model))  # known by content
    tensors = table(found)
    assert found["format"] == "onnx" and found["producer"] == "test 1.0 (ONNX opset 17)"
    assert set(tensors) == {"w", "s", "z", "cond.then_branch.w", "cond.then_branch.k", "cond.else_branch.w", "cond.else_branch.k",
                            "my.domain.f.k"}
    for name in set(tensors) - {"s"}:
        assert tensors[name]["sha256"] == values_of(nh.to_array(w)), name
    assert found["metadata"]["license"] == "MIT" and found["metadata"]["über"] == "ja"
    assert found["metadata"]["opset_import"] == '{"ai.onnx":17}'


@pytest.mark.parametrize("linear", [False, True])
def test_onnx_sparse_initializers_are_those_of_torch(tmp_path, linear):
    o = onnx()
    dense = np.zeros((3, 4, 2), dtype=np.float32)
    dense[0, 1, 1], dense[1, 3, 0], dense[2, 0, 1] = 1, 2, 3
    places = np.flatnonzero(dense) if linear else np.argwhere(dense)
    values, indices = o.numpy_helper.from_array(dense[dense != 0], "sp"), o.numpy_helper.from_array(places, "i")
    sparse = o.helper.make_sparse_tensor(values, indices, dense.shape)
    (found,) = read(save(tmp_path / "m.onnx", model_of(sparse=[sparse])))
    tensor = table(found)["sp"]
    assert tensor["layout"] == "sparse_coo" and tensor["shape"] == [3, 4, 2]
    indices, values = tensor["parts"]
    assert indices["shape"] == [3, 3] and indices["sha256"] == values_of(np.argwhere(dense).T)
    assert values["sha256"] == values_of(dense[dense != 0])


@pytest.mark.parametrize("one_file", [True, False])
def test_onnx_external_data_are_read(tmp_path, one_file):
    o = onnx()
    arrays = {name: some("f4", (5, 7)) for name in ("a", "b")} | {"c": some("i8", (3,))}
    model = model_of([o.numpy_helper.from_array(array, name) for name, array in arrays.items()])
    o.save_model(model, str(tmp_path / "m.onnx"), save_as_external_data=True, all_tensors_to_one_file=one_file,
                 location="m.data" if one_file else None, size_threshold=0)
    assert (tmp_path / "m.onnx").stat().st_size < 1000
    (found,) = read(tmp_path / "m.onnx")
    for name, array in arrays.items():
        assert table(found)[name]["sha256"] == values_of(array)
    for path in tmp_path.glob("*"):
        if path.name != "m.onnx":
            path.unlink()
    (found,) = read(tmp_path / "m.onnx")
    for name in arrays:
        assert table(found)[name]["unread"] == "unsupported"


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "x/../../secret", "..", "C:\\secret\\..", "a//b"])
def test_onnx_external_data_stay_in_their_folder(tmp_path, location):
    o = onnx()
    (tmp_path / "secret").write_bytes(bytes(8))
    (tmp_path / "model").mkdir()
    tensor = o.TensorProto(data_type=1, name="w", dims=[2], data_location=1)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    (found,) = read(save(tmp_path / "model/m.onnx", model_of([tensor])))
    assert found["error"] == "unsafe_name", found


def test_onnx_external_data_are_not_followed_through_links(tmp_path):
    o = onnx()
    (tmp_path / "secret").write_bytes(bytes(8))
    (tmp_path / "model").mkdir()
    os.symlink("../secret", tmp_path / "model/link")
    os.symlink("..", tmp_path / "model/up")
    paths = []
    for location in ("link", "up/secret"):
        tensor = o.TensorProto(data_type=1, name="w", dims=[2], data_location=1)
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
        paths.append(save(tmp_path / f"model/{len(paths)}.onnx", model_of([tensor])))
    for found in read(*paths):
        assert table(found)["w"]["unread"] == "unsupported"


def test_onnx_models_of_the_hub_are_read():
    """Real ones, as the ONNX model zoo has them: every initializer and Constant, by name and value."""
    o = onnx()
    objects = sorted((HUBDATA / "onnxmodelzoo/lfs_objects").glob("*/*/*"))
    if not objects:
        pytest.skip("the hub's data are not here")
    for path, found in zip(objects, read(*objects), strict=True):
        graph = o.load(str(path), load_external_data=False).graph
        wanted = {tensor.name: tensor for tensor in graph.initializer}
        constants = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].HasField("t")]
        wanted |= {node.output[0]: node.attribute[0].t for node in constants}
        tensors = table(found)
        assert wanted and set(tensors) == set(wanted)
        for name, tensor in wanted.items():
            assert tensors[name]["sha256"] == values_of(o.numpy_helper.to_array(tensor)), name


# --- GGUF ---


@pytest.mark.parametrize("big", [False, True])
def test_gguf_of_its_package_is_read(tmp_path, big):
    gguf = weights_peers.need("gguf")
    order = gguf.GGUFEndian.BIG if big else gguf.GGUFEndian.LITTLE
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(str(path), "llama", endianess=order)
    writer.add_name("Tiny")
    writer.add_uint32("llama.block_count", 3)
    writer.add_float32("llama.rope.freq_base", 10000.5)
    writer.add_bool("flag", True)
    writer.add_array("tokenizer.ggml.tokens", [f"token {i}" for i in range(1000)])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("words", ["a", "ü"])
    made = {f"t.{np.dtype(kind).name}": some(kind, (3, 4)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8")}
    for name, array in made.items():
        writer.add_tensor(name, array.astype(array.dtype))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (found,) = read(path)
    tensors = table(found)
    assert found["format"] == "gguf" and found["producer"] == "Tiny (llama)"
    assert set(tensors) == set(made)
    for name, array in made.items():
        assert tensors[name]["dtype"] == array.dtype.name and tensors[name]["shape"] == [3, 4]
        assert tensors[name]["sha256"] == values_of(array), name
    meta = found["metadata"]
    assert meta["tokenizer.ggml.tokens"] == '{"type":"string","count":1000}'
    assert (meta["numbers"], meta["flag"], meta["llama.rope.freq_base"]) == ("[1,2,3]", "true", "10000.5")
    assert json.loads(meta["words"]) == ["a", "ü"]


def test_gguf_types_have_the_sizes_of_its_package(tmp_path):
    gguf = weights_peers.need("gguf")
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    made = {}
    for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items():
        if kind.name == "Q8_1":
            continue  # never in files; the package counts 40 bytes, ggml's own struct has 36
        data = np.frombuffer(random.Random(kind.name).randbytes(2 * 3 * size), dtype=np.uint8).reshape(2, 3 * size)
        made[kind.name] = (data, [2, 3 * elements])
        writer.add_tensor(kind.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (found,) = read(path)
    tensors = table(found)
    plain = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64", "I8": "int8", "I16": "int16", "I32": "int32",
             "I64": "int64"}
    assert set(tensors) == set(made)
    for name, (data, shape) in made.items():
        assert tensors[name]["dtype"] == plain.get(name, f"ggml:{name.lower()}")
        assert tensors[name]["shape"] == shape and tensors[name]["nbytes"] == data.nbytes, name
        assert tensors[name]["sha256"] == sha(data.tobytes()), name


# --- on a server ---


@pytest.fixture
def server(tmp_path):
    with Files(tmp_path / "server") as files:
        yield files


def over_http(tmp_path, server, name: str, most_requests: int, most_bytes: int) -> dict:
    """ptm weights ls of the file by its URL: what it says of it locally too, for so many requests and bytes at most."""
    ptm = Ptm(tmp_path)
    (row,) = ptm.json_lines("weights", "ls", server.url(name))
    (local,) = ptm.json_lines("weights", "ls", server.files / name)
    assert row.pop("file") == server.url(name) and local.pop("file")
    assert row == local
    requests = server.served()
    assert all(status in (206, 404) for status, *_ in requests)
    assert len(requests) <= most_requests, requests
    assert sum(sent for _, sent, *_ in requests) <= most_bytes, requests
    return row


def test_gguf_on_a_server_costs_its_table(tmp_path, server):
    gguf = weights_peers.need("gguf")
    writer = gguf.GGUFWriter(str(server.files / "m.gguf"), "llama")
    writer.add_array("tokenizer.ggml.tokens", [f"token {i}" for i in range(100_000)])
    for i in range(40):
        writer.add_tensor(f"blk.{i}.w", np.zeros((1024, 512), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    row = over_http(tmp_path, server, "m.gguf", 8, 8 << 20)
    assert len(row["tensors"]) == 40


def test_compressed_npz_on_a_server_costs_the_beginnings_of_its_members(tmp_path, server):
    np.savez_compressed(server.files / "m.npz", **{f"w{i}": some("f4", (1 << 20,)) for i in range(8)})
    row = over_http(tmp_path, server, "m.npz", 20, 4 << 20)
    assert [tensor["shape"] for tensor in row["tensors"]] == [[1 << 20]] * 8


def test_onnx_on_a_server_costs_its_tags(tmp_path, server):
    o = onnx()
    tensors = [o.numpy_helper.from_array(np.full(2 << 20, i, dtype=np.float32), f"w{i}") for i in range(8)]
    save(server.files / "m.onnx", model_of(tensors))
    row = over_http(tmp_path, server, "m.onnx", 20, 4 << 20)
    assert len(row["tensors"]) == 8


def test_onnx_external_data_lie_beside_its_url(tmp_path, server):
    o = onnx()
    model = model_of([o.numpy_helper.from_array(np.zeros(2 << 20, dtype=np.float32), "w")])
    o.save_model(model, str(server.files / "m.onnx"), save_as_external_data=True, location="m.data")
    row = over_http(tmp_path, server, "m.onnx", 6, 2 << 20)
    assert row["tensors"][0]["shape"] == [2 << 20]
    (server.files / "m.data").unlink()
    over_http(tmp_path, server, "m.onnx", 12, 4 << 20)
