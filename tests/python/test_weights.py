# SPDX-License-Identifier: MIT
"""ptmtorrent.weights beside torch's own loader and NumPy's: same values, same views, nothing run, nothing copied that need not be."""
import collections
import gc
import http.server
import io
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import threading

import pytest

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from ptmtorrent import weights  # noqa: E402


def model_state():
    """A state dict with all that one usually has: shared storages, views, parameters, scalars, empty ones."""
    torch.manual_seed(1)
    base = torch.randn(6, 8)
    return collections.OrderedDict([
        ("embed.weight", base), ("head.weight", base), ("rows", base[2:4]), ("columns", base.t()), ("one", base[1, 2]),
        ("expanded", torch.arange(3).expand(4, 3)), ("half", torch.randn(5).half()), ("bf", torch.randn(3, 2).bfloat16()),
        ("long", torch.tensor(7)), ("none", torch.empty(0, 3)), ("flags", torch.tensor([True, False])),
        ("complex", torch.randn(4, dtype=torch.complex64)), ("parameter", torch.nn.Parameter(torch.randn(2, 2))),
        ("frozen", torch.nn.Parameter(torch.randn(2), requires_grad=False)), ("grad", torch.randn(2, requires_grad=True)),
    ])


def same(ours, theirs):
    assert type(ours) is type(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.layout == theirs.layout
    assert ours.requires_grad == theirs.requires_grad
    if ours.layout == torch.strided:
        assert ours.stride() == theirs.stride() and ours.storage_offset() == theirs.storage_offset()
        assert ours.is_quantized == theirs.is_quantized
    if ours.is_quantized:
        assert ours.qscheme() == theirs.qscheme()
        ours, theirs = ours.int_repr(), theirs.int_repr()
    if ours.layout != torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    with torch.no_grad():
        assert torch.equal(ours, theirs) or (ours.isnan() == theirs.isnan()).all()


def same_object(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        return same(ours, theirs)
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            same_object(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same_object(a, b)
    else:
        assert ours == theirs
    return None


@pytest.fixture(params=["zip", "legacy"])
def save(request, tmp_path):
    def saved(value, name="model.pth", **kwargs):
        path = tmp_path / name
        torch.save(value, path, _use_new_zipfile_serialization=request.param == "zip", **kwargs)
        return path
    return saved


def test_load__gives_what_torch_load_gives(save):
    path = save(model_state())
    ours, theirs = weights.load(path), torch.load(path)
    same_object(ours, theirs)
    assert ours["rows"].storage().data_ptr() == ours["embed.weight"].storage().data_ptr()
    assert ours["head.weight"] is ours["embed.weight"] or ours["head.weight"].data_ptr() == ours["embed.weight"].data_ptr()


def test_load__keeps_the_shape_of_a_training_checkpoint(save):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 2))
    adam = torch.optim.Adam(net.parameters())
    net[2](torch.randn(3, 4)).sum().backward()
    adam.step()
    path = save({"epoch": 3, "state_dict": net.state_dict(), "optimizer": adam.state_dict(), "best": 0.25, "name": "Ünï", "tags": ["a", None],
                 "size": torch.Size([2, 3]), "dtype": torch.float16, "big": 2**90, "set": {1, 2}, "raw": b"\x00\xff"})
    ours, theirs = weights.load(path), torch.load(path)
    same_object(ours, theirs)
    assert ours["state_dict"]._metadata == theirs["state_dict"]._metadata
    flat = weights.load(path, flat=True)
    assert set(flat) >= {"state_dict.0.weight", "optimizer.state.4.exp_avg"}
    fresh = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 2))
    assert fresh.load_state_dict(ours["state_dict"]).missing_keys == []


def test_load__quantised_and_sparse(save):
    x = torch.randn(4, 6)
    path = save({"tensor": torch.quantize_per_tensor(x, 0.1, 3, torch.quint8),
                 "channel": torch.quantize_per_channel(x, torch.rand(4, dtype=torch.double) + 0.1, torch.zeros(4, dtype=torch.long), 0, torch.qint8),
                 "coo": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr()})
    ours, theirs = weights.load(path), torch.load(path)
    same_object(ours, theirs)
    assert ours["tensor"].q_scale() == theirs["tensor"].q_scale() and ours["tensor"].q_zero_point() == 3
    assert torch.equal(ours["channel"].q_per_channel_scales(), theirs["channel"].q_per_channel_scales())
    assert torch.equal(ours["channel"].dequantize(), theirs["channel"].dequantize())
    assert ours["coo"].is_coalesced() == theirs["coo"].is_coalesced()


class Lazily:
    """A tensor as later versions of torch save one whose conjugation or negation is still to be done."""

    def __init__(self, tensor, **bits):
        self.tensor, self.bits = tensor, bits

    def __reduce_ex__(self, protocol):
        t = self.tensor
        return torch._utils._rebuild_tensor_v2, (t.storage(), t.storage_offset(), tuple(t.shape), t.stride(), False,
                                                 collections.OrderedDict(), self.bits)


def test_load__conjugated_and_negated_views(save):
    x, y = torch.randn(3, dtype=torch.complex64), torch.randn(3)
    path = save({"conj": Lazily(x, conj=True), "neg": Lazily(y, neg=True)})
    ours = weights.load(path)
    assert ours["conj"].is_conj() and ours["neg"].is_neg()
    assert torch.equal(ours["conj"].resolve_conj(), x.conj().resolve_conj())
    assert torch.equal(ours["neg"].resolve_neg(), -y)
    arrays = weights.load(path, framework="numpy")
    assert numpy.array_equal(arrays["conj"], x.numpy().conj()) and numpy.array_equal(arrays["neg"], -y.numpy())


def test_load__a_module_gives_its_tensors_by_their_names(save):
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    ours, theirs = weights.load(save(net)), net.state_dict()
    assert set(theirs) <= set(ours)
    for name in theirs:
        assert torch.equal(ours[name].detach(), theirs[name])


class Leaves:
    """Pickled by reference to a module that notes when it is imported."""

    def __reduce__(self):
        import trap_module
        return trap_module.touch, ("called",)


def test_load__nothing_of_the_file_is_imported_or_called(tmp_path, monkeypatch):
    (tmp_path / "trap_module.py").write_text(f"import pathlib\ndef touch(what): pathlib.Path({str(tmp_path / 'touched')!r}).write_text(what)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.ones(2), "extra": Leaves()}, path)
    sys.modules.pop("trap_module", None)
    ours = weights.load(path)
    assert "trap_module" not in sys.modules and not (tmp_path / "touched").exists()
    assert torch.equal(ours["weight"], torch.ones(2))
    assert ours["extra"] == weights.Opaque("trap_module.touch", ("called",))
    assert weights.scan(path).verdict == "suspicious"


def mapped(path):
    """Address ranges this process has mapped of a file."""
    ranges = []
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            if line.rstrip().endswith(str(path)):
                begin, end = re.match(r"([0-9a-f]+)-([0-9a-f]+)", line).groups()
                ranges.append((int(begin, 16), int(end, 16)))
    return ranges


def test_load__maps_the_file_and_copies_nothing(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.arange(1000.0)}, path)
    tensor = weights.load(path)["weight"]
    assert any(begin <= tensor.data_ptr() < end for begin, end in mapped(path))
    array = weights.load(path, framework="numpy")["weight"]
    assert any(begin <= array.ctypes.data < end for begin, end in mapped(path)) and array.flags.writeable
    before = path.read_bytes()
    tensor.add_(1)
    array += 5
    assert path.read_bytes() == before
    assert torch.equal(weights.load(path)["weight"], torch.arange(1000.0))


def test_open__tensors_outlive_the_checkpoint_and_the_file(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.arange(5000.0)}, path)
    with weights.open(path) as checkpoint:
        tensor = checkpoint["weight"]
    with pytest.raises(ValueError, match="closed"):
        checkpoint["weight"]
    path.unlink()
    gc.collect()
    assert torch.equal(tensor, torch.arange(5000.0))
    del tensor, checkpoint
    gc.collect()
    assert mapped(f"{path} (deleted)") == []


def test_open__is_a_mapping(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"b": torch.zeros(2, 3)[:, 1:], "a": torch.ones(1)}, path)
    with weights.open(path) as checkpoint:
        assert list(checkpoint) == ["b", "a"] and len(checkpoint) == 2 and "a" in checkpoint and "c" not in checkpoint
        assert checkpoint["a"] is checkpoint["a"]
        with pytest.raises(KeyError):
            checkpoint["c"]
        info = checkpoint.info("b")
        assert (info.dtype, info.shape, info.stride, info.offset, info.nbytes) == ("float32", (2, 2), (3, 1), 1, 16)
        assert checkpoint.format == "pytorch-zip" and checkpoint.parameters == 5 and checkpoint.nbytes == 20
        assert "torch.save" in checkpoint.producer and "model.pth" in repr(checkpoint)
    lazily = weights.load(path, lazy=True)
    assert torch.equal(lazily["a"], torch.ones(1))


def test_load__map_location(tmp_path, monkeypatch):
    path = tmp_path / "model.pth"
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    torch.save({"weight": torch.ones(2)}, path)
    monkeypatch.undo()
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA"):
            weights.load(path)
    seen = []
    for where in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: seen.append(location) or storage):
        tensor = weights.load(path, where)["weight"]
        assert tensor.device.type == "cpu" and torch.equal(tensor, torch.ones(2))
    assert seen == ["cuda:0"]
    assert numpy.array_equal(weights.load(path, framework="numpy")["weight"], numpy.ones(2))
    with pytest.raises(ValueError, match="map_location"):
        weights.load(path, "cpu", framework="numpy")
    with pytest.raises(ValueError, match="framework"):
        weights.load(path, framework="jax")


@pytest.mark.parametrize("framework", ["torch", "numpy"])
def test_load__big_endian_and_unaligned_data(tmp_path, framework):
    array = numpy.arange(12, dtype=">f4").reshape(3, 4)
    numpy.savez(tmp_path / "a.npz", big=array, fortran=numpy.asfortranarray(array.astype("<f8")), complex=array.astype(">c16"))
    ours = weights.load(tmp_path / "a.npz", framework=framework)
    for name, theirs in numpy.load(tmp_path / "a.npz").items():
        assert numpy.array_equal(numpy.asarray(ours[name]), theirs)
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '[:55]
    (tmp_path / "odd.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, -2))
    assert numpy.asarray(weights.load(tmp_path / "odd.safetensors", framework=framework)["a"]).tolist() == [1.5, -2]


def test_load__numpy_arrays(save):
    state = model_state()
    ours = weights.load(save(state), framework="numpy")
    for name, tensor in state.items():
        tensor = tensor.detach()
        theirs = tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
        assert numpy.array_equal(ours[name].astype(theirs.dtype), theirs) and ours[name].shape == theirs.shape
    assert numpy.shares_memory(ours["rows"], ours["embed.weight"])


def test_load__numpy_says_what_it_cannot_hold(tmp_path):
    torch.save({"q": torch.quantize_per_tensor(torch.ones(2), 0.5, 1, torch.quint8), "s": torch.eye(2).to_sparse()}, tmp_path / "q.pth")
    ours = weights.load(tmp_path / "q.pth", framework="numpy")
    assert ours["q"].values.tolist() == [3, 3] and ours["q"].scale == 0.5 and ours["q"].zero_point == 1
    assert ours["s"].layout == "sparse_coo" and ours["s"].parts[0].tolist() == [[0, 1], [0, 1]]


def test_load__without_torch_gives_numpy(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "m.pth")
    code = ("import sys, importlib.util; real = importlib.util.find_spec\n"
            "importlib.util.find_spec = lambda name, *a: None if name == 'torch' else real(name, *a)\n"
            "from ptmtorrent import weights; w = weights.load(sys.argv[1])['weight']\n"
            "print(type(w).__module__, 'torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.pth")], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["numpy", "False"]


def test_errors__are_exceptions_that_name_the_thing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.pth"):
        weights.load(tmp_path / "nowhere.pth")
    buffer = io.BytesIO()
    torch.save({"weight": torch.ones(2)}, buffer)
    (tmp_path / "cut.pth").write_bytes(buffer.getvalue()[:-100])
    with pytest.raises(weights.FormatError, match="cut.pth") as caught:
        weights.load(tmp_path / "cut.pth")
    assert caught.value.reason == "malformed" and isinstance(caught.value, ValueError)
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><title>Sign in</title>")
    with pytest.raises(weights.UnsupportedError, match="HTML"):
        weights.load(tmp_path / "page.pth")


def test_load__circles_and_depth(tmp_path):
    circle = {"weight": torch.ones(1)}
    circle["self"] = circle
    torch.save(circle, tmp_path / "circle.pth")
    ours = weights.load(tmp_path / "circle.pth")
    assert ours["self"] is ours
    deep = torch.ones(1)
    for _ in range(300):
        deep = [deep]
    torch.save(deep, tmp_path / "deep.pth")
    with pytest.raises(weights.FormatError, match="nested"):
        weights.load(tmp_path / "deep.pth")


def test_scan__verdicts(tmp_path):
    (tmp_path / "evil.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    report = weights.scan(tmp_path / "evil.bin")
    assert report.verdict == "dangerous" and not report.clean
    assert [found.name for found in report.globals] == ["os.system"] and report.globals[0].offset == 0
    assert any(found.name == "os.system" and found.severity == "dangerous" for found in report.findings)
    torch.save(model_state(), tmp_path / "good.pth")
    assert weights.scan(tmp_path / "good.pth").clean
    assert weights.scan(tmp_path / "absent.pth").verdict == "unreadable"
    (tmp_path / "own.pkl").write_bytes(pickle.dumps(Named(), 2))
    assert weights.scan(tmp_path / "own.pkl").verdict == "suspicious"
    assert weights.scan(tmp_path / "own.pkl", allow=[f"{Named.__module__}.*", "copyreg.*"]).clean


class Named:
    pass


def test_convert__writes_what_load_reads(tmp_path):
    state = model_state()
    state["quantised"] = torch.quantize_per_tensor(torch.ones(2), 0.5, 1, torch.quint8)
    torch.save(state, tmp_path / "m.pth")
    with pytest.raises(weights.UnsupportedError, match="quantised"):
        weights.convert(tmp_path / "m.pth", tmp_path / "m.safetensors")
    report = weights.convert(tmp_path / "m.pth", tmp_path / "m.safetensors", skip=True)
    assert list(report["skipped"]) == ["quantised"] and report["files"] == 1 and report["aliases"] >= 1
    ours = weights.load(tmp_path / "m.safetensors")
    for name, tensor in state.items():
        if name in ours:
            assert torch.equal(ours[name], tensor.detach()) and ours[name].is_contiguous()
    assert len(ours) + report["aliases"] + 1 == len(state)


class Ranges(http.server.BaseHTTPRequestHandler):
    """Serves one file by ranges."""

    def do_GET(self):
        data, asked = self.server.data, re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        begin, end = (int(asked[1]), min(int(asked[2]), len(data) - 1)) if asked else (0, len(data) - 1)
        self.server.sent.append(end + 1 - begin)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end + 1 - begin))
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.send_header("ETag", '"one"')
        self.end_headers()
        self.wfile.write(data[begin:end + 1])

    def log_message(self, *_):
        pass


def test_open__a_url_by_ranges(monkeypatch):
    buffer = io.BytesIO()
    torch.save({"large": torch.arange(2_000_000.0), "small": torch.ones(3)}, buffer)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        server.data, server.sent = buffer.getvalue(), []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with weights.open(f"http://127.0.0.1:{server.server_port}/m.pth") as checkpoint:
                assert checkpoint.info("large").shape == (2_000_000,)
                assert torch.equal(checkpoint["small"], torch.ones(3))
                assert len(server.sent) <= 6 and sum(server.sent) < 1_000_000
                assert torch.equal(checkpoint["large"], torch.arange(2_000_000.0))
        finally:
            server.shutdown()
            thread.join()


def test_open__a_url_by_the_rules_of_now(monkeypatch):
    """The engine is kept from call to call, but not beyond a change of the variables it was made with."""
    stream = io.BytesIO()
    torch.save({"w": torch.arange(10)}, stream)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        server.data, server.sent = stream.getvalue(), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            for name in ("first", "second"):  # names that resolve nowhere
                monkeypatch.setenv("PTM_REWRITE", f"https://{name}.invalid/=http://127.0.0.1:{server.server_port}/")
                with weights.open(f"https://{name}.invalid/m.pth") as checkpoint:
                    assert list(checkpoint) == ["w"]
        finally:
            server.shutdown()


def test_open__a_url_of_another_process_is_refused():
    stream = io.BytesIO()
    torch.save({"here": torch.zeros(3), "later": torch.arange(500000)}, stream)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        server.data, server.sent = stream.getvalue(), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = weights.open(f"http://127.0.0.1:{server.server_port}/x.pth")
        file["here"]
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # it waited for ever
            try:
                file["later"]
            except weights.Error as error:
                os._exit(0 if "another process" in str(error) and file["here"].sum() == 0 else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert file["later"][-1] == 499999
        server.shutdown()


def test_load__from_many_threads_and_after_fork(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(model_state(), path)
    failures = []

    def work():
        try:
            for _ in range(20):
                assert torch.equal(weights.load(path)["rows"], weights.load(path)["embed.weight"][2:4])
                assert weights.scan(path).clean
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    child = os.fork()
    if child == 0:
        os._exit(0 if weights.scan(path).clean and len(weights.load(path)) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_load__gives_all_memory_back(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({f"layer.{i}": torch.ones(64) for i in range(200)}, path)

    def resident():
        with open("/proc/self/statm", encoding="utf-8") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(50):
        weights.load(path)
    gc.collect()
    before = resident()
    for _ in range(300):
        weights.load(path)
        weights.scan(path)
    gc.collect()
    assert resident() - before < 8 << 20


def saved_pickle(tmp_path, data):
    path = tmp_path / "x.pkl"
    path.write_bytes(data)
    return path


SHARED = b"".join(b"q\0h\0\x86" for _ in range(60))  # of what is on the stack a tuple of it twice, and so on


@pytest.mark.parametrize("data", [
    b"\x80\x02})" + SHARED + b"Ns.", b"\x80\x02}cx\nY\n)R" + SHARED + b"Ns.", b"\x80\x04\x8f()" + SHARED + b"\x90.",
    b"\x80\x02(" + b"N" * 20000 + b"tq\x000}(" + b"".join(b"h\0M" + struct.pack("<H", i) + b"\x86N" for i in range(5000)) + b"u.",
], ids=["key", "opaque", "set", "long"])
def test_load__keys_that_share_their_parts_do_not_explode(tmp_path, data):
    with pytest.raises(weights.FormatError, match="keys of more"):
        weights.load(saved_pickle(tmp_path, data))


def test_load__what_has_no_hash_is_in_sets_by_its_text(tmp_path):
    assert weights.load(saved_pickle(tmp_path, b"\x80\x04(cx\nY\n)R\x91.")) == frozenset([repr(weights.Opaque("x.Y"))])
    assert weights.load(saved_pickle(tmp_path, b"\x80\x04\x8f(cx\nY\n)RK\x01\x90.")) == {1, repr(weights.Opaque("x.Y"))}


def test_load__a_device_alone(save):
    assert weights.load(save(torch.device("cpu"))) == torch.device("cpu")


def test_load__what_torch_refuses_to_make_is_told(tmp_path):
    device = weights.load(saved_pickle(tmp_path, b"\x80\x02]ctorch\ndevice\nX\x06\0\0\0banana\x85Ra."))[0]
    assert device == weights.Opaque("torch.device", args=("banana",))
    size = weights.load(saved_pickle(tmp_path, b"\x80\x02ctorch\nSize\n\x8a\x0a" + b"\x7f" * 10 + b"\x85\x85R."))
    assert size == (int.from_bytes(b"\x7f" * 10, "little"),) and type(size) is tuple


def test_load__from_a_deep_stack_is_an_error_of_ours(tmp_path):
    path = saved_pickle(tmp_path, b"\x80\x02N" + b"\x85" * 180 + b".")

    def deeper(n):
        return deeper(n - 1) if n else weights.load(path)

    with pytest.raises(weights.FormatError, match="stack"):
        deeper(sys.getrecursionlimit() - len(__import__("inspect").stack()) - 300)


def test_load__copies_of_expanded_views_do_not_fill_the_memory(tmp_path):
    torch.save({"b": torch.zeros(1, dtype=torch.bfloat16).expand(1 << 40), "c": Lazily(torch.zeros(1).expand(1 << 40), neg=True)},
               tmp_path / "x.pth")
    for name in "b", "c":
        with pytest.raises(weights.FormatError, match="would be copied"):
            weights.open(tmp_path / "x.pth", framework="numpy")[name]
    assert weights.load(tmp_path / "x.pth")["b"].shape == (1 << 40,)


def test_load__sparse_indices_outside_are_refused(tmp_path):
    for name, made in (("coo", torch.eye(3).to_sparse()), ("csr", torch.eye(3).to_sparse_csr())):
        torch.save(made, tmp_path / "x.pth")
        data = (tmp_path / "x.pth").read_bytes()
        bad = data.replace(struct.pack("<3q", 0, 1, 2), struct.pack("<3q", 0, 1, 77))
        (tmp_path / "x.pth").write_bytes(bad)
        assert bad != data
        with pytest.raises(weights.FormatError, match="tensor"):
            weights.load(tmp_path / "x.pth")


def test_load__nested_tensors_stay_in_their_buffer():
    from ptmtorrent._torch import _check_nested
    buffer, pair = torch.zeros(4), torch.tensor
    _check_nested(buffer, pair([[2], [2]]), pair([[1], [1]]), pair([0, 2]))
    _check_nested(buffer, pair([[0, 9]]), pair([[9, 1]]), pair([4]))
    for sizes, strides, offset in (([2], [1], 3), ([1 << 40], [1 << 40], 0), ([-1], [1], 0), ([2], [-1], 3), ([1], [1], -1), ([5], [1], 0)):
        with pytest.raises(weights.FormatError, match="buffer"):
            _check_nested(buffer, pair([sizes]), pair([strides]), pair([offset]))
