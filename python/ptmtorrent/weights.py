# SPDX-License-Identifier: MIT
"""Checkpoint files without running what is inside them.

PyTorch (.pt, .pth: zip, legacy stream, tar, TorchScript), safetensors (single and sharded), ONNX, GGUF, NumPy (.npy, .npz) and plain
pickles, from a path or an http(s) URL. Formats, their sources and what is refused: docs/formats/ of the project.

    state = load("model.pth")                     # what torch.load gives, as far as it is data
    with open("model.safetensors") as file:       # a mapping: name -> tensor
        file["embed.weight"]
    scan("model.bin").verdict                     # "clean", "suspicious", "unreadable", "dangerous"

Tensors are torch tensors where torch is installed, else NumPy arrays. Local files are mapped privately: tensors are views of the file
without a copy, writing to them changes nothing on disk. Big-endian and unaligned data is copied.
"""
from __future__ import annotations

import collections
import dataclasses
import importlib.util
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ._core import Error, FormatError, UnsupportedError, check, context, ffi, lib, net, new_err, text, word

__all__ = ["Checkpoint", "Error", "Finding", "FormatError", "Opaque", "Report", "ScanGlobal", "TensorInfo", "UnsupportedError", "convert",
           "load", "open", "scan"]

MapLocation = Union[None, str, Mapping[str, str], Callable[[Any, str], Any], Any]
_NO_STORAGE = 2 ** (8 * ffi.sizeof("size_t")) - 1
# As for converting: PTM_LIMIT_EXPANSION and PTM_LIMIT_EXPANSION_FREE.
_COPY_TIMES, _COPY_FREE = 100, 1 << 30


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """What the file says of a tensor; its values are not touched. dtype is torch's name without the prefix; stride and offset are in
    elements, None where the format has none; storage is the number of the storage it is a view of, None for meta tensors."""
    name: str
    dtype: str
    shape: Tuple[int, ...]
    stride: Optional[Tuple[int, ...]]
    offset: Optional[int]
    nbytes: int
    storage: Optional[int]
    layout: str
    requires_grad: bool
    is_parameter: bool


@dataclasses.dataclass
class Opaque:
    """An object of a class or function that is not data: what would have been called, never made. args are its arguments, state is what
    its __setstate__ would have been given; `kind` "global" is a class or function only named."""
    name: str
    args: Tuple[Any, ...] = ()
    state: Any = None
    kind: str = "object"


class _Handle:
    """An opened ptm_weights; freed when nothing of it is referred to any more."""

    def __init__(self, path: str, writable: bool, siblings: bool):
        opts = ffi.new("struct ptm_weights_opts *")
        opts.size, opts.writable, opts.no_siblings = ffi.sizeof("struct ptm_weights_opts"), writable, not siblings
        out, err = ffi.new("ptm_weights **"), new_err()
        name = os.fsencode(path)
        if path.startswith(("http://", "https://")):
            check(lib.ptm_weights_open_url(net(), name, opts, out, err), err)
        else:
            check(lib.ptm_weights_open(name, opts, out, err), err)
        self.pointer = ffi.gc(out[0], lib.ptm_weights_close)
        self.url, self.pid = path.startswith(("http://", "https://")), os.getpid()
        self._storages: Dict[int, Tuple[Any, int, bool]] = {}
        self._copies: Dict[Tuple[int, int], bytearray] = {}

    def check_process(self) -> None:
        """A forked child has no thread that would fetch more of a URL: it would wait for ever."""
        if self.url and self.pid != os.getpid():
            raise Error("a checkpoint that another process opened from a URL: open it again in this one")

    def storage(self, number: int) -> Tuple[Any, int, bool]:
        """(buffer over its bytes, address, whether its elements are big-endian). The buffer keeps the file open."""
        if number not in self._storages:
            self.check_process()
            out, err = ffi.new("void **"), new_err()
            check(lib.ptm_weights_storage_data(self.pointer, number, out, err), err)
            info = lib.ptm_weights_storage(self.pointer, number)
            # The buffer holds on to this pointer, whose destructor holds on to the file.
            owner = ffi.gc(out[0], lambda _, keep=self.pointer: None)
            self._storages[number] = (ffi.buffer(owner, info.nbytes), int(ffi.cast("uintptr_t", out[0])), bool(info.big_endian))
        return self._storages[number]

    def elements(self, number: int, unit: int) -> Any:
        """A buffer over a storage whose elements of unit bytes are aligned and in this machine's byte order: the mapped bytes themselves
        where they are so, else one copy, which all views of the storage share."""
        buffer, address, big_endian = self.storage(number)
        swap = unit if big_endian != (sys.byteorder == "big") else 1
        if swap == 1 and address % unit == 0:
            return buffer
        key = (number, swap)
        if key not in self._copies:
            data = self._copies[key] = bytearray(buffer)
            usable = len(data) // swap * swap
            for i in range(swap // 2):
                j = swap - 1 - i
                data[i:usable:swap], data[j:usable:swap] = data[j:usable:swap], data[i:usable:swap]
        return self._copies[key]

    def device(self, number: int) -> str:
        return text(lib.ptm_weights_storage(self.pointer, number).device) or "cpu"

    def check_copy(self, tensor: Any) -> None:
        """A view of a few bytes may have any number of elements: a copy of them must not fill the memory."""
        stored = lib.ptm_weights_storage(self.pointer, tensor.storage).nbytes
        if tensor.nbytes > max(_COPY_FREE, _COPY_TIMES * stored):
            raise FormatError(f"tensor {text(tensor.name)}: {tensor.nbytes} bytes would be copied out of {stored}", "limit")

    def read(self, tensor: Any) -> bytearray:
        """A tensor's values, contiguous, in this machine's byte order."""
        self.check_copy(tensor)
        self.check_process()
        data, err = bytearray(tensor.nbytes), new_err()
        check(lib.ptm_weights_read(self.pointer, tensor, ffi.from_buffer(data) if data else ffi.NULL, len(data), err), err)
        return data


def _shape(tensor: Any) -> Tuple[int, ...]:
    return tuple(tensor.shape[i] for i in range(tensor.n_dims))


def _stride(tensor: Any) -> Optional[Tuple[int, ...]]:
    return None if tensor.stride == ffi.NULL else tuple(tensor.stride[i] for i in range(tensor.n_dims))


def _dtype(tensor: Any) -> str:
    return word(lib.ptm_dtype_info(tensor.dtype).name)


def _maker(framework: Optional[str], handle: _Handle, map_location: MapLocation) -> Any:
    if framework in (None, "auto"):
        framework = "torch" if importlib.util.find_spec("torch") else "numpy"
    if framework in ("torch", "pt"):
        from . import _torch
        return _torch.Maker(handle, map_location)
    if framework in ("numpy", "np"):
        if map_location is not None:
            raise ValueError("map_location is for torch: NumPy arrays live in this machine's memory")
        from . import _numpy
        return _numpy.Maker(handle)
    raise ValueError(f'Unknown framework: "{framework}". Allowed values: "torch" | "numpy".')


class Checkpoint(collections.abc.Mapping[str, Any]):
    """An opened file: a mapping from dotted tensor names to tensors, each made when it is asked for, and once.

    May be used by several threads for reading `info`; making tensors is for one at a time. Tensors stay good after close().
    """

    def __init__(self, path: Union[str, os.PathLike[str]], *, framework: Optional[str] = None, map_location: MapLocation = None,
                 siblings: bool = True):
        self.path = os.fspath(path) if not isinstance(path, str) else path
        self._handle: Optional[_Handle] = _Handle(self.path, True, siblings)
        self._maker = _maker(framework, self._handle, map_location)
        count = lib.ptm_weights_count(self._handle.pointer)
        self._tensors = {word(tensor.name): tensor for tensor in (lib.ptm_weights_tensor(self._handle.pointer, i) for i in range(count))}
        self._made: Dict[int, Any] = {}

    def _open(self) -> Any:
        if self._handle is None:
            raise ValueError(f"{self.path}: this checkpoint has been closed")
        return self._handle.pointer

    def __getitem__(self, name: str) -> Any:
        self._open()
        return self._make(self._tensors[name])

    def _make(self, tensor: Any) -> Any:
        key = int(ffi.cast("uintptr_t", tensor))
        if key not in self._made:
            self._made[key] = self._maker.tensor(tensor)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def info(self, name: str) -> TensorInfo:
        """What the file says of a tensor."""
        self._open()
        tensor = self._tensors[name]
        return TensorInfo(name, _dtype(tensor), _shape(tensor), _stride(tensor), tensor.offset if tensor.offset >= 0 else None,
                          tensor.nbytes, None if tensor.storage == _NO_STORAGE else tensor.storage,
                          word(lib.ptm_layout_name(tensor.layout)), bool(tensor.requires_grad), bool(tensor.is_parameter))

    @property
    def format(self) -> str:
        """"pytorch-zip", "pytorch-legacy", "pytorch-tar", "torchscript", "safetensors", "onnx", "gguf", "npy", "npz", "pickle", .."""
        return word(lib.ptm_weights_format(self._open()))

    @property
    def producer(self) -> str:
        return word(lib.ptm_weights_producer(self._open()))

    @property
    def parameters(self) -> int:
        """Elements of all tensors, each view of the same elements counted once."""
        return int(lib.ptm_weights_parameters(self._open()))

    @property
    def nbytes(self) -> int:
        return int(lib.ptm_weights_bytes(self._open()))

    @property
    def metadata(self) -> Dict[str, str]:
        pointer = self._open()
        metas = (lib.ptm_weights_meta(pointer, i) for i in range(lib.ptm_weights_meta_count(pointer)))
        return {word(meta.key): word(meta.value) for meta in metas}

    def root(self) -> Any:
        """The object as it was saved, tensors in their places; None for formats that are only a table. Classes and functions that are
        not data come as Opaque."""
        root = lib.ptm_weights_root(self._open())
        try:
            return None if root == ffi.NULL else _Values(self).value(root)
        except RecursionError:
            raise FormatError(f"{self.path}: objects nested deeper than Python's stack allows from here", "limit") from None

    def close(self) -> None:
        """Gives the file back once the last tensor made from it is gone. Closing twice is fine."""
        self._handle = self._maker = None
        self._tensors, self._made = {}, {}

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ptmtorrent.weights.Checkpoint {self.path!r} {'closed' if self._handle is None else self.format}, {len(self)} tensors>"


class _Values:
    """Turns the graph of ptm_values into Python's. A node that is shared or part of a circle is made once."""

    # Python's own stack bears this; deeper nesting is no checkpoint.
    DEPTH = 200
    # Parts of all keys that have more than a few. Python hashes a tuple anew each time, and what it holds twice twice: 2 ** 40 steps for
    # one of 40 pairs.
    KEY_PARTS_FEW, KEY_PARTS = 64, 1000000

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint, self.depth = checkpoint, 0
        self.made: Dict[int, Any] = {}
        self.parts_of: Dict[int, int] = {}
        self.key_parts = 0
        self.kinds = {
            lib.PTM_VALUE_NONE: lambda v: None,
            lib.PTM_VALUE_BOOL: lambda v: bool(v.i),
            lib.PTM_VALUE_INT: lambda v: v.i,
            lib.PTM_VALUE_BIGINT: lambda v: int(word(v.text), 0),
            lib.PTM_VALUE_FLOAT: lambda v: v.f,
            lib.PTM_VALUE_COMPLEX: lambda v: complex(v.f, v.f2),
            lib.PTM_VALUE_STR: lambda v: ffi.buffer(v.text, v.len)[:].decode("utf-8", "surrogatepass"),
            lib.PTM_VALUE_BYTES: lambda v: (bytearray if v.flag else bytes)(ffi.buffer(v.text, v.len)[:]),
            lib.PTM_VALUE_LIST: self.list,
            lib.PTM_VALUE_TUPLE: self.tuple,
            lib.PTM_VALUE_SET: lambda v: (frozenset if v.flag else set)([self.key(v.items[i]) for i in range(v.n_items)]),
            lib.PTM_VALUE_DICT: self.dict,
            lib.PTM_VALUE_TENSOR: lambda v: checkpoint._make(v.tensor),
            lib.PTM_VALUE_GLOBAL: lambda v: checkpoint._maker.named(word(v.class_name)) or Opaque(word(v.class_name), kind="global"),
            lib.PTM_VALUE_OBJECT: self.object,
        }

    def value(self, node: Any) -> Any:
        key = int(ffi.cast("uintptr_t", node))
        if key in self.made:
            return self.made[key]
        if self.depth > self.DEPTH:
            raise FormatError(f"{self.checkpoint.path}: objects nested more than {self.DEPTH} deep", "limit")
        self.depth += 1
        try:
            self.made[key] = self.kinds[node.kind](node)
        finally:
            self.depth -= 1
        return self.made[key]

    def keep(self, node: Any, value: Any) -> Any:
        """Known before its items are made, so that circles end here."""
        self.made[int(ffi.cast("uintptr_t", node))] = value
        return value

    def items(self, node: Any) -> List[Any]:
        return [self.value(node.items[i]) for i in range(node.n_items)]

    def parts(self, node: Any) -> int:
        """How many values it has when each is counted as often as it is met."""
        key = int(ffi.cast("uintptr_t", node))
        if key not in self.parts_of:
            self.parts_of[key] = 1  # circles end here
            state = 0 if node.state == ffi.NULL else self.parts(node.state)
            self.parts_of[key] = 1 + state + sum(self.parts(node.items[i]) for i in range(node.n_items))
        return self.parts_of[key]

    def key(self, node: Any) -> Any:
        """A key of a dict, or an item of a set, as data: what cannot be one (an Opaque) by its text."""
        value = self.value(node)
        parts = self.parts(node) if node.n_items else 1
        if parts > self.KEY_PARTS_FEW:
            self.key_parts += parts
            if self.key_parts > self.KEY_PARTS:
                raise FormatError(f"{self.checkpoint.path}: keys of more than {self.KEY_PARTS} parts", "limit")
        try:
            hash(value)
            return value
        except TypeError:
            return repr(value)

    def list(self, node: Any) -> List[Any]:
        made: List[Any] = self.keep(node, [])
        made.extend(self.items(node))
        return made

    def tuple(self, node: Any) -> Any:
        made = tuple(self.items(node))
        return self.checkpoint._maker.size(made) if text(node.class_name) == "torch.Size" else made

    def dict(self, node: Any) -> Dict[Any, Any]:
        classes: Dict[Optional[str], Any] = {"collections.OrderedDict": collections.OrderedDict, "collections.Counter": collections.Counter,
                                             "collections.defaultdict": collections.defaultdict}
        made: Dict[Any, Any] = self.keep(node, classes.get(text(node.class_name), dict)())
        for i in range(0, node.n_items - 1, 2):
            made[self.key(node.items[i])] = self.value(node.items[i + 1])
        if type(made) is collections.OrderedDict and node.state != ffi.NULL:
            state = self.value(node.state)
            if isinstance(state, dict) and "_metadata" in state:
                made._metadata = state["_metadata"]  # type: ignore[attr-defined]  # of nn.Module.state_dict(): versions of its modules
        return made

    def object(self, node: Any) -> Any:
        name = word(node.class_name)
        made = self.keep(node, Opaque(name))
        made.args = tuple(self.items(node))
        if node.state != ffi.NULL:
            made.state = self.value(node.state)
        known = self.checkpoint._maker.known(name, made.args)
        return made if known is None else known


def open(path: Union[str, os.PathLike[str]], *, framework: Optional[str] = None, map_location: MapLocation = None,
         siblings: bool = True) -> Checkpoint:
    """Opens a checkpoint as a mapping from dotted names to tensors, which are made when they are asked for.

    path: a file, the *.index.json of a sharded model, or an http(s) URL, read by ranges. framework: "torch", "numpy"; None: torch where
    it is installed. map_location: as torch.load's. siblings: open shards and external data, which must lie beside the file.
    """
    return Checkpoint(path, framework=framework, map_location=map_location, siblings=siblings)


def load(path: Union[str, os.PathLike[str]], map_location: MapLocation = None, *, framework: Optional[str] = None, lazy: bool = False,
         flat: bool = False) -> Any:
    """What torch.load(path, map_location) gives, as far as it is data; for other formats a dict from names to tensors.

    Nested checkpoints keep their shape ({"state_dict": .., "epoch": 3}); flat=True gives one dict from dotted names to tensors instead.
    A pickled module or other object of a class that is not data gives that flat dict too: its tensors under the names its state_dict()
    has. lazy=True gives the mapping of open(). Nothing in the file is executed or imported; what is not data comes as Opaque.
    """
    checkpoint = Checkpoint(path, framework=framework, map_location=map_location)
    if lazy:
        return checkpoint
    with checkpoint:
        root = lib.ptm_weights_root(checkpoint._open())
        if flat or root == ffi.NULL:
            return dict(checkpoint)
        if root.kind == lib.PTM_VALUE_OBJECT:
            made = Opaque("") if len(checkpoint) else checkpoint.root()  # a torch.device is an object too
            return dict(checkpoint) if isinstance(made, Opaque) else made
        return checkpoint.root()


# --- converting ---

def convert(source: Union[str, os.PathLike[str]], target: Union[str, os.PathLike[str]], *, shard_size: int = 0, split: bool = False,
            skip: bool = False, force: bool = False) -> Dict[str, Any]:
    """Writes any checkpoint as safetensors, values bit for bit. Tensors that are the same are written once and named in the metadata
    (split: each is written). What safetensors cannot hold raises UnsupportedError naming the tensor; skip leaves it out. shard_size > 0
    writes several files of at most so many bytes and an index. Gives {"tensors", "aliases", "bytes", "files", "skipped": {name: why}}."""
    handle = _Handle(os.fspath(source) if not isinstance(source, str) else source, False, True)
    left_out: Dict[str, str] = {}
    keep = ffi.new_handle(left_out.__setitem__)
    opts = ffi.new("struct ptm_convert_opts *")
    opts.size = ffi.sizeof("struct ptm_convert_opts")
    opts.shard_size, opts.split, opts.skip, opts.force = shard_size, split, skip, force
    opts.skipped, opts.skipped_arg = lib.ptm_py_skipped, keep
    report, err = ffi.new("struct ptm_convert_report *"), new_err()
    check(lib.ptm_weights_convert(context(), handle.pointer, os.fsencode(target), opts, report, err), err)
    return {"tensors": report.tensors, "aliases": report.aliases, "bytes": report.bytes, "files": report.files, "skipped": left_out}


# --- scanning ---

@dataclasses.dataclass(frozen=True)
class Finding:
    """Something a scan found. name is the class or function it is about ("global" in the command's JSON), or None; offset is in the member, or in the file where there is none; docs/formats/scan.md explains the rules."""
    severity: str
    rule: str
    message: str
    name: Optional[str]
    offset: Optional[int]
    member: Optional[str]


@dataclasses.dataclass(frozen=True)
class ScanGlobal:
    """A class or function that a pickle in the file asks for."""
    name: str
    verdict: str
    offset: int
    member: Optional[str]


@dataclasses.dataclass(frozen=True)
class Report:
    """verdict: "clean", "suspicious", "unreadable" or "dangerous", the worst of the findings."""
    verdict: str
    format: str
    bytes: int
    findings: Sequence[Finding]
    globals: Sequence[ScanGlobal]

    @property
    def clean(self) -> bool:
        return self.verdict == "clean"


def scan(path: Union[str, os.PathLike[str]], *, allow: Sequence[str] = (), max_unpacked: int = 0) -> Report:
    """What a file of any kind would do to whoever unpickles it, found by its content, whatever its name. allow: further globals to take
    for clean ("mymodel.Net", "mymodel.*"). A file that cannot be opened or read is "unreadable", not an exception."""
    names = [ffi.new("char[]", name.encode()) for name in allow]
    array = ffi.new("char *[]", names) if names else ffi.NULL
    opts = ffi.new("struct ptm_scan_opts *")
    opts.size, opts.allow, opts.n_allow, opts.max_unpacked = ffi.sizeof("struct ptm_scan_opts"), array, len(names), max_unpacked
    report, err = ffi.new("struct ptm_scan_report *"), new_err()
    try:
        check(lib.ptm_scan(context(), os.fsencode(path), opts, report, err), err)
        return Report(
            word(lib.ptm_verdict_name(report.verdict)), word(report.format), report.bytes,
            [Finding(word(lib.ptm_verdict_name(f.severity)), word(f.rule), word(f.message), text(getattr(f, "global")),
                     f.offset if f.offset >= 0 else None, text(f.member)) for f in (report.findings[i] for i in range(report.n_findings))],
            [ScanGlobal(word(g.name), word(lib.ptm_verdict_name(g.verdict)), g.offset, text(g.member))
             for g in (report.globals[i] for i in range(report.n_globals))])
    finally:
        lib.ptm_scan_clear(report)
