# SPDX-License-Identifier: MIT
"""Entry points run in the sandbox: what they can reach, what they leave, and what is said when they fail."""
import http.server
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

import pytest
from run_entry import PYTHON, Runner, forbidden, needs_torch

pytestmark = pytest.mark.skipif(forbidden() is not None, reason=str(forbidden()))

# One entry point a question; each answers with a plain value.
PROBES = '''
import os, socket, subprocess, sys

def connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5)
    except OSError as why:
        return str(why)
    return "connected"

def resolve():
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError as why:
        return str(why)

def write(paths):
    told = []
    for path in paths:
        try:
            with open(os.path.join(path, "planted"), "w") as file:
                file.write("x")
            told.append("written")
        except OSError as why:
            told.append(why.strerror)
    return told

def read(paths):
    told = []
    for path in [paths] if isinstance(paths, str) else paths:
        try:
            told.append(os.listdir(path) if os.path.isdir(path) else open(path).read())
        except OSError as why:
            told.append(why.strerror)
    return told

def environment():
    other = open("/proc/1/environ").read()
    return [sorted(os.environ), other]

def processes():
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())

def program():
    return subprocess.run(["sh", "-c", "echo $HOME; ls /tmp"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout

def nested():
    return subprocess.run(["unshare", "--user", "true"], stderr=subprocess.DEVNULL).returncode

def limits():
    import resource
    return [resource.getrlimit(resource.RLIMIT_CORE)[1], resource.getrlimit(resource.RLIMIT_FSIZE)[1] > 0]

def capabilities():
    return [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]

def add(a, b=2, **more):
    """Adds."""
    print("adding", a)
    return [a, b, more]
'''


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.fixture
def probes(runner):
    return runner.write(PROBES)


@pytest.fixture
def server():
    """Counts the connections it gets."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def setup(self):
            self.server.seen += 1
            super().setup()

        def log_message(self, *_args):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        one.seen = 0
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def as_json(*paths):
    """Paths that are not shown for being named."""
    return json.dumps(list(map(str, paths)))


# --- what the code can reach

def test_there_is_no_network(probes, server):
    assert "efused" in probes.value("connect", server.server_port)
    assert server.seen == 0
    assert "the sandbox has no network" in probes.value("resolve")


def test_nothing_can_be_written_but_memory(probes):
    folders = [probes.hub, probes.hub / "checkpoints", probes.repo, "/", "/usr", "/etc", "/ptm", "/ptm/answers", "/tmp"]
    assert [text == "written" for text in probes.value("write", as_json(*folders))] == [False] * 8 + [True]
    assert probes.value("write", as_json(probes.home)) == ["written"]  # a stand-in: it lies below /tmp here
    assert not list(probes.folder.rglob("planted")) and not pathlib.Path("/tmp/planted").exists()


def test_the_kernel_cannot_be_told_anything(probes):
    """Also by root's sandbox: files of /proc/sys ask for no capability. They are opened here, never written."""
    probes.write(PROBES + """
def openable():
    found = []
    for folder, _, names in os.walk("/proc"):
        for name in [] if folder[6:7].isdigit() else names:  # not its own processes
            try:
                os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK))
                found.append(os.path.join(folder, name))
            except OSError:
                pass
    return [path for path in found if not path.startswith(("/proc/self/", "/proc/thread-self/"))][:20]
""")
    assert probes.value("openable") == []


def test_secrets_are_not_there(probes):
    (probes.home / "notes").write_text("secret")
    told = probes.value("read", as_json(probes.home / ".ssh/id", probes.home / "notes", probes.home, "/etc/shadow", "/run", "/root",
                                        probes.hub / ".ptm"))
    assert told[0] == told[1] == "No such file or directory" and told[2] == [".cache"] and told[6] == []
    assert all(one in ("No such file or directory", "Permission denied") for one in told[3:6])
    names, of_first = probes.value("environment")
    assert not [name for name in names if "TOKEN" in name or "AWS" in name] and "sesame" not in of_first
    assert set(names) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TORCH_HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUSERBASE", "TZ", "PWD"}


def test_it_is_alone_and_powerless(probes):
    assert len(probes.value("processes")) <= 3
    assert probes.value("capabilities") == ["0" * 16] and probes.value("limits") == [0, True]
    assert probes.value("program").startswith("/tmp\n")
    assert probes.value("nested") != 0


def test_all_of_it_holds_for_an_ordinary_user(server):
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root, to become another user")
    with tempfile.TemporaryDirectory(prefix="ptm-nobody-") as folder:
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
        if subprocess.run([*user, "bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("this system allows users no sandbox")
        runner = Runner(pathlib.Path(folder), prefix=user).write(PROBES)
        for path in [pathlib.Path(folder), *pathlib.Path(folder).rglob("*")]:
            os.chown(path, 65534, 65534)
        assert "efused" in runner.value("connect", server.server_port) and server.seen == 0
        assert runner.value("write", as_json(runner.hub, runner.repo, "/tmp")) == ["Read-only file system"] * 2 + ["written"]
        assert runner.value("read", as_json(runner.home / ".ssh/id")) == ["No such file or directory"]
        assert "sesame" not in str(runner.value("environment")) and runner.value("capabilities") == ["0" * 16]


def test_a_file_named_by_its_whole_path_is_shown(probes):
    (probes.home / "labels.txt").write_text("cat\n")
    assert probes.value("read", probes.home / "labels.txt") == ["cat\n"]
    assert probes.value("add", 1, f"path={probes.home}/labels.txt")[2] == {"path": f"{probes.home}/labels.txt"}


def test_a_python_in_the_home_folder_is_found(probes):
    venv = probes.home / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", "--system-site-packages", str(venv)], check=True)
    packages = next(venv.glob("lib/python3*/site-packages"))
    (packages / "mine_alone.py").write_text("VALUE = 7\n")
    (probes.folder / "shortcut").symlink_to(venv)
    probes.write(PROBES + "\ndef mine():\n    import mine_alone\n    return mine_alone.VALUE\n")
    for python in (venv / "bin/python", probes.folder / "shortcut/bin/python", "home/venv/bin/python"):
        probes.python = python
        assert probes.value("mine") == 7
        assert probes.value("read", as_json(probes.home / ".ssh/id")) == ["No such file or directory"]


def test_folders_that_would_show_too_much_are_refused(probes):
    (probes.home / "hubconf.py").write_text(PROBES)
    assert "holds your home folder" in probes.fails("processes", repo=probes.home)
    assert "hub folder: " in probes.run("load", probes.repo, "processes", probes.out, options=["--hub", probes.home], expect=1).stderr


def test_a_hub_folder_of_any_name_works(probes):
    probes.options += ["--hub", str(probes.folder / "other")]
    probes.write(PROBES + '\ndef home():\n    return os.listdir(os.environ["TORCH_HOME"] + "/hub")\n')
    assert probes.value("home") == ["checkpoints"]


def test_nothing_of_the_folder_we_stand_in_is_run(probes):
    """What is asked of Python before there is a sandbox must not import what lies about in the repository."""
    for name in ("json", "os", "site", "encodings"):
        (probes.repo / f"{name}.py").write_text(f"open({str(probes.folder / 'planted')!r}, 'w').close()\nraise SystemExit(7)\n")
    shutil.rmtree(probes.out, ignore_errors=True)
    process = subprocess.run(probes.command("load", ".", "absent", probes.out), env=probes.env, cwd=probes.repo, text=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
    assert not (probes.folder / "planted").exists(), process.stderr
    assert "does not say where it is" not in process.stderr and "does not run as Python" not in process.stderr


LEFT_BEHIND = '''
import os, time

def leave(mark, n):
    for _ in range(n):
        if os.fork():
            continue
        os.setsid()
        os.closerange(0, 256)
        state = os.open("/ptm/state", os.O_WRONLY)
        os.execv("/bin/sh", ["sh", "-c", "while :; do : > /ptm/state; done; : " + mark])
    return "done"
'''


def test_no_process_is_left_when_its_files_are_read(runner):
    """Processes that let go of our pipes and write on: the result is read when all of them have ended."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    runner.write(LEFT_BEHIND)
    for _ in range(3):
        assert runner.value("leave", mark, 20) == "done"
        alive = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                alive += [name] if mark in pathlib.Path(f"/proc/{name}/cmdline").read_text() else []
            except OSError:
                pass
        assert not alive


# --- no sandbox

def test_without_bubblewrap_it_is_refused_and_says_what_to_do(probes):
    bare = probes.folder / "home/bin"
    bare.mkdir()
    for name in ("python3", "sh"):
        (bare / name).symlink_to(shutil.which(name, path="/usr/bin"))
    probes.python = None
    said = probes.fails("processes", PATH=str(bare))
    assert said.startswith("unsupported: ") and "install the package bubblewrap" in said and "--no-sandbox" in said
    (bare / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (bare / "bwrap").chmod(0o755)
    said = probes.fails("processes", PATH=str(bare))
    assert said.startswith("unsupported: ") and "No permissions to create new namespace" in said


def test_no_sandbox_runs_it_with_all_rights(probes):
    told = probes.value("read", as_json(probes.home / ".ssh/id"), options=["--no-sandbox"])
    assert told == ["a key\n"]
    assert probes.value("write", as_json(probes.home), options=["--no-sandbox"]) == ["written"]
    assert not list((probes.hub / ".ptm/tmp").iterdir()) and not list(probes.repo.glob("__pycache__"))


# --- arguments, output, errors

def test_arguments_are_json_words_of_python_or_text(probes):
    assert probes.value("add", "1.5", '{"a": [null]}', "x=false", "y=False", 'z="False"', "w=a=b") == \
        [1.5, {"a": [None]}, {"x": False, "y": False, "z": "False", "w": "a=b"}]
    assert probes.value("add", "a b=c", "é") == ["a b=c", "é", {}]
    assert "given twice" in probes.fails("add", "b=1", "b=2")
    described = probes.load("add", "1")
    assert described["args"] == ["1"] and described["entry"] == "add" and described["repo"] == str(probes.repo) and described["commit"] is None
    assert "add: adding 1" in probes.last.stderr


def test_an_exception_is_told_with_its_place(runner):
    runner.write("def entry():\n    raise ValueError('no such size')\n")
    assert runner.fails("entry") == f"malformed: {runner.repo}: entry: hubconf.py:2: ValueError: no such size"


def test_a_traceback_shows_the_repositorys_frames_alone(runner):
    runner.write("import helper\ndef entry():\n    helper.work()\ndef states():\n    raise RuntimeError('wrong:\\n\\tone')\ndef wants(x): pass\n"
                 "def chained():\n    try:\n        {}['key']\n    except KeyError as why:\n        raise OSError('no such key') from why\n",
                 helper="def work():\n    raise ValueError('no such size')\n")

    def said(entry):
        last = runner.fails(entry)
        assert "driver.py" not in runner.said and "importlib" not in runner.said
        return last
    assert said("entry").endswith("entry: helper.py:2: ValueError: no such size")
    assert "hubconf.py\", line 3, in entry" in runner.said and "helper.py\", line 2, in work" in runner.said
    assert runner.said.count("no such size") == 2  # the line of source, and the error
    assert said("states").endswith("RuntimeError: wrong: one") and "entry" not in said("states")
    assert said("chained").endswith("OSError: no such key") and "KeyError: 'key'" in runner.said
    assert said("wants").endswith("TypeError: wants() missing 1 required positional argument: 'x'") and "Traceback" not in runner.said
    runner.write("raise ValueError('at import')\n")
    assert said("entry").endswith("hubconf.py:1: ValueError: at import") and "line 1, in <module>" in runner.said
    runner.write("def entry(:\n")
    assert "SyntaxError: " in said("entry") and "def entry(:" in runner.said


def test_other_ends(runner):
    runner.write("import ctypes, os, sys\ndef ends():\n    sys.exit(3)\ndef vanishes():\n    os._exit(0)\ndef crashes():\n    ctypes.string_at(0)\n"
                 "def network():\n    import urllib.request\n    urllib.request.urlopen('https://example.org/x', b'post')\n"
                 "def connects():\n    import socket\n    socket.create_connection(('93.184.216.34', 80))\n"
                 "def plants():\n    open('/usr/x', 'w')\n")
    assert runner.fails("ends").endswith("SystemExit: 3")
    assert "Python ended with status 0 without an answer" in runner.fails("vanishes")
    assert "Python was ended by signal 11 without an answer" in runner.fails("crashes")
    assert "the sandbox has no network" in runner.fails("network") and "the sandbox has no network" in runner.fails("connects")
    assert "only /tmp can be written" in runner.fails("plants")


def test_what_is_missing_is_named(runner):
    runner.write("dependencies = ['json', 'absent_one.part', 'absent_two']\ndef network(): pass\ndef _hidden(): return 1\n")
    assert "Missing dependencies: absent_one.part, absent_two; install what is missing for /usr/bin/python3" in runner.fails("network")
    runner.write("dependencies = ['absent_one']\nimport absent_one, absent_two\n")
    assert "absent: " in runner.fails("x") and "Missing dependencies: absent_one" in runner.fails("x")
    runner.write("import absent_two\n")
    assert "Missing dependencies: absent_two" in runner.fails("x")
    runner.write("def network(): pass\nVALUE = 1\ndef _hidden(): return 1\n")
    assert "Cannot find callable netwrok in hubconf; did you mean 'network'?" in runner.fails("netwrok")
    assert runner.said.splitlines()[-1].startswith("invalid: ")  # the command's exit status 1, as of torch help
    assert "Cannot find callable VALUE in hubconf" in runner.fails("VALUE")
    assert runner.load("_hidden")["result"]["value"] == "1"
    (runner.repo / "hubconf.py").unlink()
    assert "has no hubconf.py" in runner.fails("network")
    assert "no such Python" in runner.fails("x", options=["--python", "python-of-nobody"])


def test_a_python_without_torch_is_named(runner):
    venv = runner.home / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(venv)], check=True)
    runner.python = venv / "bin/python"
    for text in ("dependencies = ['torch']\ndef net(): pass\n", "import torch\n", "from torch import nn\n"):
        said = runner.write(text).fails("net")
        assert "Missing dependencies: torch" in said and str(venv) in said and "--python" in said


def test_an_interrupt_ends_it(runner):
    runner.write("import time\nprint('begun')\ndef entry():\n    time.sleep(300)\n")
    process = runner.start("load", runner.repo, "entry", runner.out)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "begun" in line:
            break
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "interrupted" in err, err
    assert time.monotonic() - begun < 60 and not list((runner.hub / ".ptm/tmp").iterdir()) and not runner.out.exists()


def test_nothing_survives_a_kill(runner):
    """Of the caller: what it started ends with it, and the next run does not mind what it left."""
    mark = f"900.{os.getpid()}"  # a time that no other run of this test sleeps
    runner.write(f"import subprocess, time\ndef entry():\n    subprocess.Popen(['sleep', '{mark}'])\n    print('begun')\n    time.sleep(300)\n"
                 "def fine(): return 1\n")
    process = runner.start("load", runner.repo, "entry", runner.out)
    for line in process.stderr:
        if "begun" in line:
            break
    process.kill()
    process.communicate()
    for _ in range(200):
        if subprocess.run(["pgrep", "-f", f"^sleep {mark}$"], check=False, stdout=subprocess.DEVNULL).returncode:
            break
        time.sleep(0.05)
    else:
        pytest.fail("a program of the sandbox still runs")
    assert not runner.out.exists() and runner.load("fine")["result"]["value"] == "1"


def test_any_python_from_3_8_on(probes):
    """Those of pyenv, where there are any: they lie in a home folder, and some in this machine's."""
    found = list(pathlib.Path(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))).glob("versions/[23].*/bin/python"))
    found.sort(key=lambda path: [int(part) for part in path.parts[-3].split(".")])
    found = found[:1] + [path for path in found if "3.8." in str(path)] + found[-1:]
    if not found:
        pytest.skip("no other Pythons here")
    for python in found:
        version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True, stdout=subprocess.PIPE, text=True).stdout
        probes.python = python
        if tuple(map(int, version.split("."))) < (3, 8):
            assert "needs 3.8 or newer" in probes.fails("add", "1")
        else:
            assert probes.value("add", "1") == [1, 2, {}]
            assert json.loads((probes.out / "description.json").read_text())["python"].startswith(version.strip())


def test_the_result_appears_whole_or_not_at_all(probes):
    probes.out.mkdir()
    (probes.out / "mine").write_text("mine")
    assert probes.run("load", probes.repo, "add", probes.out, "1", expect=1).stderr.splitlines()[-1].startswith("exists: ")
    (probes.out / "mine").unlink()
    probes.run("load", probes.repo, "add", f"{probes.out}//", "1")
    assert [path.name for path in probes.out.iterdir()] == ["description.json"]
    probes.run("load", probes.repo, "add", probes.folder / "new/deep/out", "1")
    assert os.stat(probes.folder / "new/deep/out").st_mode & 0o777 == 0o777 & ~umask()


def umask():
    old = os.umask(0)
    os.umask(old)
    return old


# --- lists

def test_list_asks_python(runner):
    runner.write('"""Module."""\nimport functools as _f\nfrom pathlib import Path\nimport json\ndependencies = ("json", "absent_one")\n'
                 'def b(x, *, y=2):\n    """Doc of b.\n\n    More."""\ndef _no(): pass\nclass A: pass\nc = _f.partial(b, 1)\nglobals()["made.by.code"] = lambda q: 1\n')
    told = json.loads(runner.run("list", runner.repo).stdout)
    assert [(entry["name"], entry["kind"]) for entry in told["entries"]] == \
        [("A", "class"), ("Path", "class"), ("b", "function"), ("c", "partial"), ("made.by.code", "lambda")]
    assert told["entries"][2]["signature"] == "(x, *, y=2)" and told["entries"][2]["doc"] == "Doc of b.\n\nMore."
    assert told["dependencies"] == ["json", "absent_one"]
    runner.write("raise OSError('not today')\n")
    assert "hubconf.py:1: OSError: not today" in runner.run("list", runner.repo, expect=1).stderr


# --- hostile results

FORGER = '''
import json, os, pickle

class Evil:
    def __reduce__(self):
        return os.system, ("touch %s",)

def forge(**more):
    with open("/ptm/state", "wb") as file:
        pickle.dump({"a": Evil()}, file)
        size = file.tell()
    with open("/ptm/description", "w") as file:
        file.write(more["text"].replace("SIZE", str(size)))
    os._exit(0)
'''


def test_a_pickle_that_runs_code_is_not_run_by_us(runner):
    marker = runner.folder / "executed"
    runner.write(FORGER % marker)
    said = runner.fails("forge", "text=" + json.dumps('{"result": {"kind": "module", "offset": 0, "bytes": SIZE}}'))
    assert not marker.exists() and "tensors that forge returned" in said


def test_tensors_in_a_format_that_is_not_the_drivers_are_refused(runner):
    runner.write('''
import json, os, struct

def forge():
    header = json.dumps({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    data = struct.pack("<Q", len(header)) + header + b"x"
    with open("/ptm/state", "wb") as file:
        file.write(data)
    with open("/ptm/description", "w") as file:
        json.dump({"result": {"kind": "module", "offset": 0, "bytes": len(data)}}, file)
    os._exit(0)
''')
    assert "not as torch.save writes" in runner.fails("forge")


@pytest.mark.parametrize("text", [
    '{"result": {"offset": 5, "bytes": 99999999999}}', '{"result": {"offset": -5, "bytes": 5}}', '{"result": {"offset": 9223372036854775807, "bytes": 1}}',
    '{"result": {"offset": 0, "bytes": 9223372036854775807}}', '[]', '{', '{"result": {"items": [{"name": "a", "offset": 0, "bytes": 9}, '
    '{"name": "a", "offset": 1, "bytes": 2}]}}'])
def test_a_forged_description_is_refused(runner, text):
    runner.write(FORGER % "/tmp/x")
    said = runner.fails("forge", f"text={json.dumps(text)}")
    assert said.startswith(("malformed: ", "unsupported: "))


def test_of_a_forged_description_only_what_we_know_is_kept(runner):
    runner.write(FORGER % "/tmp/x")
    text = ('{"result": {"kind": "\\u001b[31mred", "type": 5, "doc": "\\u001b[0m", "evil": 1, "weights": "../../x", "tensors": 9, "methods": '
            '[{"name": "m", "code": "x"}, 7], "items": {"a": 1}}, "python": "3.\\u202e", "urls": ["x"], "commit": "forged"}')
    described = runner.load("forge", f"text={json.dumps(text)}")
    assert described["result"] == {"kind": "other", "doc": "\x1b[0m", "methods": [{"name": "m"}, {}]}
    assert described["commit"] is None and described["urls"] == []
    assert "\x1b" not in (runner.out / "description.json").read_text()
    error = runner.fails("forge", "text=" + json.dumps('{"error": "a\\u001b[2Jb\\nc", "kind": "entry", "names": [1, "\\u001b"]}'))
    assert "\x1b" not in error and error.startswith("invalid: ")


def test_a_description_that_is_too_long_is_refused(runner):
    runner.write("import os\ndef entry():\n    with open('/ptm/description', 'w') as file:\n        file.write(' ' * (17 << 20))\n    os._exit(0)\n")
    assert runner.fails("entry").startswith("limit: ")


# --- with torch

MODELS = '''
dependencies = ["torch"]
import torch
from nets import Tiny, Tokenizer

def tiny(pretrained=False, bias=True):
    """A tiny net."""
    torch.manual_seed(3)
    return Tiny()

def tied():
    net = Tiny()
    net.again = net.a.weight
    return net

def pair():
    return Tiny(), Tokenizer(), len, [torch.ones(2), 5]

def named():
    return {"encoder": Tiny(), "../up": Tiny(), "Encoder": Tiny(), "note": "text"}

def state():
    return {"w": torch.ones(2, 3, dtype=torch.float16), "epoch": 3}

def tensor():
    return torch.arange(4)

def tokenizer():
    return Tokenizer()

def special():
    return {"s": torch.eye(3).to_sparse(), "t": torch.ones(2).neg(), "e": torch.empty(0, 3), "c": torch.ones(2, dtype=torch.complex64).conj()}
'''
NETS = '''
import torch

class Tiny(torch.nn.Module):
    """Two layers."""
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(4, 3)
        self.b = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False))
        self.register_buffer("steps", torch.tensor(5))

    def forward(self, x, scale: float = 1.0):
        return self.b(self.a(x)) * scale

    def predict(self, x):
        """The best."""

class Tokenizer:
    """Splits."""
    def encode(self, text): return text.split()
    def decode(self, words): return " ".join(words)
'''


@pytest.fixture
def models(runner):
    return runner.write(MODELS, nets=NETS)


def tensors_of(path):
    """Of a safetensors file, by its format alone: name -> (dtype, shape, bytes)."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    meta = header.pop("__metadata__", {})
    return {name: (one["dtype"], one["shape"], data[8 + size:][slice(*one["data_offsets"])]) for name, one in header.items()}, meta


@needs_torch
def test_a_module_becomes_safetensors_and_a_description(models):
    described = models.load("tiny")
    result = described["result"]
    assert sorted(path.name for path in models.out.iterdir()) == ["description.json", "model.safetensors"]
    assert result["type"] == "nets.Tiny" and result["kind"] == "module" and result["doc"] == "Two layers."
    assert result["parameters"] == 21 and result["tensors"] == 4 and result["weights"] == "model.safetensors"
    assert result["modules"] == [{"name": "a", "class": "torch.nn.modules.linear.Linear", "parameters": 15},
                                 {"name": "b", "class": "torch.nn.modules.container.Sequential", "parameters": 6},
                                 {"name": "b.0", "class": "torch.nn.modules.linear.Linear", "parameters": 6}]
    assert [(m["name"], m["signature"], m.get("doc")) for m in result["methods"]] == \
        [("forward", "(self, x, scale: float = 1.0)", None), ("predict", "(self, x)", "The best.")]
    assert described["torch"] and described["python"].startswith("3.")
    tensors, _ = tensors_of(models.out / "model.safetensors")
    assert {name: one[:2] for name, one in tensors.items()} == {"a.weight": ("F32", [3, 4]), "a.bias": ("F32", [3]), "b.0.weight": ("F32", [2, 3]),
                                                                "steps": ("I64", [])}
    code = f"import sys; sys.path.insert(0, {str(models.repo)!r}); import hubconf, sys; " \
           "sys.stdout.buffer.write(b''.join(v.numpy().tobytes() for k, v in sorted(hubconf.tiny().state_dict().items())))"
    expected = subprocess.run([PYTHON, "-B", "-c", code], check=True, stdout=subprocess.PIPE).stdout
    assert b"".join(one[2] for _, one in sorted(tensors.items())) == expected


@needs_torch
def test_several_modules_and_helpers(models):
    result = models.load("pair")["result"]
    assert result["kind"] == "tuple" and [item["kind"] for item in result["items"]] == ["module", "tokenizer", "function", "list"]
    assert [item.get("weights") for item in result["items"]] == ["0.safetensors", None, None, None]
    assert result["items"][3]["items"][0]["weights"] == "3.0.safetensors"
    assert [method["name"] for method in result["items"][1]["methods"]] == ["decode", "encode"]
    named = models.load("named")["result"]
    assert [item.get("weights") for item in named["items"]] == ["encoder.safetensors", "part-1.safetensors", "part-2.safetensors", None]
    assert sorted(path.name for path in models.out.iterdir()) == ["description.json", "encoder.safetensors", "part-1.safetensors", "part-2.safetensors"]
    assert models.load("tokenizer")["result"]["kind"] == "tokenizer"


@needs_torch
def test_tensors_of_all_kinds(models):
    assert models.load("state")["result"]["weights"] == "model.safetensors"
    assert tensors_of(models.out / "model.safetensors")[0] == {"w": ("F16", [2, 3], b"\x00\x3c" * 6)}
    models.load("tensor")
    assert list(tensors_of(models.out / "model.safetensors")[0]) == ["tensor"]
    models.load("tied")
    tensors, meta = tensors_of(models.out / "model.safetensors")
    assert {"again", "a.weight"} <= set(tensors) | set(meta) and len(tensors) == 4
    models.load("special")
    assert "s: left out" in models.last.stderr and {"t", "e"} <= set(tensors_of(models.out / "model.safetensors")[0])
