# SPDX-License-Identifier: MIT
"""The pickle machine against CPython's C unpickler and pickletools, on random and on mutated pickles (always the same ones).

What CPython imports is recorded and never done: find_class() hands out symbols. Whatever it asks for must be in the machine's list,
whatever is outside the allow-list must not come out clean, and what it loads must be the same value, ending at the same byte.
whatever is outside the allow-list must not come out clean, and what it loads must be the same value, ending at the same byte.

PTM_PICKLES sets how many (default 100,000, a tenth under ASan).
"""
import collections
import copyreg
import datetime
import decimal
import fractions
import io
import itertools
import json
import multiprocessing
import os
import pathlib
import pickle
import pickletools
import random
import resource
import struct
import subprocess
import sys
import types
import uuid
import warnings

import pytest

BUILD = pathlib.Path(os.environ.get("PTM_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build/check"))
TOOL = BUILD / "tests/e2e/tool_pickle"
COUNT = int(os.environ.get("PTM_PICKLES", "10000" if "ASAN_OPTIONS" in os.environ else "100000"))
BATCH = 1000
# CPython allocates an array up to the largest index of a PUT: it fails early instead. Beyond what this process has already, which is much
# where other tests have imported torch.
MEMORY = 1 << 30
EXTENSION = ("ptm_no_such_module", "extension")

# --- names: what is on the allow-list (written anew, not taken from the tables under test), and what is not ---

TORCH_KINDS = ["BFloat16", "Bool", "Byte", "Char", "ComplexDouble", "ComplexFloat", "Double", "Float", "Half", "Int", "Long", "QInt32",
               "QInt8",
               "QUInt2x4", "QUInt4x2", "QUInt8", "Short"]
ALLOWED = {(m, n) for m, names in {
    "_codecs": "encode", "argparse": "Namespace", "collections": "Counter OrderedDict defaultdict deque", "copyreg": "_reconstructor",
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple",
    "datetime": "date datetime time timedelta timezone", "decimal": "Decimal", "fractions": "Fraction", "numpy": "dtype ndarray",
    "numpy.core.multiarray": "_reconstruct scalar", "numpy._core.multiarray": "_reconstruct scalar", "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer", "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath", "types": "SimpleNamespace", "uuid": "UUID",
    "torch": "Size Tensor device per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine "
             "per_tensor_symmetric bfloat16 bits16 bits1x8 bits2x4 bits4x2 bits8 bool complex128 complex32 complex64 float16 float32 "
             "float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int16 int32 int64 int8 "
             "qint32 "
             "qint8 quint2x4 quint4x2 quint8 uint16 uint32 uint64 uint8 " + " ".join(f"int{i} uint{i}" for i in range(1, 8)),
    "torch.nn.parameter": "Parameter", "torch.serialization": "_get_layout", "torch._tensor": "_rebuild_from_type _rebuild_from_type_v2",
    "torch.storage": "UntypedStorage TypedStorage _UntypedStorage _TypedStorage _load_from_bytes",
    "torch._utils": "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state "
                    "_rebuild_qtensor "
                    "_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage _rebuild_nested_tensor "
                    "_rebuild_wrapper_subclass _rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor "
                    "_rebuild_xla_tensor",
    "torch.jit._pickle": "build_boollist build_doublelist build_intlist build_tensor_from_id build_tensorlist restore_type_tag",
}.items() for n in names.split()}
ALLOWED |= {(m, k + "Tensor") for m in ("torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse") for k in TORCH_KINDS}
ALLOWED |= {(m, k + "Storage") for m in ("torch", "torch.cuda") for k in TORCH_KINDS}
HARMFUL = [("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"),
           ("subprocess", "Popen"), ("importlib", "import_module"), ("runpy", "_run_code"), ("sys", "modules"), ("__builtin__", "eval"),
           ("commands", "getoutput"), ("pathlib", "os.system"), ("builtins", "eval.__call__"), ("torch", "load"), ("functools", "partial")]
UNKNOWN = [("mymodel", "Net"), ("__main__", "Config"), ("sklearn.svm", "SVC"), ("a", "b.c"), ("exceptions", "ValueError"), ("é", "ü")]
NAMES = sorted(ALLOWED) + 12 * HARMFUL + 12 * UNKNOWN + 6 * [("__builtin__", "set"), ("copy_reg", "_reconstructor"), ("__builtin__",
    "unicode")]


def mapped(module, name):
    """As find_class() maps below protocol 3."""
    import _compat_pickle
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[(module, name)]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


# --- CPython: symbols that can be called, made, filled and built, and do nothing ---

class Symbol(type):
    """Instances are classes, which NEWOBJ asks for."""

    def __call__(cls, *args, **kwargs):
        return symbol()

    def nothing(cls, *args):
        pass

    append = extend = add = __setitem__ = __setstate__ = nothing


def symbol():
    return type.__call__(Symbol, "symbol", (), {"__new__": lambda cls, *args, **kwargs: symbol()})


class Recorder(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.asked = []

    def find_class(self, module, name):
        self.asked.append((module, name))
        return symbol()

    def persistent_load(self, pid):
        return symbol()


def run_cpython(file):
    """(value, or the exception, what was asked for)"""
    recorder = Recorder(file)
    try:
        return recorder.load(), None, recorder.asked
    except Exception as error:  # noqa: BLE001 - whatever a broken pickle raises
        return None, error, recorder.asked


class WholeFile(io.BytesIO):
    """A file whose peek() shows everything: what loads() sees, so that frames mean nothing."""

    def peek(self, size):
        at = self.tell()
        return self.getbuffer()[at:].tobytes()


def genops_end(data):
    """Where pickletools sees the pickle end, None where it sees another thing than the C unpickler may (it is stricter)."""
    try:
        for opcode, _, pos in pickletools.genops(data):
            if opcode.name == "STOP":
                return pos + 1
    except Exception:  # noqa: BLE001
        return None
    return None


# --- values as text ---

def canon(value, depth=0):
    """One text for equal values, however their sets are ordered; None when it is too deep."""
    if depth > 40:
        raise RecursionError
    kind = type(value)
    if kind is float:
        return "f" + struct.pack(">d", value).hex()
    if kind is str:
        return "s" + value.encode("utf-8", "surrogatepass").hex()
    if kind is bytes or kind is bytearray:
        return kind.__name__ + value.hex()
    if kind is list or kind is tuple:
        return kind.__name__ + "[" + ",".join([canon(v, depth + 1) for v in value]) + "]"
    if kind is dict:
        return "{" + ",".join([canon(k, depth + 1) + ":" + canon(v, depth + 1) for k, v in value.items()]) + "}"
    if kind is set or kind is frozenset:
        return kind.__name__ + "[" + ",".join(sorted([canon(v, depth + 1) for v in value])) + "]"
    if kind is int or kind is bool or value is None:
        return hex(value) if kind is int else repr(value)
    return "?"


class Again(dict):
    """What the tool's expressions are made of."""

    def __init__(self):
        super().__init__()
        self.symbols, self.floats = {}, {}

        def pairs(*items):
            result = {}
            for key, value in zip(items[::2], items[1::2]):
                result[key] = value
            return result
        self.update({
            # Two NaNs are two keys, the same one twice is one.
            "F": lambda bits, at: self.floats.setdefault(at, struct.unpack("<d", struct.pack("<Q", bits))[0]),
            "U": lambda h: bytes.fromhex(h).decode("utf-8", "surrogatepass"),
            "B": bytes.fromhex, "Y": bytearray.fromhex, "I": lambda h: int.from_bytes(bytes.fromhex(h), "little", signed=True),
            "T": lambda *items: items, "D": pairs, "E": lambda *items: set(items), "Z": lambda *items: frozenset(items),
            "X": lambda at: self.symbols.setdefault(at, symbol()), "__builtins__": {}})


# --- pickles ---

class Shaped:
    """Reduces to names that are harmless to write and of all kinds to read."""

    def __init__(self, *result):
        self.result = result

    def __reduce_ex__(self, protocol):
        return self.result


class Persistent(pickle.Pickler):
    def persistent_id(self, obj):
        return ("storage", collections.OrderedDict, "0", "cpu", 3) if isinstance(obj, uuid.UUID) else None


def harmless(rng, depth=0):
    makers = [lambda: rng.choice([None, True, False, 0, 1, -1, 255, 256, 65535, 65536, -70000, 2**31, -2**31, 2**63, -2**63, 2**64, 10**40,
                                  -10**40]),
              lambda: rng.choice([0.0, -0.0, 1.5, 1e300, float("inf"), float("nan"), -1e-300]),
              lambda: rng.choice(["", "a", "weight", "é", "\u1234\n\\u", "\U0001f600", "\ud800", "x" * 300]),
              lambda: rng.randbytes(rng.choice([0, 1, 3, 300])), lambda: bytearray(rng.randbytes(rng.choice([0, 5])))]
    deep = [lambda: [harmless(rng, depth + 1) for _ in range(rng.randrange(4))],
            lambda: tuple(harmless(rng, depth + 1) for _ in range(rng.randrange(5))),
            lambda: {rng.choice(["k", 1, 2.5, None, (1, "t"), b"b"]): harmless(rng, depth + 1) for _ in range(rng.randrange(4))},
            lambda: set(rng.sample(range(400), rng.randrange(4))), lambda: frozenset(rng.sample("abcdef", rng.randrange(4))),
            lambda: collections.OrderedDict(a=harmless(rng, depth + 1)), lambda: collections.defaultdict(list, {1: [2]}),
            lambda: datetime.datetime(2026, 1, 2, 3, 4), lambda: decimal.Decimal("1.5"), lambda: fractions.Fraction(1, 3),
            lambda: complex(1, 2), lambda: uuid.UUID(int=5), lambda: types.SimpleNamespace(a=1), lambda: pathlib.PurePosixPath("a/b"),
            lambda: Shaped(collections.OrderedDict, (), {"state": 1}, iter([1, 2]), iter([("k", "v")])),
            lambda: Shaped(eval, ("1",)), lambda: Shaped(os.system, ("true",)), lambda: Shaped(copyreg.__newobj__, (set,), None, iter([3]))]
    return rng.choice(makers if depth > 3 or rng.random() < 0.5 else makers + 2 * deep)()


def real_pickle(rng):
    value = harmless(rng)
    if rng.random() < 0.1:
        loop = [value]
        loop.append((loop, {"self": loop}))
        value = loop
    out = io.BytesIO()
    kind = rng.choice([pickle.Pickler, pickle._Pickler, Persistent])
    try:
        kind(out, rng.randrange(6)).dump(value)
    except Exception:  # noqa: BLE001 - some objects have no pickle of some protocol
        return pickle.dumps([value is None, "instead"], rng.randrange(6))
    return out.getvalue()


def line(rng, texts):
    return rng.choice(texts) + b"\n"


INTS = [b"0", b"1", b"00", b"01", b"-1", b"+1", b" 1", b"010", b"08", b"0x1f", b"0o17", b"0b11", b"1_000", b"1__0", b"_1", b"-0", b"",
        b"\0", b"1\0x",
        b"12 ", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 40,
        b"0x" + b"f" * 40, b"0_0",
        b"-", b"L", b"0x", b"0x_1", b"1L", b" ", b"\t7", b"-0x10", b"0X1F", b"00000", b"0o", b"-0b1"]
LONGS = INTS + [b"5L", b"-5L", b"0L", b"123456789012345678901234567890L", b"-1" + b"0" * 50 + b"L", b"1LL", b"0x10L"]
FLOATS = [b"1.5", b"-1e3", b"inf", b"-INF", b"nan", b"infinity", b"1e400", b"1.", b".5", b".", b"e5", b"1e", b" 1", b"1 ", b"1_0",
          b"0x1p3", b"1.5\0z", b"",
          b"+2.25", b"1e-400", b"Nan", b"in", b"1e+5"]
STRINGS = [b"'a'", b'"b"', b"''", b"'", b"a", b"'a\"", b"'\\n\\t\\\\\\''", b"'\\x41'", b"'\\x4'", b"'\\101'", b"'\\q'", b"'\\777'",
           b"'\\'", b"'\\8'", b"'\xff'",
           b"'os'", b"'system'", b"'\\0'"]
UNICODES = [b"abc", b"", b"\\u0041", b"\\U0001f600", b"\\u00", b"\\\\u0041", b"\xe9", b"\\ud800", b"\\U00110000", b"\\", b"a\\n", b"os",
            b"system", b"\\u004"]
TEXTS = [b"", b"a", b"os", b"system", b"builtins", b"eval", "é".encode(), b"\xed\xa0\x80", b"\xff", b"\xc0\x80", b"\xf0\x9f\x98\x80",
         b"collections",
         b"OrderedDict", b"a\0b", b"torch", b"FloatStorage", b"x" * 20]
NUMBERS = [0, 1, 2, 3, 7, 255]
OPCODES = [ord(opcode.code) for opcode in pickletools.opcodes]


class Forge:
    """Writes opcodes that mostly fit the stack they would find."""

    def __init__(self, rng):
        self.rng, self.out, self.stack, self.marks, self.puts = rng, bytearray(), [], [], []

    def have(self):
        return len(self.stack) - (self.marks[-1] if self.marks else 0)

    def push(self, kind, data):
        self.out += data
        self.stack.append(kind)

    def pop(self, n):
        del self.stack[len(self.stack) - n:]

    def text(self):
        t = self.rng.choice(TEXTS)
        self.push("s", self.rng.choice([b"\x8c" + bytes([len(t)]), b"X" + struct.pack("<I", len(t)), b"\x8d" + struct.pack("<Q",
            len(t))]) + t)

    def scalar(self):
        rng = self.rng
        choice = rng.randrange(16)
        if choice == 0:
            self.push("i", b"I" + line(rng, INTS))
        elif choice == 1:
            self.push("i", b"L" + line(rng, LONGS))
        elif choice == 2:
            self.push("f", b"F" + line(rng, FLOATS))
        elif choice == 3:
            self.push("s", b"S" + line(rng, STRINGS))
        elif choice == 4:
            self.push("s", b"V" + line(rng, UNICODES))
        elif choice == 5:
            self.push("i", rng.choice([b"K" + rng.randbytes(1), b"M" + rng.randbytes(2), b"J" + rng.randbytes(4), b"K\0", b"K\1"]))
        elif choice == 6:
            raw = rng.randbytes(rng.choice([0, 1, 2, 8, 9, 20]))
            self.push("i", rng.choice([b"\x8a" + bytes([len(raw)]), b"\x8b" + struct.pack("<i", len(raw))]) + raw)
        elif choice == 7:
            self.push("f", b"G" + struct.pack(">d", rng.random()))
        elif choice == 8:
            raw = rng.randbytes(rng.choice([0, 1, 5]))
            self.push("b", rng.choice([b"C" + bytes([len(raw)]), b"B" + struct.pack("<I", len(raw)), b"\x8e" + struct.pack("<Q",
                len(raw))]) + raw)
        elif choice == 9:
            self.push("y", b"\x96" + struct.pack("<Q", 3) + b"abc")
        elif choice == 10:
            t = rng.choice(TEXTS)
            self.push("s", rng.choice([b"U" + bytes([len(t)]), b"T" + struct.pack("<I", len(t))]) + t)
        elif choice == 11:
            self.push("n", rng.choice([b"N", b"\x88", b"\x89"]))
        else:
            self.text()

    def container(self):
        kind, data = self.rng.choice([("l", b"]"), ("d", b"}"), ("e", b"\x8f"), ("t", b")")])
        self.push(kind, data)

    def symbol(self):
        module, name = (t.encode() for t in self.rng.choice(NAMES))
        choice = self.rng.randrange(8)
        if choice < 4:
            self.push("g", b"c" + module + b"\n" + name + b"\n")
        elif choice < 6:
            self.push("g", b"\x8c" + bytes([len(module)]) + module + b"\x94\x8c" + bytes([len(name)]) + name + b"\x93")
            self.puts.append(None)
        elif choice == 6:
            self.push("g", self.rng.choice([b"\x82\x05", b"\x83\x05\0", b"\x84\x05\0\0\0", b"\x82\0", b"\x82\x06", b"\x84\0\0\0\x80"]))
        else:
            self.push("p", b"P" + self.rng.choice([b"7", b"", b"a b", b"\xff"]) + b"\n")

    def mark(self):
        self.out += b"("
        self.marks.append(len(self.stack))

    def collect(self):
        if not self.marks:
            return self.mark()
        n = len(self.stack) - self.marks[-1]
        options = [("t", b"t"), ("l", b"l"), (None, b"1"), ("x", b"i")]
        if n % 2 == 0:
            options.append(("d", b"d"))
        options.append(("z", b"\x91"))
        if n > 0 and self.stack[self.marks[-1]] in "gx":
            options += 3 * [("x", b"o")]
        before = self.stack[self.marks[-1] - 1] if self.marks[-1] > (self.marks[-2] if len(self.marks) > 1 else 0) else None
        if before:
            options += {"l": 6 * [("", b"e")], "e": 6 * [("", b"\x90")], "d": 6 * [("", b"u")] if n % 2 == 0 else []}.get(before, [])
            options += [("", b"e"), ("", b"\x90"), ("", b"u")] if before in "gxpy" else []
        kind, op = self.rng.choice(options)
        if op == b"i":
            module, name = (t.encode("ascii", "replace") for t in self.rng.choice(NAMES))
            op += module + b"\n" + name + b"\n"
        self.pop(n)
        self.marks.pop()
        self.out += op
        if kind:
            self.stack.append(kind)

    def use(self):
        """What takes one to three objects."""
        rng, have = self.rng, self.have()
        top = self.stack[-1] if have else ""
        below = self.stack[-2] if have > 1 else ""
        third = self.stack[-3] if have > 2 else ""
        options = []
        if have > 0:
            options += [(1, "t", b"\x85"), (1, None, b"0"), (0, top, b"2"), (1, "p", b"Q")]
        if have > 1:
            options += [(2, "t", b"\x86")]
            options += 8 * [(1, None, b"a")] if below in "lgxpy" else []
            options += 4 * [(1, None, b"b")] if below in "gxp" else [(1, None, b"b")] if top in "nt" else []
            options += 12 * [(2, "x", b"R"), (2, "x", b"\x81")] if below in "gx" and top == "t" else []
            options += 6 * [(2, "g", b"\x93")] if top == below == "s" else []
        if have > 2:
            options += [(3, "t", b"\x87")]
            options += 8 * [(2, None, b"s")] if third in "dgxply" else []
            options += 8 * [(3, "x", b"\x92")] if third in "gx" and below == "t" and top == "d" else []
        if not options:
            return self.scalar()
        n, kind, op = rng.choice(options)
        if op == b"2":
            n = 0
        self.pop(n)
        self.out += op
        if kind:
            self.stack.append(kind)

    def memo(self):
        rng = self.rng
        if self.have() and rng.random() < 0.6:
            index = rng.choice([len(self.puts), len(self.puts), rng.choice(NUMBERS), 1000])
            op = rng.choice([b"\x94", b"q" + bytes([index & 255]), b"r" + struct.pack("<I", index), b"p" + str(index).encode() + b"\n"])
            self.puts.append((index, self.stack[-1]))
            self.out += op
        elif self.puts:
            at = rng.randrange(len(self.puts))
            index, kind = self.puts[at] or (at, "s")
            self.push(kind, rng.choice([b"h" + bytes([index & 255]), b"j" + struct.pack("<I", index), b"g" + str(index).encode() + b"\n"]))

    def frame(self):
        """The rest so far goes into a frame, which may be a little off."""
        head = 2 if self.out[:1] == b"\x80" else 0
        body = bytes(self.out[head:])
        length = max(0, len(body) + self.rng.choice([0, 0, 0, 0, 1, -1, -2, -5, -10]))
        self.out[head:] = b"\x95" + struct.pack("<Q", length) + body

    def make(self):
        rng = self.rng
        if rng.random() < 0.7:
            self.out += b"\x80" + bytes([rng.choice([0, 1, 2, 2, 3, 4, 4, 5])])
        steps = [self.scalar, self.scalar, self.container, self.symbol, self.mark, self.collect, self.use, self.use, self.use, self.memo]
        for _ in range(rng.randrange(2, 28)):
            rng.choice(steps)()
            if rng.random() < 0.01:
                self.out += rng.randbytes(1)
            if rng.random() < 0.01:
                self.frame()
        while self.marks:
            self.collect()
        if not self.stack:
            self.scalar()
        self.out += b"."
        if rng.random() < 0.15:
            self.frame()
        return bytes(self.out)


def mutate(rng, data, other):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        at = rng.randrange(len(data) + 1)
        choice = rng.randrange(8)
        if choice == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif choice == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif choice == 2:
            data[at:at] = rng.choice([b"(", b"0", b"1", b"2", b".", b"N", b")", b"R", b"b", b"a", b"\x93", b"\x94", b"\x95", b"h\0", b"]",
                b"}", b"s", b"u", b"e"])
        elif choice == 3:
            del data[at:at + rng.randrange(1, 5)]
        elif choice == 4:
            end = min(len(data), at + rng.randrange(1, 20))
            data[at:at] = data[at:end]
        elif choice == 5:
            start = rng.randrange(len(other) + 1)
            data[at:at] = other[start:start + rng.randrange(1, 30)]
        elif choice == 6:
            del data[at:]
        elif at < len(data):
            data[at] = rng.choice(OPCODES)
    return bytes(data)


def pickles(seed, count):
    rng = random.Random(seed)
    last = b"N."
    for i in range(count):
        data = Forge(rng).make() if i % 2 else real_pickle(rng)
        data, last = (mutate(rng, data, last) if rng.random() < (0.3 if i % 2 else 0.8) else data), data
        yield data


# --- the comparison ---

def run_machine(batch):
    """The tool's answers. The limit of this process is not the tool's: ASan wants terabytes of addresses."""
    def no_limit():
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    data = b"".join(struct.pack("<I", len(p)) + p for p in batch)
    done = subprocess.run([TOOL], input=data, capture_output=True, preexec_fn=no_limit, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    answers = [json.loads(text) for text in done.stdout.split(b"\n")[:-1]]  # a name may hold other line ends
    assert len(answers) == len(batch)
    return answers


def listed(asked, answer):
    """Is it in the machine's list, by its name or what Python 3 calls it? A NUL and what is no text are written otherwise there."""
    names = {tuple(g) for g in answer["globals"]}
    plain = tuple(part.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "?") for part in asked)
    return plain in names or tuple(mapped(*plain)) in names or any("\ufffd" in part for part in plain)


def is_allowed(asked):
    return tuple(asked) in ALLOWED or tuple(mapped(*asked)) in ALLOWED


def same_value(value, answer):
    """None: not to be compared (cut short, or a circle)."""
    if "CUT" in answer["value"]:
        return None
    try:
        return canon(value) == canon(eval(answer["value"], Again()))  # noqa: S307 - the tool's own letters
    except RecursionError:
        return None


def complaints(data, answer, stats):
    """What is wrong with one pickle's answer."""
    clean = answer["rc"] == "ok" and answer["verdict"] == "trusted"
    framed = "frame" in answer["error"]
    stats["clean" if clean else "ok" if answer["rc"] == "ok" else "refused"] += 1
    for name, file in (("file", io.BytesIO(data)), ("bytes", WholeFile(data))):
        value, error, asked = run_cpython(file)
        if isinstance(error, MemoryError):
            stats["memory"] += 1
            continue
        for one in asked:
            if one == EXTENSION:
                if clean:
                    yield f"{name}: an extension is clean"
                continue
            if not listed(one, answer):
                yield f"{name}: {one} is not listed"
            if clean and not is_allowed(one):
                yield f"{name}: clean with {one}"
        if error is not None:
            continue
        stats["loaded"] += 1
        if framed:
            stats["broken frames that CPython loads"] += 1
            continue
        if answer["rc"] != "ok":
            yield f"{name}: CPython loads what we refuse: {answer['error']}"
            continue
        same = same_value(value, answer)
        stats["compared"] += same is not None
        if same is False:
            yield f"{name}: another value: {canon(value)[:300]}"
        end = genops_end(data)
        if end is None and b"\x95" not in data and name == "file":
            end = file.tell()
        stats["ends"] += end is not None
        if end is not None and end != answer["end"]:
            yield f"{name}: ends at {end}"


def compare(job):
    """A worker: count pickles of a seed."""
    seed, count = job
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the C unpickler prints about bytearrays it was stopped in
    mapped_already = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped_already + MEMORY, resource.RLIM_INFINITY))
    stats, wrong = collections.Counter(), []
    source = pickles(seed, count)
    while batch := list(itertools.islice(source, BATCH)):
        for data, answer in zip(batch, run_machine(batch)):
            stats["pickles"] += 1
            for text in complaints(data, answer, stats):
                wrong.append(f"{data!r}: {text}; we: {answer}")
        if len(wrong) > 20:
            break
    return stats, wrong


@pytest.fixture(autouse=True)
def extension():
    copyreg.add_extension(*EXTENSION, 5)
    yield
    copyreg.remove_extension(*EXTENSION, 5)


def test_machine_does_as_cpython_does():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    workers = 4
    jobs = [(seed, COUNT // workers) for seed in range(workers)]
    with multiprocessing.get_context("fork").Pool(min(workers, os.cpu_count() or 1)) as pool:
        results = pool.map(compare, jobs)
    stats = sum((s for s, _ in results), collections.Counter())
    wrong = [text for _, texts in results for text in texts]
    print(dict(stats), file=sys.stderr)
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:20])
    # The generator still reaches what it is for.
    assert stats["loaded"] > COUNT // 3 and stats["refused"] > COUNT // 10 and stats["clean"] > COUNT // 10
    assert stats["compared"] > COUNT // 4 and stats["ends"] > COUNT // 4
