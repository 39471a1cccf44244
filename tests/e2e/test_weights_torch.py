# SPDX-License-Identifier: MIT
"""Every kind of checkpoint that torch 1.13 writes, and by hand those it does not: what libptm reads of it is what torch loads,
to the byte. All files are written first and read by one run of tool_weights."""
import ctypes
import hashlib
import io
import json
import pickle
import struct
import subprocess
import threading
import zipfile
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import torch_writers as w
from servers import BUILD

torch = pytest.importorskip("torch", reason="Debian's python3-torch is not installed")
np = pytest.importorskip("numpy", reason="python3-numpy is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, of sparse tensors and tracing
TOOL = BUILD / "tests/e2e/tool_weights"

# --- what torch says ---


def raw(tensor) -> bytes:
    """The stored bytes of its elements in C order: of a conjugated or negated view those below."""
    tensor = tensor.detach()
    if tensor.is_conj():
        tensor = tensor.conj()
    if tensor.is_neg():
        tensor = torch._neg_view(tensor)
    if tensor.dtype == torch.quint4x2:
        return ctypes.string_at(tensor.data_ptr(), (tensor.numel() + 1) // 2)
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    tensor = tensor.contiguous()
    return ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()) if tensor.numel() else b""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def name_of(thing) -> str:
    return str(thing).removeprefix("torch.")


def parts_of(tensor) -> list:
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout == torch.sparse_csr:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.is_quantized and "channel" in str(tensor.qscheme()):
        return [tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()]
    return []


def expected(tensor) -> dict:
    """The same facts as tool_weights prints, out of torch's mouth."""
    said = {"dtype": name_of(tensor.dtype), "layout": name_of(tensor.layout), "shape": list(tensor.shape)}
    grad = tensor.requires_grad
    said["flags"] = {"requires_grad": grad, "is_parameter": isinstance(tensor, torch.nn.Parameter)}
    if tensor.layout != torch.strided:
        said["parts"] = [expected(part) for part in parts_of(tensor)]
        return said
    said |= {"stride": list(tensor.stride()), "offset": tensor.storage_offset()}
    said["flags"] |= {"conj": tensor.is_conj(), "neg": tensor.is_neg()}
    if tensor.is_quantized:
        said["qscheme"] = name_of(tensor.qscheme())
        if "channel" in said["qscheme"]:
            said |= {"axis": tensor.q_per_channel_axis(), "parts": [expected(part) for part in parts_of(tensor)]}
        else:
            said |= {"scale": tensor.q_scale(), "zero_point": tensor.q_zero_point()}
    said |= {"unread": "unsupported"} if tensor.is_meta else {"sha256": sha(raw(tensor))}
    return said


def walk(thing, path=()):
    """Tensors with their names: keys, attributes and places, a module's own containers left out."""
    if isinstance(thing, torch.Tensor):
        yield ".".join(map(str, path)) or "tensor", thing
    elif isinstance(thing, torch.nn.Module):
        for key, item in vars(thing).items():
            yield from walk(item, path if key in ("_modules", "_parameters", "_buffers") else (*path, key))
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from walk(item, (*path, key))
    elif isinstance(thing, (list, tuple)):
        for i, item in enumerate(thing):
            yield from walk(item, (*path, i))


def assert_same(got: dict, want: dict, where: str):
    for key, value in want.items():
        if key == "flags":
            for flag, on in value.items():
                assert bool(got["flags"][flag]) == on, f"{where}: {flag}"
        elif key == "parts":
            assert len(got["parts"]) == len(value), where
            for i, part in enumerate(value):
                assert_same(got["parts"][i], part, f"{where}, part {i}")
        else:
            assert got.get(key) == value, f"{where}: {key}"


# --- what torch saves ---


def grid():
    return torch.arange(24, dtype=torch.float32).reshape(4, 6)


def of_dtypes() -> dict:
    made = {}
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"):
        made[name] = (torch.arange(12) - 3).to(getattr(torch, name)).reshape(3, 4)
    made["bool"] = torch.tensor([True, False, True])
    made["complex64"] = torch.tensor([1 + 2j, -3.5 - 0.25j], dtype=torch.complex64)
    made["complex128"] = torch.tensor([[1e300 + 2j], [float("nan") - 1j]], dtype=torch.complex128)
    made["nan"] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45])
    return made


def of_views() -> dict:
    base = torch.arange(60.0)
    other = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
    return {"base": base, "slice": base[10:20], "step": base[3::7], "matrix": base.view(6, 10)[1:4, 2:9:3],
            "transposed": other.transpose(0, 2), "permuted": other.permute(2, 0, 1)[1:], "other": other,
            "expanded": torch.ones(3, 1).expand(3, 4), "row": base[:5].expand(4, 5), "diagonal": torch.eye(5)[1:, 1:].diagonal(),
            "scalar": torch.tensor(3.5), "item": base[7], "empty": torch.empty(0, 3), "empty_middle": torch.empty(2, 0, 5),
            "no_dims_bool": torch.tensor(True), "unfolded": base.unfold(0, 4, 2), "channels_last":
            torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "one": torch.ones(1, 1, 1)[:, 0]}


def of_quantised() -> dict:
    x = grid() / 7 - 1
    made = {"qint8": torch.quantize_per_tensor(x, 0.1, 3, torch.qint8), "quint8": torch.quantize_per_tensor(x, 0.05, 128, torch.quint8),
            "qint32": torch._make_per_tensor_quantized_tensor(torch.arange(6, dtype=torch.int32), 1 / 3, -7),
            "channel": torch.quantize_per_channel(x, torch.linspace(0.1, 0.4, 4).double(), torch.arange(4), 0, torch.qint8),
            "channel_1": torch.quantize_per_channel(x, torch.linspace(0.1, 0.6, 6).double(), torch.arange(6), 1, torch.quint8),
            "float_channel": torch.quantize_per_channel(x, torch.linspace(0.1, 0.4, 4), torch.zeros(4), 0, torch.quint8),
            "quint4x2": torch.quantize_per_channel(x, torch.linspace(0.1, 0.4, 4), torch.zeros(4), 0, torch.quint4x2)}
    made["transposed"] = made["qint8"].t()
    made["part"] = made["quint8"][1:3]
    return made


def of_quantised_model() -> dict:
    torch.backends.quantized.engine = "qnnpack"  # the one that both x86 and Arm have
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    return torch.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8).state_dict()


def of_sparse() -> dict:
    x = grid() * (grid() % 5 == 0)
    coo = torch.sparse_coo_tensor(torch.tensor([[0, 1, 1], [2, 0, 2]]), torch.tensor([3.0, 4.0, 5.0]), (2, 4))
    return {"coo": coo, "coalesced": coo.coalesce(), "csr": x.to_sparse_csr(), "from_dense": x.to_sparse(),
            "hybrid": torch.sparse_coo_tensor(torch.tensor([[0, 3]]), torch.ones(2, 3, dtype=torch.float64), (4, 3)),
            "empty": torch.sparse_coo_tensor(size=(3, 3)), "half": x.half().to_sparse(), "int": x.long().to_sparse()}


class Part(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 2))
        self.register_buffer("steps", torch.tensor([4]))
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)

    def forward(self, x):
        return x @ self.weight + self.frozen * self.steps


def of_module():
    torch.manual_seed(2)
    return torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 4, 3), norm=torch.nn.BatchNorm2d(4), act=torch.nn.ReLU(),
                                           drop=torch.nn.Dropout(0.1), lstm=torch.nn.LSTM(4, 5), emb=torch.nn.Embedding(7, 3)))


def trained(make):
    model = torch.nn.Linear(5, 3)
    optimizer = make(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 5)).sum().backward()
        optimizer.step()
    return model, optimizer


def of_optimizers() -> dict:
    makers = {"adam": lambda p: torch.optim.Adam(p, amsgrad=True), "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
              "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad, "lbfgs_free": torch.optim.AdamW}
    return {name: trained(make)[1].state_dict() for name, make in makers.items()}


def of_training() -> dict:
    model, optimizer = trained(torch.optim.Adam)
    ema = {key: value * 0.5 for key, value in model.state_dict().items()}
    return {"epoch": 3, "best": 0.5, "args": {"lr": 1e-3, "names": ["a", "b"], "none": None, "big": 1 << 70, "bytes": b"\0\xff"},
            "state_dict": model.state_dict(), "ema": ema, "optimizer": optimizer.state_dict(), "nested": {"a": [{"b": (torch.ones(2),)}]},
            "rng": torch.get_rng_state(), 5: torch.zeros(1), "size": torch.Size([2, 3]), "dtype": torch.float16}


def of_flags() -> dict:
    z = torch.tensor([1 + 2j, 3 - 1j])
    leaf = torch.ones(2, 2, requires_grad=True)
    return {"conj": z.conj(), "part": z[1:].conj(), "plain": z, "leaf": leaf, "parameter": torch.nn.Parameter(torch.zeros(3)),
            "frozen": torch.nn.Parameter(torch.zeros(3), requires_grad=False), "buffer": torch.nn.Parameter(torch.zeros(3)).data}


def of_negated() -> dict:
    # Complex numbers and their real view in one file are refused by torch itself.
    return {"neg": torch.tensor([1 + 2j, 3 - 1j]).conj().imag, "strided": torch.ones(2, 3, dtype=torch.complex128).conj().imag[:, 1:]}


def of_shared() -> dict:
    weight = torch.nn.Parameter(torch.arange(6.0))
    base = torch.arange(4.0)
    return {"a": weight, "b": weight, "c": weight.data, "d": base[1:], "e": base[:2], "f": [base, base]}


SAVED = {"dtypes": of_dtypes, "views": of_views, "quantised": of_quantised, "quantised_model": of_quantised_model, "sparse": of_sparse,
         "module": of_module, "part": Part, "state_dict": lambda: of_module().state_dict(), "optimizers": of_optimizers,
         "training": of_training, "flags": of_flags, "negated": of_negated, "shared": of_shared,
         "meta": lambda: {"m": torch.empty(2, 3, device="meta"), "n": torch.ones(1)}, "bare": grid,
         "parameter": lambda: torch.nn.Parameter(grid()), "list": lambda: [grid(), (grid()[1:], {"x": grid()[0]})], "nothing": dict}
CONTAINERS = {f"{kind}-{protocol}": {"_use_new_zipfile_serialization": kind == "zip", "pickle_protocol": protocol}
              for kind in ("zip", "legacy") for protocol in (2, 3, 4, 5)}


# --- files by hand ---


def packed(dtype: str, values) -> bytes:
    return np.asarray(values, dtype=dtype).tobytes()


NEW_DTYPES = {"float8_e5m2": 1, "float8_e4m3fn": 1, "float8_e5m2fnuz": 1, "float8_e4m3fnuz": 1, "float8_e8m0fnu": 1, "float4_e2m1fn_x2": 1,
              "bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1, "complex32": 4, "uint16": 2, "uint32": 4, "uint64": 8,
              **{f"{sign}int{n}": 1 for sign in ("", "u") for n in range(1, 8)}}


def new_dtypes_file(byteorder: str) -> tuple:
    """What torch >= 2.1 saves of dtypes without a storage class; the values each should read as."""
    value, storages, want = {}, {}, {}
    for i, (dtype, size) in enumerate(NEW_DTYPES.items()):
        data = bytes((7 * i + j) % 251 for j in range(6 * size))
        unit = size // 2 if dtype == "complex32" else size
        swapped = b"".join(data[at:at + unit][::-1] for at in range(0, len(data), unit))
        storages[str(i)] = swapped if byteorder == "big" else data
        value[dtype] = w.tensor_v3(w.storage_id("UntypedStorage", str(i), len(data)), 1, (2, 2), (2, 1), dtype)
        want[dtype] = {"dtype": dtype, "shape": [2, 2], "stride": [2, 1], "offset": 1, "sha256": sha(data[size:5 * size])}
    return w.torch_zip(value, storages, byteorder), want


def newest_file(byteorder: str | None, text=str) -> tuple:
    """Float and other dtypes that torch 1.13 knows too, as a current version lays them out."""
    rows = {"f4": ("FloatStorage", "float32", [1.5, -2, 3, 4, 5, 6]), "f8": ("DoubleStorage", "float64", range(6)),
            "i8": ("LongStorage", "int64", range(-3, 3)), "i2": ("ShortStorage", "int16", range(6)),
            "u1": ("ByteStorage", "uint8", range(6)),
            "c16": ("ComplexDoubleStorage", "complex128", [1 + 2j] * 6), "f2": ("HalfStorage", "float16", range(6))}
    value, storages, want = {}, {}, {}
    for i, (code, (kind, dtype, values)) in enumerate(rows.items()):
        key = str(2 * i)  # keys need not be dense
        array = np.asarray(values, dtype=code)
        storages[key] = array.astype(array.dtype.newbyteorder(">")).tobytes() if byteorder == "big" else array.tobytes()
        grad = array.dtype.kind in "fc"
        value[text(dtype)] = w.tensor_v2(w.storage_id(kind, key, 6, text=text), 2, (2, 2), (2, 1), grad)
        want[dtype] = {"dtype": dtype, "shape": [2, 2], "stride": [2, 1], "offset": 2, "sha256": sha(array[2:].tobytes()),
                       "flags": {"requires_grad": grad}}
    return value, storages, want


def layouts_file() -> tuple:
    """Layouts that torch 1.13 has, but cannot save: as torch 2 writes them. The same matrix four times."""
    longs = [0, 1, 2, 1, 0]
    storages = {"0": packed("<i8", longs), "1": packed("<f4", range(8))}

    def of(kind, key, offset, *shape):
        stride = tuple(int(np.prod(shape[i + 1:])) for i in range(len(shape)))
        return w.tensor_v2(w.storage_id(kind, key, len(storages[key]) // (8 if key == "0" else 4)), offset, shape, stride)

    def sparse(layout, *parts):
        named = w.Call(w.Global("torch.serialization", "_get_layout"), (f"torch.{layout}",))
        return w.Call(w.Global("torch._utils", "_rebuild_sparse_tensor"), (named, parts))

    crow, col, size = of("LongStorage", "0", 0, 3), of("LongStorage", "0", 3, 2), w.Call(w.Global("torch", "Size"), ((2, 2),))
    blocks = w.Call(w.Global("torch", "Size"), ((4, 4),))
    value = {"sparse_csr": sparse("sparse_csr", crow, col, of("FloatStorage", "1", 0, 2), size),
             "sparse_csc": sparse("sparse_csc", crow, col, of("FloatStorage", "1", 0, 2), size),
             "sparse_bsr": sparse("sparse_bsr", crow, col, of("FloatStorage", "1", 0, 2, 2, 2), blocks),
             "sparse_bsc": sparse("sparse_bsc", crow, col, of("FloatStorage", "1", 0, 2, 2, 2), blocks),
             "sparse_coo": sparse("sparse_coo", of("LongStorage", "0", 0, 2, 2), of("FloatStorage", "1", 0, 2), size, True)}
    return w.torch_zip(value, storages), longs


def legacy_file(text=str) -> bytes:
    """As torch before 0.4 wrote it: storages that are parts of others, keys that are addresses, in no order."""
    floats, longs = np.arange(10, dtype="<f4"), np.arange(5, dtype="<i8")

    def of(key, kind, numel, view):
        return w.storage_id(kind, key, numel, text=text, more=(view,))

    value = {text("whole"): w.tensor_v2(of("94801", "FloatStorage", 10, None), 1, (3, 3), (3, 1)),
             text("long"): w.tensor_v2(of("7", "LongStorage", 5, None), 0, (5,), (1,)),
             text("view"): w.tensor_v2(of("94801", "FloatStorage", 10, (text("94802"), 4, 6)), 1, (2, 2), (1, 2)),
             text("old"): w.Call(w.Global("torch._utils", "_rebuild_tensor"), (of("7", "LongStorage", 5, None), 2, (3,), (1,)))}
    return w.torch_legacy(value, {"94801": (10, floats.tobytes()), "7": (5, longs.tobytes())}, text)


def tar_file() -> bytes:
    floats, longs = np.arange(10, dtype="<f4"), np.arange(5, dtype="<i8")
    storages = [w.TarStorage(100, "FloatStorage", floats.tobytes(), 4), w.TarStorage(200, "LongStorage", longs.tobytes(), 8)]
    views = [(300, 100, 4, 6)]
    tensors = [w.TarTensor(1000, 100, "FloatTensor", (2, 3), (3, 1)), w.TarTensor(1001, 300, "FloatTensor", (2, 2), (1, 2), 1),
               w.TarTensor(1002, 200, "LongTensor", (5,), (1,)), w.TarTensor(1003, 100, "FloatTensor", (3,), (3,), 1)]
    parameter = w.Call(w.Global("torch.nn.parameter", "Parameter"), (w.PersId("1003"), True), opcode=b"\x81", state=(True, None, w.HOOKS))
    value = {"a": w.PersId("1000"), "view": w.PersId("1001"), "n": {"long": w.PersId("1002")}, "p": parameter, "again": w.PersId("1000"),
             "rebuilt": w.Call(w.Global("torch._utils", "_rebuild_parameter"), (w.PersId("1000"), False, w.HOOKS))}
    return w.torch_tar(value, storages, tensors, views)


# --- all files, written and read once ---


class Files:
    def __init__(self, folder):
        self.folder, self.paths, self.unsaved, self.read = folder, {}, {}, {}

    def write(self, name: str, data: bytes):
        self.paths[name] = self.folder / name
        self.paths[name].write_bytes(data)

    def save(self, name: str, make, options: dict):
        out = io.BytesIO()
        try:
            torch.save(make(), out, **options)
            self.write(name, out.getvalue())
        except Exception as error:  # noqa: BLE001 - whatever torch cannot save it need not load
            self.unsaved[name] = str(error).splitlines()[0]

    def read_all(self, *arguments):
        done = subprocess.run([TOOL, *(arguments or self.paths.values())], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=120)
        assert done.returncode == 0 and not done.stderr, done.stderr
        for line in done.stdout.splitlines():
            said = json.loads(line)
            said["tensors"] = {tensor["name"]: tensor for tensor in said.get("tensors", [])}
            self.read[said["file"].rsplit("/", 1)[1]] = said

    def __getitem__(self, name: str) -> dict:
        if name in self.unsaved:
            pytest.skip(f"torch {torch.__version__} cannot save it: {self.unsaved[name]}")
        said = self.read[name]
        assert "error" not in said, said.get("message")
        return said


def lite() -> bytes:
    """For phones: bytecode beside the object, and storages of constants with another kind of key."""
    return torch.jit.trace(Part(), torch.ones(1, 3))._save_to_buffer_for_lite_interpreter()


def scripts() -> dict:
    torch.manual_seed(3)
    return {"script": torch.jit.script(Part()), "trace": torch.jit.trace(of_module()[0:3].eval(), torch.ones(1, 3, 5, 5)),
            "constants": torch.jit.trace(lambda x: x + torch.tensor([[1.0, 2.0, 3.0]]), torch.ones(1, 3))}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    if not TOOL.exists():
        pytest.fail(f"{TOOL} is not there: build first")
    made = Files(tmp_path_factory.mktemp("torch"))
    for case, make in SAVED.items():
        for container, options in CONTAINERS.items():
            made.save(f"{case}-{container}", make, options)
    for name, module in scripts().items():
        out = io.BytesIO()
        torch.jit.save(module, out)
        made.write(name, out.getvalue())
    made.write("lite", lite())
    for byteorder in ("little", "big"):
        made.write(f"new-{byteorder}", new_dtypes_file(byteorder)[0])
    for byteorder in ("little", "big", None):
        value, storages, _ = newest_file(byteorder)
        made.write(f"newest-{byteorder}", w.torch_zip(value, storages, byteorder, newest=byteorder is not None))
    value, storages, _ = newest_file(None, w.Text)
    made.write("python2", w.torch_zip(value, storages, None, newest=False))
    made.write("tar", tar_file())
    made.write("legacy", legacy_file())
    made.write("legacy-python2", legacy_file(w.Text))
    made.write("layouts", layouts_file()[0])
    made.write("swapped", to_big_endian(made.paths["views-zip-2"]))
    wrapped = io.BytesIO()
    with zipfile.ZipFile(wrapped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.pth", made.paths["training-legacy-2"].read_bytes())
    made.write("wrapped", wrapped.getvalue())
    made.write("rezipped", rezipped(made.paths["training-zip-2"]))
    made.write("nested", pickle.dumps({"t": grid().t(), "m": Part()}, 2))
    arrays = {"coef_": np.arange(6.0).reshape(2, 3).T, "classes_": np.array([1, 2], dtype=">i4"), "n": np.float32(2)}
    made.write("sklearn", pickle.dumps(arrays, 4))
    made.read_all()
    return made


def to_big_endian(path) -> bytes:
    """A checkpoint of float32 and one bool, as a machine of the other byte order writes it."""
    made = w.TorchZip()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data, record = archive.read(name), name.split("/", 1)[1]
            if record.startswith("data/") and len(data) % 4 == 0:
                data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
            made.add(record, data)
    return made.add("byteorder", b"big").bytes()


def rezipped(path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as again:
        for name in archive.namelist():
            again.writestr(name, archive.read(name))
    return out.getvalue()


def load(path):
    try:
        return torch.load(path, map_location="cpu")
    except RuntimeError as error:
        if "meta" in str(error):
            return torch.load(path)
        raise


def compare(said: dict, thing):
    want = dict(walk(thing))
    assert list(said["tensors"]) == list(want)
    for name, tensor in want.items():
        assert_same(said["tensors"][name], expected(tensor), name)
    return want


# --- the tests ---


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", SAVED)
def test_what_torch_saves_is_read_as_torch_loads_it(files, case, container):
    name = f"{case}-{container}"
    said = files[name]
    assert said["format"] == ("pytorch-zip" if container.startswith("zip") else "pytorch-legacy")
    assert f"protocol {container[-1]}" in said["producer"]
    compare(said, load(files.paths[name]))


@pytest.mark.parametrize("container", ["zip-2", "legacy-2"])
@pytest.mark.parametrize("case", ["views", "shared", "training"])
def test_storages_are_shared_as_in_torch_and_lie_where_they_are_said_to(files, case, container):
    name = f"{case}-{container}"
    said, data = files[name], files.paths[name].read_bytes()
    tensors = dict(walk(load(files.paths[name])))
    by_index = {}
    for key, tensor in tensors.items():
        if not tensor.numel():
            continue
        index, storage = said["tensors"][key]["storage"], tensor.storage()
        assert by_index.setdefault(index, storage.data_ptr()) == storage.data_ptr()
        place = said["storages"][index]
        assert place["device"] == "cpu" and place["nbytes"] == storage.nbytes()
        at = place["file_offset"]
        assert data[at:at + place["nbytes"]] == ctypes.string_at(storage.data_ptr(), storage.nbytes())
    assert len(set(by_index.values())) == len(by_index)


@pytest.mark.parametrize("name", ["script", "trace", "constants", "lite"])
def test_torchscript_parameters_and_buffers(files, name):
    said = files[name]
    assert said["format"] == "torchscript"
    state = torch.jit.load(files.paths[name]).state_dict(keep_vars=True)
    own = {key: tensor for key, tensor in said["tensors"].items() if not key.startswith("constants.")}
    assert set(state) <= set(own)
    for key, tensor in state.items():
        want = expected(tensor)
        want.pop("flags")  # requires_grad of scripted parameters is set on loading
        assert_same(own[key], want, key)
    assert int(said["metadata"]["code_files"]) > 0


def test_torchscript_constants_are_listed(files):
    said = files["constants"]["tensors"]
    assert said["constants.0"]["sha256"] == sha(packed("<f4", [[1, 2, 3]]))


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_dtypes_of_later_versions(files, byteorder):
    said = files[f"new-{byteorder}"]
    want = new_dtypes_file(byteorder)[1]
    assert list(said["tensors"]) == list(want)
    for name, tensor in want.items():
        assert_same(said["tensors"][name], tensor, name)
    assert said["metadata"]["byteorder"] == byteorder


def test_layouts_of_later_versions(files):
    said, longs = files["layouts"]["tensors"], layouts_file()[1]
    for layout, tensor in said.items():
        blocked = layout in ("sparse_bsr", "sparse_bsc")
        assert tensor["layout"] == layout and tensor["dtype"] == "float32" and tensor["shape"] == ([4, 4] if blocked else [2, 2])
        *indices, values = (part["sha256"] for part in tensor["parts"])
        assert values == sha(packed("<f4", range(8 if blocked else 2)))
        places = [longs[:4]] if layout == "sparse_coo" else [longs[:3], longs[3:]]
        assert indices == [sha(packed("<i8", place)) for place in places]
    assert len(said) == 5 and said["sparse_coo"]["flags"]["coalesced"]


@pytest.mark.parametrize("byteorder", ["little", "big", "None"])
def test_records_of_later_versions(files, byteorder):
    said = files[f"newest-{byteorder}"]
    want = newest_file(None if byteorder == "None" else byteorder)[2]
    assert list(said["tensors"]) == list(want)
    for name, tensor in want.items():
        assert_same(said["tensors"][name], tensor, name)
    if byteorder != "None":
        assert said["metadata"][".format_version"] == "1" and said["metadata"][".storage_alignment"] == "64"
        assert len(said["metadata"][".data/serialization_id"]) == 40
        assert all(storage["file_offset"] % 64 == 0 for storage in said["storages"])


@pytest.mark.parametrize("name", ["newest-None", "newest-little", "python2"])
def test_files_by_hand_are_what_torch_takes_them_for(files, name):
    compare(files[name], load(files.paths[name]))


@pytest.mark.parametrize("name,kind", [("tar", "pytorch-tar"), ("legacy", "pytorch-legacy"), ("legacy-python2", "pytorch-legacy")])
def test_old_files_with_parts_of_storages(files, name, kind):
    said = files[name]
    assert said["format"] == kind
    want = {key: expected(tensor) for key, tensor in walk(load(files.paths[name]))}
    assert want["view"]["offset"] == 1  # torch makes a storage of the part ..
    want["view"]["offset"] = 5  # .. which begins at 4 of the whole one
    assert list(said["tensors"]) == list(want)
    for key, tensor in want.items():
        assert_same(said["tensors"][key], tensor, key)


def test_a_big_endian_file_has_the_same_values(files):
    said, little = files["swapped"]["tensors"], files["views-zip-2"]["tensors"]
    assert said.keys() == little.keys() and all(said[name]["sha256"] == little[name]["sha256"] for name in said)


@pytest.mark.parametrize("name,like,kind", [("wrapped", "training-legacy-2", "pytorch-legacy"),
                                            ("rezipped", "training-zip-2", "pytorch-zip")])
def test_zips_made_by_other_programs(files, name, like, kind):
    said = files[name]
    assert said["format"] == kind
    assert {key: tensor["sha256"] for key, tensor in said["tensors"].items()} == \
        {key: tensor["sha256"] for key, tensor in files[like]["tensors"].items()}


def test_pickles_without_torch_save(files):
    said = files["nested"]
    assert said["format"] == "pickle"
    compare(said, pickle.loads(files.paths["nested"].read_bytes()))


def test_numpy_arrays_in_pickles(files):
    said = files["sklearn"]["tensors"]
    assert said["coef_"]["shape"] == [3, 2] and said["coef_"]["sha256"] == sha(packed("<f8", np.arange(6.0).reshape(2, 3).T))
    assert said["classes_"]["sha256"] == sha(packed("<i4", [1, 2]))


def short(path) -> bytes:
    """The first storage's record loses a byte, all else stays whole."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as again:
        for name in archive.namelist():
            data = archive.read(name)
            again.writestr(name, data[:-1] if name.endswith("data/0") else data)
    return out.getvalue()


def test_files_that_lie_are_refused(files, tmp_path):
    lies = Files(tmp_path)
    bare = files.paths["bare-zip-2"].read_bytes()
    legacy = files.paths["bare-legacy-2"].read_bytes()
    lies.write("short", short(files.paths["bare-zip-2"]))
    lies.write("cut", bare[:-30])
    lies.write("legacy-cut", legacy[:-1])
    lies.write("legacy-count", legacy[:-104] + struct.pack("<q", 25) + legacy[-96:])
    lies.read_all()
    for name, said in lies.read.items():
        assert said.get("error") == "malformed", (name, said)


# --- over HTTP ---


class Ranges(BaseHTTPRequestHandler):
    """A file by ranges, each one written down."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        data = self.server.files[self.path]
        first, last = 0, len(data) - 1
        if wanted := self.headers.get("Range"):
            first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
            last = min(last, len(data) - 1)
        self.server.asked.append((self.path, last - first + 1))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(data[first:last + 1])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    made.asked, made.files = [], {}
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("name", ["views-zip-2", "views-legacy-2", "training-zip-4", "tar", "legacy", "script", "wrapped", "rezipped"])
def test_files_on_a_server_are_read_as_on_disk(files, server, tmp_path, name):
    server.files[f"/{name}"] = files.paths[name].read_bytes()
    remote = Files(tmp_path)
    remote.read_all(f"http://127.0.0.1:{server.server_port}/{name}")
    said, local = remote[name], files[name]
    assert said["format"] == local["format"] and said["producer"] == local["producer"]
    assert said["tensors"] == local["tensors"]


@pytest.mark.parametrize("zipped", [True, False])
def test_the_table_of_a_large_file_takes_few_requests(server, zipped):
    big = {f"layer{i}.weight": torch.zeros(1 << 18) for i in range(40)}
    out = io.BytesIO()
    torch.save(big, out, _use_new_zipfile_serialization=zipped)
    server.files["/big"] = out.getvalue()
    done = subprocess.run([TOOL, "--table", f"http://127.0.0.1:{server.server_port}/big"], stdout=subprocess.PIPE, timeout=60)
    said = json.loads(done.stdout)
    assert len(said["tensors"]) == 40 and said["parameters"] == 40 << 18
    assert len(server.asked) <= 4 and sum(size for _, size in server.asked) < len(server.files["/big"]) / 8, server.asked
