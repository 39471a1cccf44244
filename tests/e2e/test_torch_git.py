# SPDX-License-Identifier: MIT
"""How `ptm torch fetch` talks to git servers: only what matters is asked for, --retries counts, and a server that answers without end is
left. The archives come from nginx; what is asked of git for owners "odd" comes from a server here that misbehaves."""
import http.server
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest

from conftest import PTM as PTM_COMMAND
from conftest import hub_ptm
from github import GitHub

HUBCONF = "def entry():\n    \"\"\"There.\"\"\"\n"
ENV = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def packets(*lines):
    return b"".join(b"%04x" % (len(line) + 4) + line if line else b"0000" for line in lines)


class Odd(http.server.BaseHTTPRequestHandler):
    """answers: functions that write one answer each, the last one again and again. asked: who asked for what."""
    protocol_version = "HTTP/1.0"
    answers, asked = [], []

    def do_GET(self):
        Odd.asked.append((self.headers["User-Agent"], self.command, self.path))
        answer = Odd.answers.pop(0) if len(Odd.answers) > 1 else Odd.answers[0]
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough

    do_POST = do_GET

    def log_message(self, *args):
        pass

    def start(self, status=200):
        self.send_response(status)
        self.end_headers()
        return self.wfile.write


@pytest.fixture(scope="module")
def odd_port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        yield server


@pytest.fixture
def ptm(tmp_path, github, odd_port):
    """Archives of odd/.. are asked of nginx, all else of it of the server here."""
    made = hub_ptm(tmp_path, github)
    web = github.rewritten("https://github.com/")
    made.env["PTM_REWRITE"] += f" https://github.com/odd/=http://127.0.0.1:{odd_port}/ https://github.com/odd/x/zipball/={web}odd/x/zipball/"
    Odd.asked.clear()
    return made


def fail(status):
    return lambda odd: odd.start(status)(b"no")


def drop(odd):
    odd.close_connection = True


def old_server(github):
    """As git before 2.18, and a proxy that drops Git-Protocol."""
    def answer(odd):
        refs = subprocess.run(["git", "upload-pack", "--http-backend-info-refs", github.bare("odd/x")], env=ENV, stdout=subprocess.PIPE, check=True)
        odd.start()(packets(b"# service=git-upload-pack\n", b"") + refs.stdout)
    return answer


def fetch(ptm, ref="main", *options, expect=3, **env):
    return ptm.run("torch", "fetch", f"odd/x:{ref}", *options, expect=expect, **env).stderr


def test_pull_requests_are_not_asked_for(ptm, github):
    sha = github.publish("acme/busy", {"hubconf.py": HUBCONF})
    with open(github.bare("acme/busy") / "packed-refs", "w") as refs:
        refs.write("# pack-refs with: peeled fully-peeled sorted \n")
        refs.writelines(f"{sha} refs/pull/{i:05}/head\n" for i in range(20000))
    github.forget()
    ptm.run("torch", "fetch", "acme/busy:main")
    assert github.count("POST", "/acme/busy/git-upload-pack") == 1
    assert sum(row[3] for row in github.requests() if "/acme/busy/" in row[4]) < 20000


def test_old_servers_are_understood(ptm, github):
    first = github.publish("odd/x", {"hubconf.py": HUBCONF}, tags={"v1": "annotated"})
    github.publish("odd/x", {"more": "1"}, tags=["v2"])
    Odd.answers = [old_server(github)]
    for ref in ("v1", "v2", "main", first[:9]):
        fetch(ptm, ref, expect=0)
        assert first in (ptm.hub / f"odd_x_{ref}/.ptm-hub.json").read_text() or ref in ("v2", "main")
    assert {command for _, command, _ in Odd.asked} == {"GET"}


def test_no_password_goes_in_clear_where_a_redirect_leads(ptm, github, odd_port):
    """~/.netrc has one for the host that whoever answers names."""
    github.publish("odd/x", {"hubconf.py": HUBCONF})
    home = pathlib.Path(ptm.env["HOME"])
    (home / ".netrc").write_text("machine localhost login me password secret\n")
    (home / ".netrc").chmod(0o600)
    told = []

    def moved(odd):
        odd.send_response(302)
        odd.send_header("Location", f"http://localhost:{odd_port}/x/info/refs?service=git-upload-pack")
        odd.end_headers()

    def two(odd):
        odd.start()(packets(b"# service=git-upload-pack\n", b"", b"version 2\n", b""))

    def listens(odd):
        told.append((odd.command, odd.headers["Authorization"]))
        odd.start(403)(b"no")

    Odd.answers = [fail(401), moved, two, listens]
    fetch(ptm, "main", "--retries", 0, expect=None)
    assert told[0] == ("POST", None), told


@pytest.mark.parametrize("trouble", [fail(503), drop], ids=["503", "dropped"])
def test_retries_count(ptm, github, trouble):
    github.publish("odd/x", {"hubconf.py": HUBCONF})
    for retries in (0, 2):
        Odd.answers = [trouble]
        Odd.asked.clear()
        fetch(ptm, "main", "--retries", retries)
        assert len(Odd.asked) == retries + 1
    Odd.answers = [trouble, trouble, old_server(github)]
    fetch(ptm, "main", "--retries", 2, expect=0)


def test_retries_count_for_git_itself(ptm, github):
    """Only git's own looking through the commits has trouble."""
    inside = github.publish("odd/x", {"hubconf.py": HUBCONF, "inside": "1"})
    github.publish("odd/x", {"inside": "2"})
    for retries in (0, 1):
        Odd.answers = [old_server(github), fail(503)]
        Odd.asked.clear()
        fetch(ptm, inside, "--retries", retries)
        assert len([agent for agent, _, _ in Odd.asked if re.match(r"git/\d", agent)]) == retries + 1


def test_credentials_are_shown_to_who_asks_for_them(ptm, github):
    """GitHub refuses wrong ones also for what is public."""
    shown = []

    def public(odd):
        shown.append(odd.headers["Authorization"])
        fail(401)(odd) if shown[-1] else old_server(github)(odd)

    def private(odd):
        shown.append(odd.headers["Authorization"])
        old_server(github)(odd) if shown[-1] else fail(401)(odd)

    github.publish("odd/x", {"hubconf.py": HUBCONF})
    Odd.answers = [public]
    fetch(ptm, "main", expect=0, GITHUB_TOKEN="expired")
    assert shown == [None]
    Odd.answers = [private]
    fetch(ptm, "main", "--force-reload", expect=0, GITHUB_TOKEN="good")
    assert shown[1] is None and shown[2].startswith("Basic ") and len(shown) == 3


def test_what_is_no_git_server_is_named(ptm, github):
    def page(odd):
        odd.start()(b"<!DOCTYPE html><title>Sign in to the network</title>")
    Odd.answers = [page]
    assert "no git server" in fetch(ptm)


def test_what_the_server_says_is_told(ptm, github):
    Odd.answers = [lambda odd: odd.start()(packets(b"# service=git-upload-pack\n", b"", b"ERR closed\x1b[2J for today"))]
    err = fetch(ptm)
    assert "closed" in err and "for today" in err and "\x1b" not in err


def endless(line):
    def answer(odd):
        write = odd.start()
        write(packets(b"# service=git-upload-pack\n", b"", b"version 2\n", b""))
        if odd.command == "POST":
            block = packets(*[line] * (1 + (1 << 20) // len(line)))
            while True:
                write(block)
    return answer


# A small process starts it: what the one of the tests has in memory would count as ours.
MEASURE = "import resource, subprocess, sys; status = subprocess.run(sys.argv[1:]).returncode; " \
          "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)"


@pytest.mark.parametrize("line", [b"a" * 40 + b" refs/heads/" + b"x" * 10, b"a" * 40 + b" refs/heads/" + b"x" * 65000], ids=["short", "long"])
def test_a_list_without_end_is_left(ptm, github, line):
    """In bounds of time and memory: git's own way was to keep it all."""
    Odd.answers = [endless(line)]
    done = subprocess.run([sys.executable, "-c", MEASURE, PTM_COMMAND, "torch", "fetch", "odd/x:main"], env=ptm.env, cwd=ptm.folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=240)
    said = done.stderr
    assert done.returncode == 3 and "more than" in said and "branches and tags" in said, said
    built_plain = b"__asan_init" not in open(PTM_COMMAND, "rb").read()
    assert int(done.stdout) < (100 << 10) or not built_plain
    assert len(Odd.asked) == 2  # asking again would not help
