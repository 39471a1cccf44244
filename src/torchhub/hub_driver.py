# SPDX-License-Identifier: MIT
"""Runs an entry point of a hubconf.py for libptm (src/torchhub/run_job.c), usually inside a sandbox without network.

usage: python -u driver.py job.json      (Python 3.8 or newer, torch 1.13 or newer where the entry point needs it)

What it says goes three ways. Questions ("this URL is wanted") are JSON lines on what was standard output; answers are files that appear
in job["answers"]. Tensors go into the one file job["state"], what else there is to tell into job["description"]. Standard output of the
repository's code is turned to standard error. The program that reads all this trusts none of it: the code that is run here could have
written it.
"""
import ast
import collections.abc
import email.message
import errno
import faulthandler
import functools
import hashlib
import importlib.util
import inspect
import io
import json
import keyword
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
import urllib.error
import urllib.parse
import urllib.request
import urllib.response
import uuid

# What is told of a result is read by people; more than this is cut.
DOC_MAX, LINE_MAX, METHODS_MAX, MODULES_MAX, ITEMS_MAX, DEPTH_MAX = 65536, 4096, 500, 5000, 64, 3
# The largest download may take a day; then nobody is answering any more.
ANSWER_SECONDS, ANSWER_POLL = 24 * 3600, 0.01
PROCESSES_MAX = 4096
NO_NETWORK = "the sandbox has no network: what torch.hub and urllib download is fetched from outside, all else must be there before"
LOCAL_NAMES = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}


class Refused(Exception):
    """An end that is nobody's bug: kind tells the caller which ("missing", "entry", "argument", "hubconf")."""

    def __init__(self, kind, text, **more):
        super().__init__(text)
        self.kind, self.more = kind, more


# --- asking the program that started us ---

class Wire:
    """Questions out, answers in. Threads take turns; processes that the repository's code forks have ids of their own."""

    def __init__(self, fd, answers):
        self.fd, self.answers, self.lock = fd, answers, threading.Lock()

    def ask(self, **question):
        number = uuid.uuid4().hex
        line = json.dumps({"id": number, **question}) + "\n"
        with self.lock:
            os.write(self.fd, line.encode())
            answer = self.wait(os.path.join(self.answers, number + ".json"))
        if "error" in answer:
            raise urllib.error.URLError(answer["error"])
        return answer["path"] if "path" in answer else os.path.join(self.answers, number + ".body")

    @staticmethod
    def wait(path):
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            try:
                with open(path, encoding="utf-8") as file:
                    return json.load(file)
            except FileNotFoundError:
                time.sleep(ANSWER_POLL)
        raise TimeoutError("no answer about a download for a day")


def take_stdout():
    """The pipe of questions for ourselves; prints of the repository's code go to standard error."""
    fd = os.dup(1)
    os.set_inheritable(fd, False)
    os.dup2(2, 1)
    return fd


# --- downloads ---

class Downloads:
    def __init__(self, job, wire):
        self.job, self.wire = job, wire
        self.checkpoints = os.path.join(job["hub_dir"], "checkpoints")
        self.fresh_done = set()

    def name_for(self, url, dst):
        """The name in the cache: torch's own where dst is there, else one that no other URL can have."""
        if os.path.dirname(os.path.abspath(dst)) == self.checkpoints:
            return os.path.basename(dst)
        base = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(urllib.parse.urlparse(url).path))[-150:] or "file"
        return hashlib.sha256(url.encode()).hexdigest()[:16] + "." + base.lstrip(".")

    def fetch(self, url, name, prefix=None):
        return self.wire.ask(want=url, name=name, hash=prefix)

    def to_file(self, url, dst, hash_prefix=None, progress=True):
        dst = os.path.abspath(os.path.expanduser(dst))
        source = self.fetch(url, self.name_for(url, dst), hash_prefix)
        if os.path.realpath(source) == os.path.realpath(dst):
            return
        try:
            if os.path.lexists(dst):
                os.remove(dst)
            os.symlink(source, dst)  # /tmp of the sandbox is memory: no second copy there
        except OSError as why:
            raise OSError(why.errno, "%s; in the sandbox only /tmp can be written" % why.strerror, dst) from None

    def state_dict(self, original):
        @functools.wraps(original)
        def load_state_dict_from_url(url, model_dir=None, *args, **kwargs):
            name = kwargs.get("file_name") or os.path.basename(urllib.parse.urlparse(url).path)
            if model_dir is not None and not os.path.exists(os.path.join(model_dir, name)) and not can_write(model_dir):
                model_dir = None
            if self.job["fresh"] and model_dir is None and url not in self.fresh_done:
                self.fresh_done.add(url)
                self.fetch(url, name)
            return original(url, model_dir, *args, **kwargs)
        return load_state_dict_from_url

    def urlopen(self, original):
        @functools.wraps(original)
        def urlopen(url, data=None, *args, **kwargs):
            full = url if isinstance(url, str) else url.full_url
            if urllib.parse.urlparse(full).scheme not in ("http", "https"):
                return original(url, data, *args, **kwargs)
            if data is not None or (not isinstance(url, str) and url.get_method() != "GET"):
                raise urllib.error.URLError("%s: only plain GET requests can be answered; %s" % (full, NO_NETWORK))
            path = self.wire.ask(want=full, name=None, hash=None)
            headers = email.message.Message()
            headers["Content-Length"] = str(os.path.getsize(path))
            return urllib.response.addinfourl(open(path, "rb"), headers, full, 200)
        return urlopen

    def repository(self, github, *_args, **_kwargs):
        return self.wire.ask(repo=github)


def can_write(folder):
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK)


def without_network():
    """Names of hosts do not resolve in the sandbox anyway: this says why."""
    original = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is None or name in LOCAL_NAMES or name == socket.gethostname():
            return original(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_AGAIN, "%s: %s" % (name, NO_NETWORK))
    socket.getaddrinfo = getaddrinfo


def patch_hub(hub, downloads):
    """Attributes of torch.hub: torch looks them up at each call, and all others import them after us."""
    hub.set_dir(downloads.job["hub_dir"])
    hub.download_url_to_file = downloads.to_file
    hub.load_state_dict_from_url = downloads.state_dict(hub.load_state_dict_from_url)
    hub._get_cache_or_reload = downloads.repository
    if downloads.job["sandboxed"]:
        hub.urlopen = urllib.request.urlopen
        unzip = getattr(hub, "_legacy_zip_load", None)  # unpacks beside the file
        if unzip:
            hub._legacy_zip_load = lambda name, _dir, *args, **kwargs: unzip(name, tempfile.mkdtemp(), *args, **kwargs)


class HubFinder:
    """Patches torch.hub when it is first imported: who does without torch need not wait for it."""

    def __init__(self, downloads):
        self.downloads = downloads

    def find_spec(self, name, path=None, _target=None):
        if name != "torch.hub":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            patch_hub(module, self.downloads)
        spec.loader.exec_module = exec_module
        return spec


def prepare(job, wire):
    downloads = Downloads(job, wire)
    if job["sandboxed"]:
        urllib.request.urlopen = downloads.urlopen(urllib.request.urlopen)
        without_network()
    sys.meta_path.insert(0, HubFinder(downloads))


def limit_ourselves(job):
    import resource
    for which, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, job["file_limit"]), (resource.RLIMIT_NPROC, PROCESSES_MAX)):
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


# --- hubconf.py ---

def is_there(name):
    """Can it be imported? Unlike torch, a missing parent of a dotted name is a missing dependency, not an error."""
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:
        return name in sys.modules  # a module without __spec__
    except ImportError:
        return False


def missing_of(names):
    if isinstance(names, str) or not isinstance(names, collections.abc.Iterable):
        names = [names]
    return [str(name) for name in names if not (isinstance(name, str) and is_there(name))]


def literal_dependencies(path):
    """`dependencies = [...]` by its source: for a hubconf.py that cannot be imported because one of them is missing."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "dependencies" for t in node.targets):
                return ast.literal_eval(node.value)
    except (OSError, ValueError, SyntaxError, RecursionError):
        pass
    return []


def refuse_missing(names):
    if not names:
        return
    text = "Missing dependencies: " + ", ".join(names)
    if "torch" in names:
        text += "; %s has no torch" % sys.executable
    raise Refused("missing", text)


def import_hubconf(folder):
    """As torch's _import_module: the module's name is its file name, and it does not go into sys.modules."""
    path = os.path.join(folder, "hubconf.py")
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("hubconf.py", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as why:
        root = (why.name or "").split(".")[0]
        own = os.path.exists(os.path.join(folder, root)) or os.path.exists(os.path.join(folder, root + ".py"))
        missing = missing_of(literal_dependencies(path))
        if root and root not in missing and not own and not is_there(root):
            missing.insert(0, root)
        refuse_missing(missing)
        raise
    return module


def entries_of(module):
    return [name for name in sorted(dir(module)) if callable(getattr(module, name)) and not name.startswith("_")]


def find_entry(module, name):
    entry = getattr(module, name, None) if name in dir(module) else None
    if not callable(entry):
        raise Refused("entry", "Cannot find callable %s in hubconf" % name, names=entries_of(module)[:1000])
    return entry


# --- arguments ---

def value_of(text):
    """JSON, or Python's three words for what JSON spells true, false, null (a text "False" would be true), or else the text."""
    words = {"True": True, "False": False, "None": None}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return words.get(text, text)


def arguments_of(texts):
    args, kwargs = [], {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            args.append(value_of(text))
        elif name in kwargs:
            raise Refused("argument", "the argument %s is given twice" % name)
        else:
            kwargs[name] = value_of(value)
    return args, kwargs


# --- describing ---

def clean(text, most):
    """Text that is text, cut: an object may call itself what it likes."""
    if not isinstance(text, str):
        return None
    return text[:most].encode("utf-8", "replace").decode()


def doc_of(thing):
    doc = getattr(thing, "__doc__", None)
    return clean(inspect.cleandoc(doc), DOC_MAX) if isinstance(doc, str) else None


def signature_of(thing):
    try:
        return clean(str(inspect.signature(thing)), LINE_MAX)
    except Exception:  # noqa: B902 - of classes in C, and of whatever a repository's own classes do here
        return None


def type_name(thing):
    cls = thing if isinstance(thing, type) else type(thing)
    return clean("%s.%s" % (cls.__module__, cls.__qualname__), LINE_MAX)


def callable_kind(thing):
    if isinstance(thing, type):
        return "class"
    if isinstance(thing, functools.partial):
        return "partial"
    if isinstance(thing, types.LambdaType) and thing.__name__ == "<lambda>":
        return "lambda"
    if isinstance(thing, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return "function"
    return "callable"


def methods_of(thing, bases):
    """Public methods that its class adds to those of bases."""
    cls, found = type(thing), []
    for name in dir(cls):
        if name.startswith("_") or len(found) >= METHODS_MAX:
            continue
        method = getattr(cls, name, None)
        if callable(method) and not any(getattr(base, name, None) is method for base in bases):
            found.append({"name": clean(name, LINE_MAX), "signature": signature_of(method), "doc": doc_of(method)})
    return found


def count_of(module):
    return sum(p.numel() for p in module.parameters())


def modules_of(module):
    """Parts of a model, each with what it holds itself and through its children."""
    parts = []
    for name, part in module.named_modules():
        if name and len(parts) < MODULES_MAX:
            parts.append({"name": clean(name, LINE_MAX), "class": type_name(part), "parameters": count_of(part)})
    return parts


def is_plain(thing, depth=0):
    """Values that their repr() tells."""
    if type(thing) in (str, bytes, int, float, bool, type(None)):
        return True
    if depth >= DEPTH_MAX or type(thing) not in (list, tuple, dict):
        return False
    values = thing.values() if type(thing) is dict else thing
    return all(is_plain(value, depth + 1) for value in values)


class Results:
    """Describes what an entry point returned, and writes tensors one state dict after the other into one file."""

    def __init__(self, torch, path):
        self.torch, self.saved, self.file = torch, 0, open(path, "wb")

    def is_a(self, thing, name):
        if self.torch is None:
            return False
        return isinstance(thing, self.torch.Tensor if name == "tensor" else self.torch.nn.Module)

    def plain(self, tensor):
        """Values only, on this machine: subclasses and devices stay behind; what shares memory goes on sharing it."""
        tensor = tensor.detach()
        if type(tensor) is not self.torch.Tensor:
            tensor = tensor.as_subclass(self.torch.Tensor)
        if tensor.device.type not in ("cpu", "meta"):
            tensor = tensor.cpu()
        if tensor.layout is self.torch.strided and not tensor.is_quantized:
            tensor = tensor.resolve_conj().resolve_neg()
        return tensor

    def save(self, pairs):
        tensors = {clean(str(name), LINE_MAX): self.plain(value) for name, value in pairs if self.is_a(value, "tensor")}
        if not tensors:
            return {}
        if self.saved >= ITEMS_MAX:
            raise Refused("result", "more than %d models in one result" % ITEMS_MAX)
        self.saved += 1
        start = self.file.tell()
        bytes_io = CountingFile(self.file)
        self.torch.save(tensors, bytes_io)
        self.file.flush()
        return {"offset": start, "bytes": bytes_io.count, "tensors": len(tensors)}

    def module(self, thing):
        try:
            state = thing.state_dict()
        except Exception:  # noqa: B902 - wrapped and lazy modules: what they hold is there all the same
            state = dict(thing.named_parameters())
            state.update(thing.named_buffers())
        return {"kind": "module", "doc": doc_of(type(thing)), "parameters": count_of(thing), "modules": modules_of(thing),
                "methods": methods_of(thing, [self.torch.nn.Module]), **self.save(state.items())}

    def container(self, thing, pairs, kind, depth):
        pairs, items = list(pairs), []
        if all(is_plain(value) for _, value in pairs):
            return {"kind": kind, "length": len(thing), "value": clean(repr(thing), LINE_MAX)}
        for name, value in pairs:
            if len(items) >= ITEMS_MAX:
                break
            items.append({"name": clean(str(name), LINE_MAX), **self.describe(value, depth + 1)})
        return {"kind": kind, "items": items, "length": len(thing)}

    def mapping(self, thing, depth):
        values = list(thing.values())
        if any(self.is_a(value, "tensor") for value in values) and not any(self.is_a(value, "module") for value in values):
            return {"kind": "dict", **self.save(thing.items())}
        return self.container(thing, thing.items(), "dict", depth)

    def other(self, thing):
        if callable_kind(thing) != "callable":
            return {"kind": callable_kind(thing), "doc": doc_of(thing), "signature": signature_of(thing)}
        is_tokenizer = "okenizer" in type(thing).__name__ or (hasattr(thing, "encode") and hasattr(thing, "decode"))
        if is_plain(thing):
            return {"kind": "other", "value": clean(repr(thing), LINE_MAX)}
        return {"kind": "tokenizer" if is_tokenizer else "other", "doc": doc_of(type(thing)), "methods": methods_of(thing, [object])}

    def what(self, thing, depth):
        if self.is_a(thing, "module"):
            return self.module(thing)
        if self.is_a(thing, "tensor"):
            return {"kind": "tensor", **self.save([("tensor", thing)])}
        if depth < DEPTH_MAX and isinstance(thing, (tuple, list)):
            return self.container(thing, enumerate(thing), "tuple" if isinstance(thing, tuple) else "list", depth)
        if depth < DEPTH_MAX and isinstance(thing, collections.abc.Mapping):
            return self.mapping(thing, depth)
        return self.other(thing)

    def describe(self, thing, depth=0):
        of_call = isinstance(thing, (type, types.FunctionType, types.BuiltinFunctionType))
        name = clean("%s.%s" % (thing.__module__, thing.__qualname__), LINE_MAX) if of_call else type_name(thing)
        return {"type": name, **self.what(thing, depth)}


class CountingFile(io.RawIOBase):
    """A file that begins where another stands: torch asks where it is, and its zips count from there."""

    def __init__(self, file):
        super().__init__()
        self.file, self.count = file, 0

    def writable(self):
        return True

    def write(self, data):
        size = memoryview(data).nbytes
        self.file.write(data)
        self.count += size
        return size

    def tell(self):
        return self.count

    def flush(self):
        self.file.flush()


# --- the two jobs ---

def run_load(job, wire):
    prepare(job, wire)
    module = import_hubconf(job["repo_dir"])
    refuse_missing(missing_of(getattr(module, "dependencies", None) or []))
    entry = find_entry(module, job["entry"])
    args, kwargs = arguments_of(job["args"])
    value = entry(*args, **kwargs)
    results = Results(sys.modules.get("torch"), job["state"])
    return {"result": results.describe(value)}


def run_list(job, wire):
    prepare(job, wire)
    module = import_hubconf(job["repo_dir"])
    dependencies = getattr(module, "dependencies", None) or []
    if isinstance(dependencies, str) or not isinstance(dependencies, collections.abc.Iterable):
        dependencies = [dependencies]
    entries = []
    for name in entries_of(module)[:100000]:
        thing = getattr(module, name)
        entries.append({"name": clean(name, LINE_MAX), "kind": callable_kind(thing), "signature": signature_of(thing), "doc": doc_of(thing)})
    return {"entries": entries, "dependencies": [clean(str(name), LINE_MAX) for name in dependencies]}


def hint_of(why, sandboxed):
    """What the sandbox has to do with it, over the whole chain of exceptions."""
    seen = set()
    while sandboxed and why is not None and id(why) not in seen:
        seen.add(id(why))
        number = getattr(why, "errno", None)
        if NO_NETWORK in str(why) or "can be written" in str(why):
            return None
        if isinstance(why, socket.gaierror) or number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return NO_NETWORK
        if number == errno.EROFS:
            return "in the sandbox only /tmp can be written"
        why = why.__cause__ or why.__context__
    return None


def place_of(why, folder):
    """The last line of the repository that was on the way."""
    inside = [frame for frame in traceback.extract_tb(why.__traceback__) if frame.filename.startswith(folder + os.sep)]
    return "%s:%s" % (os.path.relpath(inside[-1].filename, folder), inside[-1].lineno) if inside else None


def is_ours(frame):
    """Frames that tell an author nothing: of this file, and of Python's import system."""
    return frame.filename == __file__ or frame.filename.startswith("<frozen importlib")


def traceback_of(why):
    """Without our own frames; the chain of exceptions stays. Its last line is told as the error, unless it is several lines long."""
    told = traceback.TracebackException(type(why), why, why.__traceback__)
    left = [told]
    while left:
        one = left.pop()
        one.stack[:] = [frame for frame in one.stack if not is_ours(frame)]
        left += filter(None, (one.__cause__, one.__context__))
    if not told.stack and not told.__cause__ and not told.__context__ and not isinstance(why, SyntaxError):
        return ""
    parts = list(told.format())
    if parts[-1].count("\n") < 2:
        parts.pop()
    return "".join(parts)


def line_of(why):
    """"ValueError: text", its lines in one."""
    parts = traceback.format_exception_only(type(why), why)
    text = parts[-1] if isinstance(why, SyntaxError) else parts[0]
    return " ".join(text.split())


def failure(why, job):
    if isinstance(why, Refused):
        return {"kind": why.kind, "error": str(why), **why.more}
    sys.stderr.write(traceback_of(why))
    parts = [place_of(why, job["repo_dir"]), line_of(why), hint_of(why, job["sandboxed"])]
    return {"kind": "exception", "error": clean("; ".join(filter(None, [": ".join(filter(None, parts[:2])), parts[2]])), LINE_MAX)}


def about():
    torch = sys.modules.get("torch")
    return {"python": platform.python_version(), "torch": clean(str(getattr(torch, "__version__", "")), 100) if torch else None}


def finish(job, answer):
    with open(job["description"], "w", encoding="utf-8") as file:
        json.dump({**answer, **about()}, file)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # without waiting for threads that the repository's code left behind


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    del sys.path[0]  # where this file is
    faulthandler.enable()
    wire = Wire(take_stdout(), job["answers"])
    if job["sandboxed"]:
        limit_ourselves(job)
    sys.argv[:] = [""]
    try:
        answer = (run_load if job["mode"] == "load" else run_list)(job, wire)
    except BaseException as why:  # noqa: B902 - sys.exit() in a repository is an error, too
        answer = failure(why, job)
    finish(job, answer)


if __name__ == "__main__":
    main()
