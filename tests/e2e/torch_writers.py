# SPDX-License-Identifier: MIT
"""Writes checkpoints as torch versions did and do that are not here: pickles opcode by opcode, zips, tar files. No torch is needed."""
import binascii
import io
import pickle
import struct
import tarfile
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Global:
    module: str
    name: str


@dataclass
class Call:
    callee: Global
    args: tuple
    state: Any = None
    opcode: bytes = b"R"  # or NEWOBJ


@dataclass
class PersId:
    value: Any


@dataclass
class Text:
    """A string as Python 2 pickled it: bytes without an encoding."""

    value: str

    def __hash__(self) -> int:
        return hash(self.value)


def opcodes(value: Any) -> bytes:
    """The value's opcodes of protocol 2, without a memo."""
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        size = value.bit_length() // 8 + 1
        return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, Text):
        return b"U" + bytes([len(value.value)]) + value.value.encode()
    if isinstance(value, tuple):
        return b"(" + b"".join(map(opcodes, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
    if isinstance(value, Global):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, PersId):
        return opcodes(value.value) + b"Q"
    if isinstance(value, Call):
        state = opcodes(value.state) + b"b" if value.state is not None else b""
        return opcodes(value.callee) + opcodes(value.args) + value.opcode + state
    raise TypeError(type(value))


def dumps(value: Any) -> bytes:
    return b"\x80\x02" + opcodes(value) + b"."


HOOKS = Call(Global("collections", "OrderedDict"), ())


def tensor_v2(storage: Any, offset: int, size: tuple, stride: tuple, requires_grad: bool = False) -> Call:
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, size, stride, requires_grad, HOOKS))


def tensor_v3(storage: Any, offset: int, size: tuple, stride: tuple, dtype: str, *metadata: Any) -> Call:
    """For dtypes without a storage class: the storage counts bytes, the dtype is an argument."""
    return Call(Global("torch._utils", "_rebuild_tensor_v3"),
                (storage, offset, size, stride, False, HOOKS, Global("torch", dtype), *metadata))


def storage_id(kind: str, key: str, numel: int, device: str = "cpu", text: Any = str, more: tuple = ()) -> PersId:
    """more: what legacy streams have behind it, None or (key of the view, offset, elements)."""
    module = "torch.storage" if kind == "UntypedStorage" else "torch"
    return PersId((text("storage"), Global(module, kind), text(key), text(device), numel, *more))


@dataclass
class TorchZip:
    """Records in order, stored, aligned by an extra field, descriptors after them, ZIP64 end records: as PyTorchStreamWriter writes."""

    top: str = "archive"
    alignment: int = 64
    out: bytearray = field(default_factory=bytearray)
    directory: bytearray = field(default_factory=bytearray)
    count: int = 0

    def add(self, name: str, data: bytes) -> "TorchZip":
        path = f"{self.top}/{name}".encode()
        at, crc, flags = len(self.out), binascii.crc32(data), 0x0808 if data else 0x0800
        fill = -(at + 30 + len(path) + 4) % self.alignment
        self.out += struct.pack("<4s5H3I2H", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(path), 4 + fill)
        self.out += path + struct.pack("<2sH", b"FB", fill) + b"Z" * fill + data
        if data:
            self.out += struct.pack("<4s3I", b"PK\7\x08", crc, len(data), len(data))
        self.directory += struct.pack("<4s6H3I", b"PK\1\2", 0, 0, flags, 0, 0, 0, crc, len(data), len(data))
        self.directory += struct.pack("<5H2I", len(path), 0, 0, 0, 0, 0, at) + path
        self.count += 1
        return self

    def bytes(self) -> bytes:
        at, size = len(self.out), len(self.directory)
        end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 798, 45, 0, 0, self.count, self.count, size, at)
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + size, 1)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, self.count, self.count, size, at, 0)
        return bytes(self.out + self.directory + end64 + locator + end)


def torch_zip(value: Any, storages: dict, byteorder: str | None = "little", newest: bool = True) -> bytes:
    """A checkpoint as current torch.save writes it; storages: bytes by key."""
    made = TorchZip().add("data.pkl", dumps(value))
    if newest:
        made.add(".format_version", b"1").add(".storage_alignment", b"64")
    if byteorder:
        made.add("byteorder", byteorder.encode())
    for key, data in storages.items():
        made.add(f"data/{key}", data)
    made.add("version", b"3\n")
    if newest:
        made.add(".data/serialization_id", b"0" * 40)
    return made.bytes()


def torch_legacy(value: Any, storages: dict, text: Any = str) -> bytes:
    """A legacy stream; storages: (elements, bytes) by key, in the order they are to stand in."""
    system = {text("protocol_version"): 1001, text("little_endian"): True, text("type_sizes"): {text("long"): 8}}
    parts = [0x1950A86A20F9469CFC6C, 1001, system, value, [text(key) for key in storages]]
    return b"".join(map(dumps, parts)) + b"".join(struct.pack("<q", numel) + data for numel, data in storages.values())


@dataclass
class TarStorage:
    key: int
    kind: str  # "FloatStorage"
    data: bytes
    itemsize: int


@dataclass
class TarTensor:
    key: int
    storage: int
    kind: str  # "FloatTensor"
    size: tuple
    stride: tuple
    offset: int = 0


def torch_tar(value: Any, storages: list, tensors: list, views: list | None = None) -> bytes:
    """torch 0.1's tar file. value has PersId(str(key)) where tensors are; views: (key, storage's key, offset, elements)."""
    first = dumps(len(storages))
    for one in storages:
        first += dumps((one.key, "cpu", Global("torch", one.kind))) + struct.pack("<q", len(one.data) // one.itemsize) + one.data
    first += dumps(views or [])
    second = dumps(len(tensors))
    for tensor in tensors:
        n = len(tensor.size)
        second += dumps((tensor.key, tensor.storage, Global("torch", tensor.kind)))
        second += struct.pack(f"<i4x{n}q{n}qq", n, *tensor.size, *tensor.stride, tensor.offset)
    system = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        members = {"sys_info": pickle.dumps(system, 2), "pickle": dumps(value), "tensors": second, "storages": first}
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
