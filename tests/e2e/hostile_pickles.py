# SPDX-License-Identifier: MIT
"""Files that would do harm to whoever loads them, and files that would not: written opcode by opcode, container by container.

Nothing here is ever unpickled. Every known way of hiding a call from a scanner is rebuilt by its idea (advisories of picklescan and
fickling, CVE numbers in the names), none is copied. A case says what a scan has to find: the verdict, the global, where, by which rule.

    python3 hostile_pickles.py DIR      writes all of them
"""
import bz2
import dataclasses
import gzip
import io
import lzma
import pathlib
import struct
import sys
import tarfile
import zipfile
import zlib

COMMAND = b"echo this was run by a test of a scanner"
BAD = ("dangerous",)
ODD = ("suspicious", "unreadable", "dangerous")
BROKEN = ("unreadable", "dangerous")


@dataclasses.dataclass
class Case:
    name: str                          # of the file
    data: bytes
    verdicts: tuple[str, ...]          # any of them
    asks: str | None = None            # this global is told, dangerous unless the verdict may be less
    offset: int | None = None          # .. here
    member: str | None = None          # .. in this member
    rule: str | None = None            # a finding by this rule


CASES: list[Case] = []
BENIGN: dict[str, bytes] = {}


def case(name, data, verdicts=BAD, asks="os.system", **more):
    CASES.append(Case(name, data, verdicts, asks, **more))


# --- opcodes ---

def text(s: bytes) -> bytes:           # BINUNICODE
    return b"X" + struct.pack("<I", len(s)) + s


def short(s: bytes) -> bytes:          # SHORT_BINUNICODE
    return b"\x8c" + bytes([len(s)]) + s


def raw(b: bytes) -> bytes:            # BINBYTES
    return b"B" + struct.pack("<I", len(b)) + b


def call(module=b"os", name=b"system", arg=COMMAND) -> bytes:
    """GLOBAL, its argument, REDUCE."""
    return b"c" + module + b"\n" + name + b"\n" + text(arg) + b"\x85R"


def stack_call(module=b"os", name=b"system", arg=COMMAND) -> bytes:
    return short(module) + short(name) + b"\x93" + text(arg) + b"\x85R"


def pickle(body: bytes, protocol=2) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def framed(body: bytes, protocol=4, length=None) -> bytes:
    body += b"."
    return b"\x80" + bytes([protocol]) + b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


EVIL = pickle(call())
OLD = b"cos\nsystem\n(S'id'\ntR."              # of protocol 0: nothing marks where it begins
HARMLESS = pickle(b"}" + text(b"epoch") + b"K\x07s")
ORDERED = b"ccollections\nOrderedDict\n)R"


def storage(key=b"0", numel=4, kind=b"FloatStorage", extra=b"") -> bytes:
    return (b"(" + text(b"storage") + b"ctorch\n" + kind + b"\n" + text(key) + text(b"cpu") + b"K" + bytes([numel]) + extra + b"tQ")


def tensor(key=b"0", numel=4, kind=b"FloatStorage", extra=b"") -> bytes:
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(key, numel, kind, extra) + b"K\x00" + b"K" + bytes([numel]) + b"\x85" +
            b"K\x01\x85\x89" + ORDERED + b"tR")


STATE = pickle(ORDERED + text(b"weight") + tensor() + b"s")
FLOATS = struct.pack("<4f", 1.0, -2.5, 3.25, 0.0)


# --- containers ---

def zip_of(members, method=zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def torch_zip(pkl=STATE, extra=(), data=FLOATS, pkl_name="data.pkl", version=b"3\n", **how) -> bytes:
    return zip_of([("archive/" + pkl_name, pkl), ("archive/data/0", data), ("archive/version", version), *extra], **how)


def tar_of(members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
VERSION = b"\x80\x02M\xe9\x03."
SYSTEM = pickle(b"}(" + text(b"protocol_version") + b"M\xe9\x03" + text(b"little_endian") + b"\x88" + text(b"type_sizes") +
                b"}(" + text(b"short") + b"K\x02" + text(b"int") + b"K\x04" + text(b"long") + b"K\x04uu")
LEGACY_STATE = pickle(ORDERED + text(b"weight") + tensor(extra=b"N") + b"s")
KEYS = pickle(b"]" + text(b"0") + b"a")


def legacy(state=LEGACY_STATE, magic=MAGIC, version=VERSION, keys=KEYS, data=FLOATS) -> bytes:
    return magic + version + SYSTEM + state + keys + struct.pack("<Q", 4) + data


def npy(descr: str, data: bytes, shape="(1,)") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def patch(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new):]


def central(data: bytes, name: bytes) -> int:
    """Where the central header of a member begins."""
    at = data.find(b"PK\1\2")
    while data[at + 46:at + 46 + len(name)] != name:
        at = data.index(b"PK\1\2", at + 1)
    return at


# --- a call in the ways a pickle has ---

for protocol in range(6):
    case(f"reduce-{protocol}.pkl", pickle(call(), protocol), offset=2)
case("reduce-old.pkl", b"cos\nsystem\n(S'" + COMMAND + b"'\ntR.", offset=0)
case("inst.pkl", b"(S'" + COMMAND + b"'\nios\nsystem\n.", rule="pickle-global")                      # malicious10
case("obj.pkl", pickle(b"(cos\nsystem\n" + text(COMMAND) + b"o"), offset=3)
case("obj-pop.pkl", pickle(b"(cos\nsystem\n" + text(COMMAND) + b"o0}"))                               # GHSA-mxhj-88fx-4pcv
case("reduce-pop.pkl", pickle(call() + b"0N"))
case("newobj.pkl", pickle(b"csubprocess\nPopen\n" + text(COMMAND) + b"\x85\x81"), asks="subprocess.Popen")
case("newobj-ex.pkl", pickle(short(b"subprocess") + short(b"Popen") + b"\x93" + text(COMMAND) + b"\x85}\x92", 4),
     asks="subprocess.Popen")
case("build.pkl", pickle(b"cmymodule\nThing\n)\x81}" + text(b"x") + b"cos\nsystem\nsb"))
case("stack-global.pkl", framed(stack_call()))
case("stack-global-long.pkl", pickle(b"\x8d" + struct.pack("<Q", 2) + b"os" + b"\x8d" + struct.pack("<Q", 6) + b"system" + b"\x93" +
                                     text(COMMAND) + b"\x85R", 4))
case("stack-global-at-0.pkl", b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", offset=12)             # CVE-2025-71325, malicious23
case("stack-global-position-0-memo.pkl", short(b"os") + b"\x94" + short(b"system") + b"\x94" + b"h\x00h\x01\x93" + short(b"id") + b"\x85R.")
case("stack-global-memo.pkl", framed(short(b"system") + b"\x94" + short(b"os") + b"\x940" + b"0h\x01h\x00\x93" + text(COMMAND) + b"\x85R"))
case("stack-global-memo-swapped.pkl", pickle(short(b"math") + b"q\x05" + short(b"os") + b"q\x05" + b"00" + b"h\x05" + short(b"system") +
                                             b"\x93" + text(COMMAND) + b"\x85R", 4))
case("stack-global-put.pkl", pickle(text(b"system") + b"p100\n0" + text(b"os") + b"p7\n0g7\ng100\n\x93" + text(COMMAND) + b"\x85R", 4))
case("stack-global-dup.pkl", pickle(short(b"os") + short(b"system") + b"2" + b"0" + b"\x93" + text(COMMAND) + b"\x85R", 4))
case("stack-global-py2-string.pkl", pickle(b"U\x02os" + b"U\x06system" + b"\x93" + text(COMMAND) + b"\x85R", 4))
case("stack-global-escapes.pkl", b"V\\u006fs\nVsystem\n\x93" + b"Vid\n\x85R.")
case("python2-name.pkl", pickle(call(b"__builtin__", b"eval", b"1+1")), asks="builtins.eval")
case("dotted.pkl", pickle(short(b"pathlib") + short(b"os.system") + b"\x93" + text(COMMAND) + b"\x85R", 4), asks="pathlib.os.system")
case("dotted-call.pkl", pickle(short(b"builtins") + short(b"eval.__call__") + b"\x93" + text(b"1") + b"\x85R", 4),
     asks="builtins.eval.__call__")
case("dotted-bdb.pkl", pickle(short(b"bdb") + short(b"Bdb.run") + b"\x93" + text(b"1") + b"\x85R", 4), asks="bdb.Bdb.run")
case("computed-callee.pkl", pickle(call(b"builtins", b"getattr", b"x") + text(COMMAND) + b"\x85R"), asks="builtins.getattr",
     rule="pickle-call-computed")
case("nested-callee.pkl", pickle(b"ctorch\nSize\n" + b")R" + b"K\x01\x85R"), ODD, None, rule="pickle-call-computed")
case("sys-modules-override.pkl",
     pickle(b"csys\nmodules\n" + text(b"json") + b"cos\n_wrap_close\ns0" + b"cjson\nloads\n" + text(b"x") + b"\x85R"),
     asks="sys.modules")
case("setitem-on-global.pkl", pickle(b"cmymodule\ntable\n" + text(b"k") + text(b"v") + b"s"), ODD, "mymodule.table")
case("setitem-trusted-class.pkl", pickle(b"ccollections\nOrderedDict\n" + text(b"k") + text(b"v") + b"s"), ODD, None)
case("ext.pkl", pickle(b"\x82\x01)R"), ODD, None, rule="pickle-ext")
case("ext4.pkl", pickle(b"\x84\x01\x00\x00\x00)R"), ODD, None, rule="pickle-ext")
case("proto-again.pkl", pickle(b"\x80\x04" + call()), rule="pickle-proto-again")
case("proto-high.pkl", pickle(stack_call(), 2), rule="pickle-proto-high")
case("buffer.pkl", pickle(b"\x97", 5), ODD, None, rule="pickle-buffer")
case("left-behind.pkl", pickle(call() + b"N"), rule="pickle-stack")
case("pipes.pkl", pickle(call(b"pipes", b"Template")), ODD, "pipes.Template")
case("unknown-class.pkl", pickle(b"cmymodel.net\nNet\n)\x81}b"), ("suspicious",), "mymodel.net.Net", offset=2)

# NumPy takes bytes for pointers where the flags of a type do not say that it has objects.
def scalar(descr: bytes, fields=b"NN", flags=0) -> bytes:
    state = b"K\x03" + text(b"|") + b"N" + fields + b"J\xff\xff\xff\xff" * 2 + b"K" + bytes([flags])
    return b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + text(descr) + b"\x89\x88\x87R(" + state + b"tb" + raw(b"A" * 16) + b"\x86R"


FIELDS = text(b"a") + b"\x85}" + text(b"a") + b"cnumpy\ndtype\n" + text(b"O8") + b"\x85RK\x00\x86s"
for n, (descr, fields, flags) in enumerate(((b"O8", b"NN", 0), (b"object", b"NN", 0), (b"|O8", b"NN", 0), (b"i8,O", b"NN", 0), (b"O8", b"NN", 0x3e),
                                            (b"V8", FIELDS, 0))):
    case(f"dtype-flags-{n}.pkl", pickle(scalar(descr, fields, flags), 3), ODD, None, rule="pickle-call")

case("joblib-array.joblib", pickle(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b" + b"\x07\xff"), ("unreadable",), "joblib.numpy_pickle.NumpyArrayWrapper")
case("joblib-load.pkl", pickle(call(b"joblib.numpy_pickle", b"load")), asks="joblib.numpy_pickle.load")

# --- what cannot be read to its end ---

case("keyerror.pkl", pickle(call() + b"h\x63"), rule="pickle-broken")                                 # keyerror-exploit
case("type-confusion.pkl", pickle(call() + b"}K\x01a"), rule="pickle-broken")                         # type-confusion-exploit
case("underflow.pkl", pickle(call() + b"00R"), rule="pickle-broken")
case("unknown-opcode.pkl", pickle(call() + b"\xff"), rule="pickle-broken")
case("no-stop.pkl", b"\x80\x02" + call(), rule="pickle-broken")
case("string-too-long.pkl", pickle(call() + b"X\xff\xff\xff\x7f"), rule="pickle-broken")
case("bytes8-too-long.pkl", pickle(call() + b"\x8e" + b"\xff" * 8, 4), rule="pickle-broken")
case("broken-without-global.pkl", b"\x80\x02}q\x00X\x05\x00\x00\x00epo", BROKEN, None, rule="pickle-broken")
case("frame-straddle.pkl", b"\x80\x04\x95" + struct.pack("<Q", 8) + raw(b"A" * 40) + b"0" + stack_call() + b".",     # CPython 154848
     BAD, rule="pickle-frame")
case("frame-in-frame.pkl", b"\x80\x04\x95" + struct.pack("<Q", 60) + b"\x95" + struct.pack("<Q", 20) + stack_call() + b".")
case("frame-too-long.pkl", framed(stack_call(), length=1 << 40), rule="pickle-frame")
case("frame-too-long", framed(stack_call(), length=1 << 20))          # the unpickler in Python takes what is there: joblib, dill, pandas
case("build-nothing", b"]}b0" + OLD)                                  # .. these too
case("float-space", b"F 1.5 \n0" + OLD)
case("float-underscore", b"F1_0.5\n0" + OLD)
case("float-infinite", b"F1e999\n0" + OLD)
case("put-large", b"Np99999999999999999999999\n0" + OLD)
case("reduce-list", b"cmymodule\nrun\n(S'id'\nlR.", ODD, "mymodule.run")
case("long4", b"\x8b" + struct.pack("<I", 9000) + b"a" * 9000 + b"0" + OLD)
case("line-of-spaces", b"I" + b" " * 70000 + b"1\n0" + OLD, BROKEN, None, rule="limit")
case("line-with-nul", b"I1\0" + b"x" * 70000 + b"\n0" + OLD, BROKEN, None, rule="limit")
case("line-of-digits", b"I" + b"1" * 5000 + b"\n0" + OLD, BROKEN, None, rule="limit")
case("frame-rest.pkl", b"\x80\x04\x95" + struct.pack("<Q", 100) + b"N." + b"\0" * 98, ODD, None, rule="pickle-frame")
case("half-a-frame.pkl", b"\x80\x04\x95\x10\x00", BROKEN, None)

# --- streams ---

case("second-pickle.pkl", HARMLESS + EVIL, offset=len(HARMLESS) + 2, rule="pickle-trailing")          # malicious6
case("third-pickle.pkl", HARMLESS * 2 + EVIL, offset=2 * len(HARMLESS) + 2)
case("junk-after-stop.pkl", EVIL + b"\xff\xfe junk", rule="pickle-trailing")                          # malicious-invalid-bytes
case("junk-after-harmless.pkl", HARMLESS + b"\x00\x01\x02", ODD, None, rule="pickle-trailing")
case("junk-then-pickle.pkl", HARMLESS + b"\x00\x01\x02" * 50 + EVIL, offset=len(HARMLESS) + 152, rule="embedded-pickle")
case("legacy-magic.pth", legacy(magic=pickle(call()) + MAGIC), offset=2)
case("legacy-state.pth", legacy(pickle(call())))
case("legacy-version.pth", legacy(version=pickle(call())))
case("legacy-keys.pth", legacy(keys=pickle(call() + b"0]" + text(b"0") + b"a")))
case("legacy-magic-by-eval.pth", legacy(magic=pickle(call(b"builtins", b"eval", b"0x1950a86a20f9469cfc6c"))),  # pytorch_magic_bypass
     asks="builtins.eval", rule="torch-magic")
case("legacy-pickle-in-floats.pth", legacy(data=FLOATS + EVIL), offset=len(legacy()) + 2)
case("legacy-cut.pth", legacy()[:-3], BROKEN, None)
case("legacy-cut-early.pth", legacy()[:len(MAGIC) + 3], BROKEN, None)
case("bare.bin", EVIL, offset=2)                                                                      # CVE-2025-10155
case("bare.pt", EVIL)
case("bare", EVIL)
case("bare.txt", EVIL)
case("bare-old.txt", b"cos\nsystem\n(S'id'\ntR.")
case("bare-old-broken.txt", b"cos\nsystem\n(S'id'\ntR")

# --- pickles inside pickles ---

LOAD = b"ctorch.storage\n_load_from_bytes\n"


def encode(string: bytes) -> bytes:
    return b"c_codecs\nencode\n" + string + text(b"latin1") + b"\x86R"


case("load-from-bytes.pkl", pickle(LOAD + raw(legacy(pickle(call()))) + b"\x85R", 3), member="bytes@39")
case("load-from-bytes-old.pkl", pickle(LOAD + b"c_codecs\nencode\n" + text(b"cos\nsystem\n(S'id'\ntR.") + text(b"latin1") + b"\x86R\x85R"))
STREAM = b"L119547037146038801333356L\n.I1001\n.(d." + OLD                # torch's, of protocol 0
case("torch-stream-old", STREAM)
case("load-from-bytes-stream.pkl", pickle(LOAD + raw(STREAM) + b"\x85R", 3))
case("load-from-bytes-stream-text.pkl", pickle(LOAD + encode(text(STREAM)) + b"\x85R"))
LONG = b"S'" + b"a" * 3000 + b"'\n0" + OLD
case("load-from-bytes-long-text.pkl", pickle(LOAD + encode(text(LONG)) + b"\x85R"))
# What a backslash means depends on the opcode, and what a str of Python 2 is on the reader: only one reading of these is a pickle.
MISREAD = b"X@\0\0\0" + b"\\n" * 32 + b"0" + OLD
case("load-from-bytes-unicode.pkl", pickle(LOAD + encode(b"V" + MISREAD.replace(b"\n", b"\\u000a").replace(b"\0", b"\\u0000") + b"\n") + b"\x85R"))
MISREAD = (b"C\x20" + b"\xe9" * 32 + b"0" + OLD).decode("latin1").encode()
case("load-from-bytes-str-utf8.pkl", pickle(LOAD + encode(b"T" + struct.pack("<I", len(MISREAD)) + MISREAD) + b"\x85R"))
case("load-from-bytes-escaped-utf8.pkl", pickle(LOAD + encode(b"S" + repr(MISREAD)[1:].encode() + b"\n") + b"\x85R"))
case("load-from-bytes-latin1.pkl", pickle(LOAD + b"c_codecs\nencode\n" + text(legacy(pickle(call())).decode("latin1").encode()) +
                                          text(b"latin1") + b"\x86R\x85R"))
case("load-from-bytes-zip.pkl", pickle(LOAD + raw(torch_zip(EVIL)) + b"\x85R", 3))
case("load-from-bytes-deflated.pkl", pickle(LOAD + raw(torch_zip(EVIL, method=zipfile.ZIP_DEFLATED)) + b"\x85R", 3))
case("pickle-loads.pkl", pickle(b"cpickle\nloads\n" + raw(EVIL) + b"\x85R", 3))
case("bytes-nobody-asked-for.pkl", pickle(b"}" + text(b"x") + raw(b"\x00" * 33 + EVIL) + b"s", 3))
case("bytes-gzip.pkl", pickle(b"}" + text(b"x") + raw(gzip.compress(EVIL)) + b"s", 3))
case("bytearray-filled.pkl", pickle(LOAD + b"\x96" + b"\0" * 8 + b"(" + b"".join(b"K" + bytes([c]) for c in OLD) + b"e\x85R", 5), ODD, None,
     rule="pickle-changed")
case("bytearray-changed.pkl", pickle(b"\x96" + struct.pack("<Q", 1) + b"aK\x00K\x01s", 5), ODD, None, rule="pickle-changed")
case("list-changed.pkl", pickle(b"]Naq\x00K\x00K\x01s", 2), ODD, None, rule="pickle-changed")
case("nested-line-of-spaces.pkl", pickle(LOAD + raw(b"I" + b" " * 70000 + b"1\n0" + OLD) + b"\x85R", 3), BROKEN, None, rule="limit")
case("bytearray.pkl", pickle(b"\x96" + struct.pack("<Q", len(EVIL)) + EVIL, 5))
case("string-escaped.pkl", b"S" + repr(EVIL)[1:].encode() + b"\n.")
case("bytes-in-bytes.pkl", pickle(raw(pickle(raw(pickle(raw(EVIL), 3)), 3)), 3), member="bytes@7!/bytes@7!/bytes@7")
deep = EVIL
for _ in range(12):
    deep = pickle(raw(deep), 3)
case("too-deep.pkl", deep, BROKEN, None, rule="limit")

# --- gadgets: what it asks for is what it does ---

GADGETS = """
posix.system nt.system os.popen os.execv os.spawnl subprocess.run subprocess.check_output subprocess.getoutput builtins.exec
builtins.compile builtins.__import__ builtins.open builtins.getattr builtins.eval importlib.import_module runpy.run_path runpy._run_code
pty.spawn ctypes.CDLL socket.create_connection urllib.request.urlopen urllib.request.urlretrieve ssl.get_server_certificate
webbrowser.open pip.main pip._internal.main marshal.loads types.FunctionType types.CodeType pickle.loads _pickle.loads dill.loads
torch.load torch.serialization.load torch.hub.load asyncio.unix_events._UnixSubprocessTransport._start
numpy.testing._private.utils.runstring torch.utils.bottleneck.__main__.run_cprofile
torch.utils.bottleneck.__main__.run_autograd_prof torch._dynamo.guards.GuardBuilder.get
torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch.utils.collect_env.run
torch.jit.unsupported_tensor_ops.execWrapper torch.utils._config_module.ConfigModule.load_config
torch.utils.data.datapipes.utils.decoder.basichandlers torch._inductor.codecache.compile_file functools.partial
cProfile.run cProfile.runctx profile.run profile.Profile.run trace.Trace.run timeit.timeit timeit.Timer doctest.debug_script
code.InteractiveInterpreter.runcode pdb.run bdb.Bdb.run idlelib.run.Executive.runcode idlelib.pyshell.ModifiedInterpreter.runcode
idlelib.autocomplete.AutoComplete.get_entity idlelib.calltip.get_entity lib2to3.pgen2.grammar.Grammar.loads
lib2to3.pgen2.pgen.ParserGenerator.make_label ensurepip._run_pip venv.create pydoc.locate pydoc.pipepager pkgutil.resolve_name
operator.attrgetter operator.methodcaller _operator.attrgetter _operator.methodcaller uuid._get_command_stdout
_osx_support._read_output _aix_support._read_cmd_output
_pyrepl.pager.pipe_pager imaplib.IMAP4_stream test.support.script_helper.assert_python_ok logging.FileHandler _io.FileIO io.open
distutils.file_util.write_file cloudpickle.cloudpickle._make_function cloudpickle.cloudpickle._builtin_type
numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran._eval_length _interpreters.run_string _xxsubinterpreters.run_string
smtplib.SMTP ftplib.FTP imp.load_source shutil.rmtree multiprocessing.util.spawnv_passfds site.main sqlite3.connect zipimport.zipimporter
http.client.HTTPSConnection telnetlib.Telnet poplib.POP3 xmlrpc.client.ServerProxy tempfile.mktemp code.interact linecache.getline
""".split()
for gadget in GADGETS:
    module, name = gadget.rsplit(".", 1)
    if name[0].islower() or name[0] == "_" or module in ("types", "_io", "io"):
        while module.rsplit(".", 1)[-1][:1].isupper():                      # a method: module, Class.method
            module, head = module.rsplit(".", 1)
            name = head + "." + name
    body = short(module.encode()) + short(name.encode()) + b"\x93" + short(b"x") + b"\x85R"
    case(f"gadget-{gadget}.pkl", pickle(body, 4), BAD, gadget)

# --- zip files ---

case("zip.pt", torch_zip(EVIL), member="archive/data.pkl", offset=2)
case("zip-odd-suffix.pt", torch_zip(extra=[("archive/readme.txt", EVIL)]), member="archive/readme.txt",          # CVE-2025-1889
     rule="torch-second-pickle")
case("zip-no-suffix.zip", zip_of([("x", EVIL)]), member="x")
case("zip-data-by-case.pt", torch_zip(EVIL, pkl_name="DATA.PKL"), member="archive/DATA.PKL")
case("zip-two-by-case.pt", torch_zip(extra=[("archive/Data.pkl", EVIL)]), rule="zip-duplicate")
case("zip-twice.pt", torch_zip(extra=[("archive/data.pkl", EVIL)]), rule="zip-duplicate")
case("zip-outside.pt", torch_zip(extra=[("other/x.pkl", EVIL)]), member="other/x.pkl", rule="torch-outside")
case("zip-deflated.pt", torch_zip(EVIL, method=zipfile.ZIP_DEFLATED), rule="torch-compressed")
case("zip-deflated-harmless.pt", torch_zip(method=zipfile.ZIP_DEFLATED), ODD, None, rule="torch-compressed")
case("zip-record.pt", torch_zip(data=EVIL), member="archive/data/0")
case("zip-in-floats.pt", torch_zip(data=FLOATS * 1000 + EVIL + FLOATS * 1000), member="archive/data/0", offset=16002,
     rule="embedded-pickle")
case("zip-version.pt", torch_zip(version=b"99\n"), ODD, None, rule="torch-version")
case("zip-short-storage.pt", torch_zip(data=FLOATS[:12]), ODD, None, rule="torch-storage-size")       # CVE-2026-24747
case("zip-long-storage.pt", torch_zip(data=FLOATS * 2), ODD, None, rule="torch-storage-size")
case("zip-no-storage.pt", zip_of([("archive/data.pkl", STATE), ("archive/version", b"3\n")]), BROKEN, None, rule="torch-storage-missing")
plain = torch_zip(EVIL)
for bit in (0x1, 0x20, 0x40, 0x2000):                                                                  # CVE-2025-1945
    at = central(plain, b"archive/data.pkl")
    both = patch(patch(plain, 6, struct.pack("<H", bit)), at + 8, struct.pack("<H", bit))
    case(f"zip-flag-{bit:#x}.pt", both, member="archive/data.pkl", rule="zip-flags")
    case(f"zip-flag-{bit:#x}-local.pt", patch(plain, 6, struct.pack("<H", bit)), member="archive/data.pkl", rule="zip-flags")
at = central(plain, b"archive/data.pkl")
case("zip-local-name.pt", patch(plain, 30, b"archive/data.txt"), rule="zip-local-name")                # CVE-2025-1944
case("zip-central-name.pt", patch(plain, at + 46, b"archive/data.txt"), rule="zip-local-name")
case("zip-crc.pt", patch(plain, at + 16, b"\xde\xad\xbe\xef"), rule="zip-crc")                         # CVE-2025-10156
case("zip-crc-harmless.pt", patch(torch_zip(), central(torch_zip(), b"archive/data/0") + 16, b"\0\0\0\0"), BROKEN, None, rule="zip-crc")
case("zip-method.pt", patch(patch(plain, 8, b"\x0e\0"), at + 10, b"\x0e\0"), BROKEN, rule="zip-method", asks=None)
case("zip-trailing.pt", torch_zip() + EVIL, rule="zip-trailing")
case("zip-leading.pt", b"\0" * 8 + EVIL + torch_zip(), rule="polyglot")
case("zip-after-pickle.pt", EVIL + torch_zip(), offset=2, rule="polyglot")
case("zip-inner-evil-after-pickle.pt", HARMLESS + torch_zip(EVIL), member="archive/data.pkl", rule="polyglot")
case("zip-cut.pt", plain[:-30], BAD, rule="zip-broken")
case("zip-cut-harmless.pt", torch_zip()[:-30], BROKEN, None, rule="zip-broken")
hidden = zip_of([("archive/x", EVIL)])
listed = torch_zip()
start = listed.index(b"PK\1\2")
gap = hidden[:hidden.index(b"PK\1\2")]
moved = listed[:start] + gap + listed[start:]
end = moved.rindex(b"PK\5\6")
case("zip-unlisted.pt", patch(moved, end + 16, struct.pack("<I", start + len(gap))), rule="zip-unlisted")
case("zip-nested.zip", zip_of([("a.zip", zip_of([("b/c.zip", torch_zip(EVIL))]))]), member="a.zip!/b/c.zip!/archive/data.pkl")
overlapping = HARMLESS                 # every level lists its only member 50 times
for _ in range(5):
    inner = zip_of([("a", overlapping)])
    at, end = inner.rindex(b"PK\1\2"), inner.rindex(b"PK\5\6")
    overlapping = inner[:at] + 50 * inner[at:end] + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 50, 50, 50 * (end - at), at, 0)
case("zip-overlap.zip", overlapping, BROKEN, None, rule="zip-overlap")
case("zip-gzip.zip", zip_of([("a.gz", gzip.compress(EVIL))], method=zipfile.ZIP_DEFLATED))
case("zip-tar.zip", zip_of([("a.tar", tar_of([("x.pkl", EVIL)]))]), member="a.tar!/x.pkl")
case("zip-7z.zip", zip_of([("a.bin", b"7z\xbc\xaf\x27\x1c" + b"\0" * 40)]), BROKEN, None, member=None, rule="archive-not-looked-into")
case("zip-many-deep.zip", b"", BROKEN, None, rule="limit")
deep = torch_zip(EVIL)
for _ in range(12):
    deep = zip_of([("x.zip", deep)])
CASES[-1].data = deep
case("torchscript.pt", torch_zip(extra=[("archive/constants.pkl", pickle(b")")),
                                       ("archive/code/__torch__.py", b"def forward(self): pass\n")]),
     ODD, None, rule="torchscript-code")
case("package.pt", zip_of([("p/.data/extern_modules", b"os\n"), ("p/.data/python_version", b"3.11"), ("p/m/model.py", b"import os\n"),
                           ("p/m/model.pkl", EVIL), ("p/.data/version", b"6")]), rule="torch-package")
case("bomb.pt", torch_zip(extra=[("archive/data/1", b"\0" * (200 << 20))], method=zipfile.ZIP_DEFLATED), ODD, None)

# --- other containers ---

case("x.tar", tar_of([("a/b.txt", EVIL)]), member="a/b.txt")
case("tar-name.tar", tar_of([("cos\nsystem\n(S'id'\ntR.", b"x")]), offset=0)
case("tar-trailing.tar", tar_of([("a", b"x")]) + EVIL, rule="tar-trailing")
case("tar-cut.tar", tar_of([("a/b.txt", EVIL)])[:600], BROKEN, None)
TENSOR_TAR = [
    ("sys_info", pickle(b"}")),
    ("pickle", pickle(b"}" + text(b"w") + text(b"2") + b"Qs")),
    ("storages", pickle(b"K\x01") + pickle(b"K\x01" + text(b"cpu") + b"ctorch\nFloatStorage\n\x87") +
     struct.pack("<Q", 4) + FLOATS + pickle(b"]")),
    ("tensors", pickle(b"K\x01") + pickle(b"K\x02K\x01ctorch\nFloatTensor\n\x87") + struct.pack("<iiqqq", 1, 0, 4, 1, 0)),
]


def torch_tar(**changed) -> bytes:
    return tar_of([(name, changed.get(name, data)) for name, data in TENSOR_TAR])


case("torch.tar.pth", torch_tar(pickle=EVIL), member="pickle")
case("torch-storages.tar.pth", torch_tar(storages=TENSOR_TAR[2][1][:-4] + b"cos\nsystem\n(S'id'\ntR."), member="storages")
case("torch-tensors.tar.pth", torch_tar(tensors=pickle(b"K\x01") + EVIL), member="tensors")
case("torch-sys.tar.pth", torch_tar(sys_info=EVIL), member="sys_info")


# --- what Python's tarfile reads otherwise than others, or torch does before it misses anything ---

def tar_header(name: bytes, size: int, kind=b"0", checksum=b"%06o\0 ", link=b"") -> bytes:
    head = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0" + b" " * 8 + kind +
                     link.ljust(100, b"\0") + b"ustar\00000").ljust(512, b"\0")
    head[148:156] = (checksum % sum(head)).ljust(8, b"\0")
    return bytes(head)


def tar_pax(kind=b"x", **keys) -> bytes:
    records = b""
    for key, value in keys.items():
        record = b" " + key.replace("__", ".").encode() + b"=" + str(value).encode() + b"\n"
        records += b"%d" % (len(record) + 2) + record
    return tar_header(b"pax", len(records), kind) + tar_fill(records)


def tar_fill(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


COUNTED = b"I1\n." + OLD                          # a member "storages": torch runs both
HIDDEN = b"not a header\n".ljust(512, b" ") + tar_header(b"storages", len(COUNTED)) + tar_fill(COUNTED)
TAR_END = b"\0" * 1024
for n, checksum in enumerate((b"0o%o", b"+%o", b"\t%o\t", b"%o\0x")):
    case(f"tar-checksum-{n}.pth.tar", tar_header(b"storages", len(COUNTED), checksum=checksum) + tar_fill(COUNTED) + TAR_END, member="storages")
case("tar-storages-alone.pth.tar", tar_of([("storages", COUNTED)]), member="storages")
case("tar-solaris.pth.tar", tar_pax(b"X", size=512) + tar_header(b"a", len(HIDDEN)) + HIDDEN + TAR_END, member="storages")
case("tar-global-size.pth.tar", tar_pax(b"g", size=len(HIDDEN)) + tar_header(b"a", 512) + HIDDEN + TAR_END, BROKEN, None, rule="tar-broken")
case("tar-two-names.pth.tar", tar_pax(path="storages") + tar_pax(path="a") + tar_header(b"b", len(COUNTED)) + tar_fill(COUNTED) + TAR_END, BROKEN,
     None, rule="tar-broken")
case("tar-sparse.pth.tar", tar_pax(GNU__sparse__major=1, GNU__sparse__minor=0, GNU__sparse__name="storages") +
     tar_header(b"a", 512 + len(COUNTED)) + b"1\n0\n99\n".ljust(512, b"\0") + tar_fill(COUNTED) + TAR_END, BROKEN, None, rule="tar-broken")
case("tar-old-sparse.pth.tar", tar_header(b"storages", len(COUNTED), b"S") + tar_fill(COUNTED) + TAR_END, BROKEN, None, rule="tar-broken")
case("tar-slash.pth.tar", tar_pax(path="storages/") + tar_header(b"b", len(COUNTED)) + tar_fill(COUNTED) + TAR_END, ODD, None, rule="tar-name")
case("tar-link.pth.tar", tar_header(b"q", len(COUNTED)) + tar_fill(COUNTED) + tar_header(b"storages", 0, b"1", link=b"q") + TAR_END, BROKEN, None,
     rule="tar-torch")
for suffix, packed in (("gz", gzip.compress(EVIL)), ("bz2", bz2.compress(EVIL)), ("xz", lzma.compress(EVIL)),
                       ("lzma", lzma.compress(EVIL, lzma.FORMAT_ALONE)), ("joblib", zlib.compress(EVIL))):
    case(f"packed.{suffix}", packed)
    if suffix != "joblib":
        case(f"packed-cut.pkl.{suffix}", packed[:-4], ODD, None)
case("old.joblib", b"ZF" + hex(len(EVIL)).encode().ljust(19) + zlib.compress(EVIL))
case("zlib-rows.sav", zlib.compress(EVIL[:9]) + zlib.compress(EVIL[9:]))
case("zlib-cut.sav", zlib.compress(EVIL + bytes(range(256)))[:-9], BROKEN, None, rule="stream-broken")
case("skippable.pkl.zst", b"\x50\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd" + b"\0" * 20, BROKEN, None, rule="archive-not-looked-into")
case("x.7z", b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 24, BROKEN, None, rule="archive-not-looked-into")
case("x.rar", b"Rar!\x1a\x07\x01\0" + b"\0" * 24, BROKEN, None, rule="archive-not-looked-into")
case("x.cab", b"MSCF\0\0\0\0" + b"\0" * 32, BROKEN, None, rule="archive-not-looked-into")
case("object.npy", npy("'|O'", EVIL), offset=130)
case("object-field.npy", npy("[('a', '<f4'), ('b', 'O')]", EVIL))
for n, descr in enumerate(("'object'", "('O', (1,))", "('O')", "u'O'", "'\\x4f'", "'' 'O'", "r'O'", "'obj' 'ect'")):
    case(f"object-{n}.npy", npy(descr, OLD))                                  # all of them are objects to NumPy
    case(f"object-{n}", npy(descr, OLD))
case("object-cut.npy", npy("'|O'", HARMLESS[:-2]), BROKEN, None)
case("object.npz", zip_of([("a.npy", npy("'<f4'", FLOATS[:4])), ("b.npy", npy("'|O'", EVIL))]), member="b.npy")
case("numbers-cut.npy", npy("'<f8'", FLOATS[:4]), BROKEN, None)
case("pickle-in-numbers.npy", npy("'<f4'", (FLOATS + EVIL).ljust(400, b"\0"), "(100,)"), rule="embedded-pickle")


def safetensors(data=FLOATS, header=b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}') -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def safetensors_of(data: bytes) -> bytes:
    return safetensors(data, b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(data), len(data)))


def gguf(data=FLOATS) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, len(data) // 4, 0, 0)
    return head + b"\0" * (-len(head) % 32) + data


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    n, length = len(data), b""
    while n > 0x7f:
        length, n = length + bytes([n & 0x7f | 0x80]), n >> 7
    return bytes([number << 3 | 2]) + length + bytes([n]) + data


def onnx(data=FLOATS) -> bytes:
    weight = b"\x08" + bytes([len(data) // 4]) + b"\x10\x01" + field(8, b"w") + field(9, data)
    return b"\x08\x08" + field(2, b"a test") + field(7, field(2, b"g") + field(5, weight)) + field(8, b"\x10\x0e")


case("hidden.gguf", gguf((FLOATS + EVIL).ljust(64, b"\0")), rule="embedded-pickle")
case("cut.gguf", gguf()[:-1], BROKEN, None)
case("hidden.onnx", onnx((FLOATS + EVIL).ljust(64, b"\0")), rule="embedded-pickle")
case("cut.onnx", onnx()[:-1], BROKEN, None)
case("hidden.safetensors", safetensors_of(b"\x01" * 1000 + EVIL), rule="embedded-pickle")
case("cut.safetensors", safetensors(FLOATS[:12]), BROKEN, None)
case("broken.safetensors", b"\x20\0\0\0\0\0\0\0{not json" + b" " * 40, BROKEN, None)
case("pickle.safetensors", EVIL)
case("lambda.keras", zip_of([("metadata.json", b"{}"), ("config.json", b'{"class_name": "Lambda", "config": {}}'),
                             ("model.weights.h5", b"\x89HDF\r\n\x1a\n")]),
     ODD, None, rule="keras-lambda")
case("lambda-escaped.keras", zip_of([("metadata.json", b"{}"), ("config.json", b'{"class\\u005Fname": "Lambda"}'), ("model.weights.h5", b"\x89HDF\r\n\x1a\n")]),
     ODD, None, rule="keras-lambda")
case("module.keras", zip_of([("metadata.json", b"{}"), ("config.json", b'{"module": "os", "class_name": "function", "registered_name": "system"}')]), ODD,
     None, rule="keras-module")
case("lambda.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 600 + b'{"class_name": "Lambda"}' + b"\0" * 50, ODD, None, rule="keras-lambda")
case("saved_model.pb", b"\x08\x01\x12\x20" + b"\x0a\x01x\x12\x09WriteFile" + b"\0" * 8, ODD, None, rule="tf-op")
case("pointer.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
     BROKEN, None, rule="not-a-checkpoint")
case("page.pth", b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n", BROKEN, None, rule="not-a-checkpoint")
case("empty.pt", b"", BROKEN, None, rule="not-a-checkpoint")
case("zeros.bin", b"\0" * 500, BROKEN, None, rule="not-a-checkpoint")
case("elf-like", b"\x7fELF" + b"\0" * 99 + EVIL, rule="embedded-pickle")

# --- what does no harm ---

BENIGN.update({
    "state.pt": torch_zip(), "state-framed.pt": torch_zip(framed(b"}" + short(b"a") + b"\x94K\x01s")), "legacy.pth": legacy(),
    "old.tar.pth": torch_tar(), "plain.pkl": HARMLESS, "framed.pkl": framed(b"}" + short(b"a") + b"\x94K\x01s"),
    "numbers.npy": npy("'<f4'", FLOATS, "(4,)"), "field-named-o.npy": npy("[('O', '<f4'), ('fortran_order', '<f4')]", FLOATS[:8]),
    "arrays.npz": zip_of([("a.npy", npy("'<f4'", FLOATS, "(4,)"))]), "tensors.safetensors": safetensors(),
    "x.gguf": gguf(), "x.onnx": onnx(),
    "packed.pkl.gz": gzip.compress(HARMLESS),
    "config-of-keras.json": b'{"module": "keras.layers", "class_name": "Dense", "config": {"name": "caf\\u00e9 \\u007f \\\\u0061"}, "registered_name": null}\n',
    "README.md": b"# A model\n\nIt was trained on `data.pkl`; load it with torch.load.\n", "config.json": b'{"hidden_size": 768}\n',
    "train.py": b"import os\nimport pickle\n\nclass Net:\n    pass\n", "class.py": b"class Net:\n    def f(self):\n        return 1\n",
    "requirements.txt": b"certifi\nchardet\nnumpy\ntorch\n", "labels.txt": b"cat\ndog\nbird\nRabbit\n",
    "coco.names": b"person\nbicycle\ncar\n",
    "LICENSE": b"Copyright (c) somebody\n\nPermission is hereby granted\n", ".gitignore": b"Vagrant\n.vagrant\n*.pth\n",
    "merges.txt": b"#version: 0.2\n\xc4\xa0 t\n",
    "vocab.txt": b"[PAD]\n[unused0]\nthe\n", "empty": b"", "empty.txt": b"", "index.html": b"<!DOCTYPE html><html></html>\n",
    "Icon.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    "N.txt": b"N.\n", "data.csv": b"a,b\n1,2\n", "utf8.txt": "(größe)\ncafé\n".encode(), "crlf.txt": b"certifi\r\nidna\r\n",
    "sp.model": b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02" * 20,
    "text-in-pickle.pkl": pickle(b"}" + text(b"readme") + text(b"certifi\nchardet\n") + b"s"),
})


def main(folder: str) -> None:
    for name, data in [(c.name, c.data) for c in CASES] + list(BENIGN.items()):
        (pathlib.Path(folder) / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
