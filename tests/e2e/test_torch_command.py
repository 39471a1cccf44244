# SPDX-License-Identifier: MIT
"""`ptm torch` as people use it: in a terminal and in a pipe, against GitHub on loopback."""
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from conftest import PTM, Ptm
from github import TOKEN, GitHub
from run_entry import forbidden

HUBCONF = '''"""Small nets."""
dependencies = ["json"]


def net(pretrained=False, *, width: int = 3, **kwargs):
    """Ein kleines Netz, 一个小网络.

    >>> net()
    """
    return {"weights": "https://files.example.org/net-1a2b3c4d.pth"}


def undocumented(a):
    return a


def _make():
    import json
    return {json.loads('"made"'): net}


globals().update(_make())
'''


# Asks Python, wherever the tests run: not everywhere a sandbox is allowed.
RUN = ("--run", "--no-sandbox", "--python", sys.executable)


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        server.publish("acme/model", {"hubconf.py": HUBCONF, "README.md": "A model.\n"}, tags=["v1"])
        server.publish("pytorch/vision", {"hubconf.py": HUBCONF})
        yield server


@pytest.fixture
def ptm(github, tmp_path):
    command = Ptm(tmp_path, github.rewrites)
    command.env["TORCH_HOME"] = str(tmp_path / "torch")
    command.hub = tmp_path / "torch" / "hub"
    return command


class Terminal:
    """A command whose standard input and error (or output) are a terminal of its own."""

    def __init__(self, ptm, *args, stdout=subprocess.PIPE, term="dumb"):
        self.master, slave = pty.openpty()
        self.said = ""

        def own_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([PTM, *map(str, args)], env={**ptm.env, "TERM": term}, cwd=ptm.folder, stdin=slave, stderr=slave,
                                        stdout=slave if stdout is None else stdout, preexec_fn=own_terminal)
        os.close(slave)

    def read(self, wanted=None, seconds=60):
        """Until the text wanted was said, or, without one, to the end."""
        end = time.monotonic() + seconds
        while not (wanted and wanted in self.said):
            assert time.monotonic() < end, f"waited for {wanted!r}, got {self.said!r}"
            if not select.select([self.master], [], [], 0.2)[0]:
                if self.process.poll() is not None and not wanted:
                    break
                continue
            try:
                data = os.read(self.master, 4096)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                assert not wanted, f"waited for {wanted!r}, got {self.said!r}"
                break
            self.said += data.decode(errors="replace")
        return self.said

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        self.read()
        status = self.process.wait(timeout=60)
        if self.process.stdout:
            self.process.stdout.close()
        os.close(self.master)
        return status


def test_fetch_prints_the_folder_and_asks_once(ptm, github):
    first = ptm.run("torch", "fetch", "acme/model")
    folder = ptm.hub / "acme_model_main"
    assert first.stdout == f"{folder}\n" and (folder / "hubconf.py").read_text() == HUBCONF
    sha = github.sha("acme/model")
    assert f"acme/model:main at {sha[:12]}, 2 files" in first.stderr
    asked = len(github.requests())
    again = ptm.run("torch", "fetch", "acme/model")
    assert again.stdout == first.stdout and "in the cache already" in again.stderr
    assert len(github.requests()) == asked


@pytest.mark.skipif(forbidden() is not None, reason=str(forbidden()))
def test_load_fetches_anew_once(ptm, github):
    url = github.file("once/net.txt", b"some text")
    github.publish("acme/once", {"hubconf.py": "import urllib.request\n\n\ndef net():\n    from torch.hub import load_state_dict_from_url\n"
                                 f"    return load_state_dict_from_url({url!r})\n\n\ndef plain():\n    return urllib.request.urlopen({url!r}).read().decode()\n"})
    ptm.run("torch", "trust", "add", "acme/once")
    (ptm.hub / "checkpoints").mkdir()
    (ptm.hub / "checkpoints/net.txt").write_bytes(b"old")
    run = ptm.run("torch", "load", "acme/once", "plain", "--force-reload", "--out", "o")
    assert "ptm: acme/once: running plain in a sandbox" in run.stderr
    assert github.count("GET", "/once/net.txt", host="files.example.org") == 1


def test_refresh_tells_and_force_reload_takes(ptm, github):
    old = github.publish("acme/moving", {"hubconf.py": HUBCONF})
    ptm.run("torch", "fetch", "acme/moving")
    assert f"{old[:12]} is the newest commit" in ptm.run("torch", "fetch", "acme/moving", "--refresh").stderr
    new = github.publish("acme/moving", {"hubconf.py": HUBCONF.replace("Small", "Tiny")})
    told, = ptm.json_lines("torch", "fetch", "acme/moving", "--refresh")
    assert told["commit"] == old and told["newest"] == new and told["cached"] is True
    assert "there is a newer commit" in ptm.run("torch", "list", "acme/moving", "--refresh").stderr
    taken, = ptm.json_lines("torch", "fetch", "acme/moving", "--force-reload")
    assert taken["commit"] == new and taken["cached"] is False
    assert "Tiny" in (ptm.hub / "acme_moving_main" / "hubconf.py").read_text()


def test_one_that_fails_does_not_stop_the_others(ptm):
    run = ptm.run("torch", "fetch", "acme/none", "acme/model:v1", expect=2)
    assert run.stdout == f"{ptm.hub / 'acme_model_v1'}\n" and "acme/none" in run.stderr
    ptm.run("torch", "fetch", "acme/none", expect=3)


def test_private_repositories_want_the_token(ptm, github):
    github.publish("secret/model", {"hubconf.py": HUBCONF})
    assert "GITHUB_TOKEN" in ptm.run("torch", "list", "secret/model", expect=3).stderr
    listed = ptm.run("torch", "list", "secret/model", GITHUB_TOKEN=TOKEN)
    assert listed.stdout == "net\nundocumented\n" and TOKEN not in listed.stderr


def test_another_host_is_recorded_and_trusted_apart(ptm):
    told, = ptm.json_lines("torch", "fetch", "acme/model", GH_HOST="git.example.org")  # the rewrites of the tests are stronger
    assert told["host"] == "git.example.org"
    ptm.run("torch", "trust", "add", "acme/model")
    run = ptm.run("torch", "list", "acme/model", *RUN, expect=3, GH_HOST="git.example.org")
    assert "not in the list of trusted repositories" in run.stderr


def test_interrupted_while_fetching(ptm, github):
    github.publish("slow/model", {"hubconf.py": HUBCONF, "data.bin": os.urandom(400_000)})
    process = ptm.start("torch", "fetch", "slow/model", "--progress", "none")
    end = time.monotonic() + 60
    while not github.count("GET", "/slow/model/zipball") and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert not (ptm.hub / "slow_model_main").exists()
    ptm.run("torch", "fetch", "slow/model", "-q")


def test_ctrl_c_under_bars_ends_with_what_came_of_it(ptm, github):
    """"Finishing what is under way" is news only as long as something is."""
    github.publish("slow/bars", {"hubconf.py": HUBCONF, "data.bin": os.urandom(2_000_000)})
    terminal = Terminal(ptm, "torch", "fetch", "slow/bars", term="xterm")
    terminal.read("slow/bars")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "interrupted; what is finished is kept" in terminal.said
    assert "finishing" not in terminal.said.rpartition("interrupted; what is finished is kept")[2], terminal.said


def test_list_help_and_show_run_nothing_and_ask_nobody(ptm):
    listed = ptm.run("torch", "list", "acme/model")
    assert listed.stdout == "net\nundocumented\n"
    assert "1 statement makes names" in listed.stderr and "hubconf.py:22: globals().update(_make())" in listed.stderr
    assert ptm.run("torch", "help", "acme/model", "net").stdout == "Ein kleines Netz, 一个小网络.\n\n>>> net()\n"
    none = ptm.run("torch", "help", "acme/model", "undocumented")
    assert none.stdout == "" and "has no docstring" in none.stderr
    shown = ptm.run("torch", "show", "acme/model").stdout
    assert "acme/model:main" in shown and "net(pretrained=False, *, width: int = 3, **kwargs)" in shown and "json" in shown
    assert "did you mean 'net'" in ptm.run("torch", "help", "acme/model", "nett", expect=1).stderr
    assert ptm.run("torch", "trust").stdout == ""


def test_json_is_an_object_a_line(ptm):
    entries = {entry["name"]: entry for entry in ptm.json_lines("torch", "list", "acme/model")}
    net = entries["net"]
    assert {"name", "kind", "certainty", "file", "line", "signature", "doc", "urls"} <= set(net)
    assert (net["kind"], net["certainty"], net["file"], net["line"]) == ("function", "sure", "hubconf.py", 5)
    shown, = ptm.json_lines("torch", "show", "acme/model", "net")
    assert shown["repository"] == "acme/model:main" and shown["dependencies"] == ["json"] and len(shown["entries"]) == 1


def test_a_terminal_sees_no_escape_of_a_docstring(ptm, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "hubconf.py").write_text('def net():\n    """A\\033[2Jnet."""\n')
    assert ptm.run("torch", "help", "./bad", "net").stdout == "A\033[2Jnet.\n"
    terminal = Terminal(ptm, "torch", "help", "./bad", "net", stdout=None)
    terminal.read("net.")
    assert terminal.end() == 0 and "A?[2Jnet." in terminal.said
    assert "\033" not in ptm.run("torch", "show", "./bad").stdout


def test_a_reader_that_goes_away_ends_it_quietly(ptm):
    ptm.run("torch", "fetch", "acme/model")
    process = ptm.start("torch", "list", "acme/model")
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) != 0 and "Sanitizer" not in error


def test_nobody_to_ask_is_a_refusal(ptm):
    run = ptm.run("torch", "load", "acme/model", "net", "--out", "out", expect=3)
    assert "ptm torch trust add acme/model" in run.stderr and not (ptm.folder / "out").exists()
    assert ptm.run("torch", "trust").stdout == ""


@pytest.mark.parametrize("typed, trusted", [("n\n", False), ("\n", False), ("perhaps\nn\n", False), ("a\nb\nc\n", False), ("\x04", False), ("y\n", True)])
def test_the_question_on_a_terminal(ptm, typed, trusted):
    terminal = Terminal(ptm, "torch", "list", "acme/model", *RUN)
    terminal.read("(y/N)?")
    assert "acme_model" in terminal.said
    for line in typed.splitlines(keepends=True):
        terminal.type(line)
        time.sleep(0.1)
    status = terminal.end()
    assert status == (0 if trusted else 3), terminal.said
    assert ("Untrusted repository." in terminal.said) is not trusted
    assert ("Please answer y or n." in terminal.said) is (len(typed) > 4)
    assert ptm.run("torch", "trust").stdout == ("acme_model\n" if trusted else "")


def test_interrupted_at_the_question(ptm):
    terminal = Terminal(ptm, "torch", "list", "acme/model", *RUN)
    terminal.read("(y/N)?")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert ptm.run("torch", "trust").stdout == ""


def test_trust_by_option_and_by_owner(ptm):
    assert ptm.run("torch", "list", "acme/model", *RUN, "--trust").stdout == "made\nnet\nundocumented\n"
    assert ptm.run("torch", "trust").stdout == "acme_model\n"
    assert ptm.run("torch", "list", "pytorch/vision", *RUN).stdout == "made\nnet\nundocumented\n"
    assert ptm.run("torch", "trust").stdout == "acme_model\n"


def test_download_shows_what_came(ptm, github):
    data = os.urandom(3_000_000)
    url = github.file("net.pth", b"PK\3\4" + data)
    run = ptm.run("torch", "download", url, "--progress", "plain")
    assert run.stdout == "net.pth\n" and (ptm.folder / "net.pth").stat().st_size == len(data) + 4
    told, = ptm.json_lines("torch", "download", url, "other.pth", "-q")
    assert told["bytes"] == len(data) + 4 and len(told["sha256"]) == 64 and told["checked"] is False
    assert "there already" in ptm.run("torch", "download", url).stderr


def test_cache_shows_no_name_that_steers_a_terminal(ptm):
    folder = ptm.hub / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("a\x1b[31m.pth", "b\x1b[31m.pth.ptm-part"):
        (folder / name).write_bytes(b"x")
    for words in (["ls"], ["verify"], ["prune", "--dry-run"]):
        shown = ptm.run("torch", "cache", *words).stdout
        assert "?[31m.pth" in shown and "\x1b" not in shown, words


def test_cache_from_ls_to_rm(ptm):
    ptm.run("torch", "fetch", "acme/model", "acme/model:v1", "-q")
    listed = ptm.run("torch", "cache", "ls")
    assert "acme/model:main" in listed.stdout and "acme/model:v1" in listed.stdout and "2 items" in listed.stderr
    kinds = [item["kind"] for item in ptm.json_lines("torch", "cache", "ls")]
    assert kinds == ["repository", "repository"]
    ptm.run("torch", "cache", "verify")
    (ptm.hub / "acme_model_v1" / "README.md").write_text("changed\n")
    broken = ptm.run("torch", "cache", "verify", expect=2)
    assert "1 wrong" in broken.stderr and "README.md" in broken.stdout
    leftover = ptm.hub / "checkpoints" / "x.pth.ptm-part"
    leftover.parent.mkdir()
    leftover.write_bytes(b"x")
    assert "x.pth.ptm-part" in ptm.run("torch", "cache", "prune", "--older-than", "9999", "--dry-run").stdout and leftover.exists()
    ptm.run("torch", "cache", "prune")
    assert not leftover.exists() and (ptm.hub / "acme_model_main").exists()
    ptm.run("torch", "cache", "rm", "acme/model:v1")
    assert not (ptm.hub / "acme_model_v1").exists() and (ptm.hub / "acme_model_main").exists()
    ptm.run("torch", "cache", "rm", "acme/model:v1", expect=3)
    ptm.run("torch", "cache", "rm", "acme/model")
    assert ptm.json_lines("torch", "cache", "ls") == []


def test_starter_passes_its_own_check(ptm):
    ptm.run("torch", "init", "starter", expect=None)
    (ptm.folder / "mine").mkdir()
    assert ptm.run("torch", "init", "mine").stdout == "mine/hubconf.py\n"
    run = ptm.run("torch", "check", "mine", expect=None)
    assert run.returncode == 0, run.stdout
    for line in ptm.json_lines("torch", "check", "mine"):
        assert line["level"] in ("warning", "note") and line["code"], line
    assert json.dumps(ptm.run("torch", "list", "./mine").stdout)
