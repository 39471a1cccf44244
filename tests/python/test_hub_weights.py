# SPDX-License-Identifier: MIT
"""Downloads and state dicts of ptmtorrent.hub: whole, checked, shown by a bar, and nothing in them run. What else it has is in test_hub.py."""
import base64
import gc
import hashlib
import io
import os
import pathlib
import signal
import stat
import subprocess
import sys
import threading
import urllib.error
import warnings
import weakref
import zipfile

import pytest

from hub_ground import NOWHERE, github, hub, hub_samples, online  # noqa: F401
from ptmtorrent import Error, _core, _hub_core

# --- downloads ---

def test_download__has_the_permissions_of_any_new_file(online, github, tmp_path):  # noqa: F811
    url = github.file("plain.bin", b"bytes")
    (tmp_path / "other").write_text("")
    online.download_url_to_file(url, tmp_path / "got", progress=False)
    assert (tmp_path / "got").read_bytes() == b"bytes"
    assert stat.S_IMODE((tmp_path / "got").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir() if "got" in path.name) == ["got"]


def test_download__replaces_what_is_there_and_expands_home(online, github, tmp_path):  # noqa: F811
    home = pathlib.Path(os.path.expanduser("~"))
    home.mkdir()
    (home / "x.dat").write_bytes(b"old")
    online.download_url_to_file(github.file("x.dat", b"new"), "~/x.dat", progress=False)
    assert (home / "x.dat").read_bytes() == b"new"


def test_download__checks_the_hash(online, github, tmp_path):  # noqa: F811
    data = b"checked" * 1000
    digest, url = hashlib.sha256(data).hexdigest(), github.file("checked.bin", data)
    online.download_url_to_file(url, str(tmp_path / "good"), digest[:8], False)
    online.download_url_to_file(url, str(tmp_path / "empty"), "", False)
    with pytest.raises(RuntimeError, match=f'invalid hash value \\(expected "0000", got "{digest}"\\)'):
        online.download_url_to_file(url, str(tmp_path / "bad"), "0000", False)
    assert not (tmp_path / "bad").exists()


def test_download__takes_file_and_data_urls(hub, tmp_path):  # noqa: F811
    (tmp_path / "a b").write_bytes(b"here")
    hub.download_url_to_file((tmp_path / "a b").as_uri(), tmp_path / "copy", progress=False)
    assert (tmp_path / "copy").read_bytes() == b"here"
    hub.download_url_to_file("data:text/plain,hello", tmp_path / "data", hashlib.sha256(b"hello").hexdigest(), False)
    assert (tmp_path / "data").read_bytes() == b"hello"
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file("data:text/plain,hello", tmp_path / "data2", "1234", False)
    assert not list(tmp_path.glob("data2*"))


def test_state_dict__of_a_data_url_is_checked_when_it_is_there_already(hub, state, tmp_path):  # noqa: F811
    data = saved(state)
    url, name = "data:;base64," + base64.b64encode(data).decode(), f"net-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    for there in (b"another file", data):
        (tmp_path / name).write_bytes(there)
        found = hub.load_state_dict_from_url(url if there != data else "data:,unread", str(tmp_path), check_hash=True, file_name=name)
        assert equal(found, state)


def test_download__errors_are_urllibs_too(online, github, tmp_path, monkeypatch):  # noqa: F811
    with pytest.raises(urllib.error.HTTPError) as error:
        online.download_url_to_file("https://files.example.org/absent.bin", tmp_path / "x", progress=False)
    assert error.value.code == 404 and isinstance(error.value, Error) and "absent.bin" in str(error.value)
    with pytest.raises(FileNotFoundError):
        online.download_url_to_file(github.file("y.bin", b"y"), tmp_path / "absent" / "y.bin", progress=False)
    monkeypatch.setenv("PTM_REWRITE", NOWHERE)
    with pytest.raises(urllib.error.URLError) as error:
        online.download_url_to_file("https://files.example.org/absent.bin", tmp_path / "x", progress=False)
    assert not isinstance(error.value, urllib.error.HTTPError) and error.value.retryable


def test_download__feeds_the_bar_of_the_module(online, github, tmp_path, monkeypatch):  # noqa: F811
    class Bar:
        made = []

        def __init__(self, **how):
            self.how, self.n, self.closed = how, 0, False
            self.made.append(self)

        def update(self, n):
            self.n += n

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True
    monkeypatch.setattr(online, "tqdm", Bar, raising=False)
    online.download_url_to_file(github.file("bar.bin", bytes(300000)), tmp_path / "bar")
    bar, = Bar.made
    assert bar.how == {"total": 300000, "disable": False, "unit": "B", "unit_scale": True, "unit_divisor": 1024}
    assert bar.n == 300000 and bar.closed
    online.download_url_to_file(github.file("bar.bin", bytes(3)), tmp_path / "bar", progress=False)
    assert len(Bar.made) == 1


def test_download__passes_errors_of_the_bar_on(online, github, tmp_path, monkeypatch):  # noqa: F811
    class Bad:
        def __init__(self, **how):
            raise ZeroDivisionError("bar")
    monkeypatch.setattr(online, "tqdm", Bad, raising=False)
    with pytest.raises(ZeroDivisionError, match="bar"):
        online.download_url_to_file(github.file("bad.bin", bytes(3)), tmp_path / "bad")
    monkeypatch.delattr(online, "tqdm")
    online.download_url_to_file(github.file("bad.bin", bytes(3)), tmp_path / "bad", progress=False)


def test_faketqdm__writes_percent_or_bytes(hub, capsys):  # noqa: F811
    with hub._Faketqdm(total=8, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        bar.update(2)
        bar.update(6)
    with hub._Faketqdm() as bar:
        bar.update(3)
    with hub._Faketqdm(total=1, disable=True) as bar:
        bar.update(1)
    assert capsys.readouterr().err == "\r25.0%\r100.0%\n\r3.0 bytes\n"


def test_download__ends_at_ctrl_c_and_is_gone_on_with(github, tmp_path):  # noqa: F811
    url = github.slow_file("slow.bin", os.urandom(1_500_000))
    code = ("import os, signal, sys, threading\nfrom ptmtorrent import hub\n"
            "class Bar:\n"
            "    def __init__(self, **how): self.sent = False\n"
            "    def update(self, n):\n"
            "        if n and not self.sent: self.sent = True; os.kill(os.getpid(), signal.SIGINT)\n"
            "    def __enter__(self): return self\n"
            "    def __exit__(self, *_): pass\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "hub.tqdm = Bar\n"
            "try: hub.download_url_to_file(sys.argv[1], sys.argv[2])\n"
            "except KeyboardInterrupt: print('interrupted'); hub.download_url_to_file(sys.argv[1], sys.argv[2], progress=False); print('done')\n")
    done = subprocess.run([sys.executable, "-c", code, url, str(tmp_path / "slow")], stdout=subprocess.PIPE, text=True, timeout=120,
                          env={**os.environ, "PTM_REWRITE": " ".join(github.rewrites)})
    assert done.stdout.split() == ["interrupted", "done"], done
    assert (tmp_path / "slow").read_bytes() == (github.dir / "files/slow.bin").read_bytes()


def test_download__that_is_interrupted_while_it_begins_is_ended_too(online, github, tmp_path, monkeypatch):  # noqa: F811
    url, start = github.slow_file("begin.bin", os.urandom(1_500_000)), threading.Thread.start

    def interrupted(thread):
        start(thread)
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            online.download_url_to_file(url, tmp_path / "f", progress=False)
    assert "ptmtorrent" not in [thread.name for thread in threading.enumerate() if thread.is_alive()] and not (tmp_path / "f").exists()
    online.download_url_to_file(url, tmp_path / "f", progress=False)
    assert (tmp_path / "f").read_bytes() == (github.dir / "files/begin.bin").read_bytes()


def test_download__that_is_left_at_the_second_ctrl_c_keeps_what_c_was_given(hub, tmp_path, monkeypatch):  # noqa: F811
    calls, made = [], []

    def left(use, call):
        calls.append(call)
        raise KeyboardInterrupt

    class Noted(_hub_core._Progress):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(weakref.ref(self))
    monkeypatch.setattr(_hub_core, "_interruptible", left)
    monkeypatch.setattr(_hub_core, "_Progress", Noted)
    with pytest.raises(KeyboardInterrupt):
        hub.download_url_to_file("https://github.com/acme/f", tmp_path / "f", "01234567")
    gc.collect()
    assert made[0]() is not None
    calls.clear()
    gc.collect()
    assert made[0]() is None


def test_fork__while_another_thread_makes_the_context(hub):  # noqa: F811
    held, go = threading.Event(), threading.Event()

    def hold():
        with _core._lock:
            held.set()
            go.wait(30)
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        _core.context()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    go.set()
    thread.join(30)
    assert status == 0


def test_log__of_the_library_is_pythons(online, github, tmp_path, caplog):  # noqa: F811
    data = b"right" * 100
    (tmp_path / "x.dat").write_bytes(b"wrong")
    url = github.file("x.dat", data)
    with caplog.at_level("WARNING", "ptmtorrent"):
        _hub_core.download(url, str(tmp_path / "x.dat"), hashlib.sha256(data).hexdigest(), True, None)
    assert (tmp_path / "x.dat").read_bytes() == data
    assert {record.name for record in caplog.records} == {"ptmtorrent.torchhub"} and "fetching it anew" in caplog.text


# --- state dicts ---

@pytest.fixture
def state():
    torch = pytest.importorskip("torch")
    return {"w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.int64)}


def saved(value, **how):
    import torch
    out = io.BytesIO()
    torch.save(value, out, **how)
    return out.getvalue()


def equal(a, b):
    import torch
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dict__is_loaded_and_kept(online, github, state, capsys, zipped):  # noqa: F811
    url = github.file(f"net{zipped}.pth", saved(state, _use_new_zipfile_serialization=zipped)) + "?query=1"
    path = pathlib.Path(online.get_dir()) / "checkpoints" / f"net{zipped}.pth"
    assert equal(online.load_state_dict_from_url(url, progress=False), state)
    assert capsys.readouterr() == (f'Downloading: "{url}" to {path}\n', "") and path.is_file()
    before = len(github.requests())
    assert equal(online.load_state_dict_from_url(url, progress=False), state)
    assert capsys.readouterr() == ("", "") and len(github.requests()) == before


def test_state_dict__file_name_and_model_dir(online, github, state, tmp_path):  # noqa: F811
    url = github.file("named.pth", saved(state))
    online.load_state_dict_from_url(url, progress=False, file_name="mine.pth")
    assert (pathlib.Path(online.get_dir()) / "checkpoints/mine.pth").is_file()
    online.load_state_dict_from_url(url, tmp_path / "deep/models", progress=False)
    assert (tmp_path / "deep/models/named.pth").is_file()


def test_state_dict__hash_is_checked_also_of_a_file_that_is_there(online, github, state, capsys):  # noqa: F811
    data = saved(state)
    digest = hashlib.sha256(data).hexdigest()
    name = f"net-{digest[:8]}.pth"
    url, path = github.file(name, data), pathlib.Path(online.get_dir()) / "checkpoints" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(saved({"w": state["b"]}))
    assert list(online.load_state_dict_from_url(url, progress=False)) == ["w"]
    assert equal(online.load_state_dict_from_url(url, progress=False, check_hash=True), state)
    wrong = github.file("net-00000000.pth", data)
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "00000000", got'):
        online.load_state_dict_from_url(wrong, progress=False, check_hash=True)
    assert not (path.parent / "net-00000000.pth").exists()


@pytest.mark.parametrize("name", ["yolo-7.0.pt", "plain.pth", "x-.pth", "x-abcdef0.pth"])
def test_state_dict__names_without_hash_are_told(online, github, state, name):  # noqa: F811
    with pytest.warns(UserWarning, match="not checked"):
        assert equal(online.load_state_dict_from_url(github.file(name, saved(state)), progress=False, check_hash=True), state)


def test_state_dict__warns_of_torch_model_zoo_variable(online, github, state, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TORCH_MODEL_ZOO", "/x")
    with pytest.warns(UserWarning, match="TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead"):
        online.load_state_dict_from_url(github.file("zoo.pth", saved(state)), progress=False)


def test_state_dict__map_location_in_all_its_forms(online, github, state):  # noqa: F811
    torch = pytest.importorskip("torch")
    url, seen = github.file("map.pth", saved(state)), []
    for place in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: seen.append(location) or storage):
        assert equal(online.load_state_dict_from_url(url, map_location=place, progress=False), state)
    assert seen and set(seen) == {"cpu"}


def test_state_dict__of_a_zip_around_a_checkpoint(online, github, state):  # noqa: F811
    url = github.file("legacy.zip", hub_samples.in_zip("inner.pth", saved(state, _use_new_zipfile_serialization=False)))
    with pytest.warns(FutureWarning, match="will be deprecated in favor of default zipfile"):
        assert equal(online.load_state_dict_from_url(url, progress=False), state)
    folder = pathlib.Path(online.get_dir()) / "checkpoints"
    assert (folder / "inner.pth").is_file() and online._is_legacy_zip_format(folder / "legacy.zip")
    assert not online._is_legacy_zip_format(folder / "inner.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert equal(online.load_state_dict_from_url(github.file("new.zip", saved(state)), progress=False), state)


@pytest.mark.parametrize("name, words", [("/etc/x", "Archive entry has absolute path"), ("C:/x", "Archive entry has absolute path"),
                                         ("../x", "Archive entry contains directory traversal"), ("a/../../x", "Archive entry contains directory traversal"),
                                         ("..\\x", "Archive entry contains directory traversal"), ("link/x", "Archive entry escapes target directory")])
def test_safe_extract_zip__refuses_what_leads_out(hub, tmp_path, name, words):  # noqa: F811
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path)
    with zipfile.ZipFile(io.BytesIO(hub_samples.in_zip(name, b"x"))) as archive:
        with pytest.raises(ValueError, match=words):
            hub._safe_extract_zip(archive, str(tmp_path / "in"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "link"]


def test_safe_extract_zip__files_have_the_umasks_permissions(hub, tmp_path, monkeypatch):  # noqa: F811
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched, zipfile.ZipFile(io.BytesIO(hub_samples.in_zip("a/b.pth", b"x"))) as archive:
            patched.setattr(os, "umask", None)  # it is the whole process's: other threads' files would be anybody's meanwhile
            hub._safe_extract_zip(archive, str(tmp_path / "in"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "in/a/b.pth").stat().st_mode) == 0o640
    assert [path.name for path in (tmp_path / "in/a").iterdir()] == ["b.pth"]


def test_safe_extract_zip__refuses_bombs_and_links(hub, tmp_path):  # noqa: F811
    from ptmtorrent import _hub_zip
    bomb = zipfile.ZipInfo("bomb")
    bomb.file_size, bomb.compress_size = 1 << 40, 1 << 20
    with pytest.raises(ValueError, match="unpacks to"):
        _hub_zip.check_member(bomb, str(tmp_path))
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ValueError, match="symbolic link"):
        _hub_zip.check_member(link, str(tmp_path))


def test_state_dict__of_a_malicious_file_runs_nothing(online, github, tmp_path):  # noqa: F811
    pytest.importorskip("numpy")
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)
    loaded = online.load_state_dict_from_url(github.file("evil.pth", pickle.dumps({"x": Evil()}, 2)), progress=False)
    assert not (tmp_path / "ran").exists() and "system" in repr(loaded)


def test_state_dict__weights_only_false_unpickles_with_torch(online, github):  # noqa: F811
    torch = pytest.importorskip("torch")
    url = github.file("whole.pth", saved(torch.nn.Linear(2, 1)))
    assert isinstance(online.load_state_dict_from_url(url, progress=False, weights_only=False), torch.nn.Linear)
    assert set(online.load_state_dict_from_url(url, progress=False)) == {"weight", "bias"}


def test_state_dict__of_a_web_page_is_named(online, github):  # noqa: F811
    with pytest.raises(Error, match="HTML|page"):
        online.load_state_dict_from_url("https://files.example.org/page/net.pth", progress=False)
    assert not list((pathlib.Path(online.get_dir()) / "checkpoints").glob("net.pth*"))


def test_download__takes_any_content(online, github, tmp_path):  # noqa: F811
    online.download_url_to_file("https://files.example.org/page/net.pth", tmp_path / "net.pth", progress=False)
    assert b"Sign in" in (tmp_path / "net.pth").read_bytes()


def test_state_dict__is_numpy_without_torch(online, github, state, monkeypatch):  # noqa: F811
    numpy = pytest.importorskip("numpy")
    import importlib.util
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest))
    loaded = online.load_state_dict_from_url(github.file("np.pth", saved(state)), map_location="cpu", progress=False)
    assert isinstance(loaded["w"], numpy.ndarray) and loaded["w"].tolist() == state["w"].tolist()


def test_state_dict__of_a_file_url(hub, state, tmp_path):  # noqa: F811
    (tmp_path / "x.pth").write_bytes(saved(state))
    assert equal(hub.load_state_dict_from_url((tmp_path / "x.pth").as_uri(), progress=False), state)
