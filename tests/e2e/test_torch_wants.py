# SPDX-License-Identifier: MIT
"""What entry points download: asked for from inside the sandbox, fetched outside, from GitHub and other hosts on loopback."""
import contextlib
import http.server
import json
import os
import threading

import hub_samples
import pytest
from github import TOKEN, GitHub
from run_entry import Runner, forbidden, needs_torch

pytestmark = pytest.mark.skipif(forbidden() is not None, reason=str(forbidden()))

FETCHER = '''
import os, urllib.request

def body(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "x"})) as answer:
        return [answer.read().decode(), answer.headers["Content-Length"], answer.geturl()]

def retrieve(url):
    return open(urllib.request.urlretrieve(url)[0]).read()

def many(url, n):
    told = []
    for i in range(n):
        try:
            body(url + "?" + str(i))
            told.append("")
        except OSError as why:
            told.append(str(why))
    return told

def refused(url):
    try:
        body(url)
    except OSError as why:
        return str(why)

def secret(url):
    return body(url)

def others():
    import threading
    urls, told = ["https://files.example.org/a.txt"] * 8, []
    threads = [threading.Thread(target=lambda url=url: told.append(body(url)[0])) for url in urls]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return told
'''

WEIGHTS = '''
dependencies = ["torch"]
import os, torch
from torch.hub import download_url_to_file, load_state_dict_from_url
from torch.utils import model_zoo

URL = "https://files.example.org/"

def cached(name="w.pth"):
    return load_state_dict_from_url(URL + name)

def checked(name):
    return load_state_dict_from_url(URL + name, check_hash=True)

def zoo():
    return model_zoo.load_url(URL + "w.pth", map_location="cpu")

def named():
    return load_state_dict_from_url(URL + "w.pth", file_name="other.pth")

def beside():
    return load_state_dict_from_url(URL + "w.pth", model_dir=os.path.dirname(__file__))

def to_file(folder):
    path = os.path.join(folder, "mine.pth")
    download_url_to_file(URL + "w.pth", path, progress=False)
    return torch.load(path)

def nested(repo="acme/models"):
    return torch.hub.load(repo, "bundled")
'''


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        server.file("a.txt", b"text of a")
        server.file("page.pth", b"<!DOCTYPE html><title>Sign in</title>")
        yield server


@pytest.fixture
def runner(github, tmp_path):
    return Runner(tmp_path, github.rewrites)


@pytest.fixture(scope="module")
def weights(github):
    """URL of a state dict whose every element is 2, and the same under a name with its hash."""
    import hashlib
    data = hub_samples.example_weights(value=2.0)
    digest = hashlib.sha256(data).hexdigest()
    github.file("w.pth", data)
    github.file(f"w-{digest[:8]}.pth", data)
    github.file("w-00000000.pth", data)
    return f"w-{digest[:8]}.pth"


def tensors_are(runner, value):
    import numpy
    data = (runner.out / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    return bool((numpy.frombuffer(data[start:], dtype="<f4") == value).all())


def downloads(github, path):
    return github.count("GET", path, host="files.example.org", status=200)


def test_urlopen_is_answered(runner, github):
    runner.write(FETCHER)
    assert runner.value("body", "https://files.example.org/a.txt") == ["text of a", "9", "https://files.example.org/a.txt"]
    assert "the entry point asks for https://files.example.org/a.txt" in runner.last.stderr
    assert json.loads((runner.out / "description.json").read_text())["urls"] == ["https://files.example.org/a.txt"]
    assert runner.load("retrieve", "https://files.example.org/a.txt")["result"]["value"] == "'text of a'"
    assert runner.value("others") == ["text of a"] * 8
    assert "not_found" not in runner.last.stderr and "404" in runner.load("refused", "https://files.example.org/absent")["result"]["value"]
    assert not list((runner.hub / "checkpoints").iterdir()), "bodies do not stay in the cache"


def test_downloads_are_counted(runner):
    told = runner.write(FETCHER).value("many", "https://files.example.org/a.txt", "66")
    assert told[:64] == [""] * 64 and all("more than 64 downloads" in text for text in told[64:])
    assert "does not stop asking" in runner.fails("many", "https://files.example.org/a.txt", "999")


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/x", "http://localhost/x", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://router.lan/x",
                                 "http://169.254.169.254/latest/", "http://metadata.google.internal/", "http://intranet/x", "http://127.0.0.1./"])
def test_addresses_of_the_users_own_network_are_refused(runner, url):
    assert "addresses of your own network" in runner.write(FETCHER).load("refused", url)["result"]["value"]


@contextlib.contextmanager
def small_server(target=None):
    """A port that redirects to target, or has a secret; and how often it was asked."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen += 1
            self.send_response(302 if target else 200)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *_args):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        one.seen = 0
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        try:
            yield one
        finally:
            one.shutdown()
            thread.join()


def test_redirects_do_not_lead_into_the_users_own_network(runner):
    with small_server() as inside, small_server(f"http://127.0.0.1:{inside.server_port}/latest") as outside:
        runner.options += ["--rewrite", f"http://evil.example.org/=http://127.0.0.1:{outside.server_port}/"]
        assert "address of your own network" in runner.write(FETCHER).load("refused", "http://evil.example.org/x")["result"]["value"]
        assert (outside.seen, inside.seen) == (1, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="another /etc/hosts needs root")
def test_names_do_not_lead_into_the_users_own_network(runner):
    (runner.folder / "hosts").write_text("127.0.0.1 localhost evil.example.org\n::1 six.example.org\n")
    runner.prefix = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(runner.folder / "hosts"), "/etc/hosts", "--"]
    with small_server() as inside:
        for host in ("evil", "six"):
            url = f"http://{host}.example.org:{inside.server_port}/x"
            assert "address of your own network" in runner.write(FETCHER).load("refused", url)["result"]["value"]
        assert inside.seen == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="another /etc/hosts needs root")
def test_proxies_of_others_open_no_way_into_the_users_own_network(runner):
    (runner.folder / "hosts").write_text("127.0.0.1 localhost evil.example.org\n")
    runner.prefix = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(runner.folder / "hosts"), "/etc/hosts", "--"]
    runner.write(FETCHER)
    with small_server() as inside, small_server() as proxy:
        url, at = f"http://evil.example.org:{inside.server_port}/x", f"http://127.0.0.1:{proxy.server_port}"
        for env in ({"https_proxy": at}, {"http_proxy": at, "no_proxy": "*"}, {"http_proxy": "", "HTTPS_PROXY": at}):
            assert "address of your own network" in runner.load("refused", url, **env)["result"]["value"], env
        assert (inside.seen, proxy.seen) == (0, 0)
        for i, env in enumerate(({"http_proxy": at}, {"http_proxy": at, "no_proxy": "example.org"}, {"ALL_PROXY": at, "NO_PROXY": "evil.example.org"})):
            assert runner.load("body", url + str(i), **env)["result"]["value"].startswith("['secret'"), env
        assert (inside.seen, proxy.seen) == (0, 3)


PLANTER = '''
import json, os, sys, time

def plant(url, name, prefix=None):
    """The question as hostile code would put it, past what the driver does."""
    main = sys.modules["__main__"]
    wire = next(one for one in __import__("gc").get_objects() if type(one) is main.Wire)
    try:
        return wire.ask(want=url, name=name, hash=prefix)
    except OSError as why:
        return str(why)
'''


def test_the_cache_cannot_be_planted_with_other_weights(runner, weights):
    """Names that promise a hash hold it, whatever the code says; the halves of downloads are not theirs to write."""
    runner.write(PLANTER)
    url = "https://files.example.org/w.pth"
    for options in ([], ["--fresh"]):
        for more in ([], ["prefix=" + weights[2]], ["prefix=" + weights[2:10]]):
            assert "promises another file" in runner.value("plant", url, "resnet18-f37072fd.pth", *more, options=options)
        for name in ("a.pth.ptm-part", "a.pth.ptm-part.meta", "a.pth.ptm-lock"):
            assert "unfinished" in runner.value("plant", url, name, options=options)
        for name in ("../x", "a/../../x", "/tmp/x", ".", ""):
            assert not runner.value("plant", url, name, options=options).startswith("/")
    assert not list((runner.hub / "checkpoints").iterdir())
    assert runner.value("plant", url, weights, "prefix=" + weights[2]).endswith(weights)


def test_requests_carry_no_credentials(runner, github):
    """The user's token opens the repository, and does not go where its code sends us."""
    github.publish("secret/model", {"hubconf.py": FETCHER})
    url = "https://github.com/secret/model"
    before = len(github.requests())
    options = ["--trust"]
    assert "404" in runner.load("refused", url, repo="secret/model", options=options, GITHUB_TOKEN=TOKEN)["result"]["value"]
    rows = [row for row in github.requests()[before:] if row[4] == "/secret/model"]
    assert rows and all(row[6] == "" for row in rows)


def test_trust_comes_first(runner, github):
    github.publish("acme/text", {"hubconf.py": "def hello():\n    return 'hello'\n"})
    assert runner.fails("hello", repo="acme/text").startswith("credentials: ")
    described = runner.load("hello", repo="acme/text", options=["--trust"])
    assert described["result"]["value"] == "'hello'" and described["repo"] == "acme/text:main" and len(described["commit"]) == 40
    assert runner.load("hello", repo="acme/text:main")["result"]["value"] == "'hello'"
    assert "hello" in runner.run("list", "acme/text").stdout
    assert not list(runner.hub.rglob("__pycache__"))


@needs_torch
def test_weights_are_fetched_once_into_the_cache(runner, github, weights):
    runner.write(WEIGHTS)
    before = downloads(github, "/w.pth")
    assert runner.load("cached")["result"]["tensors"] == 8 and tensors_are(runner, 2.0)
    assert (runner.hub / "checkpoints/w.pth").exists()
    for entry in ("cached", "zoo", "beside"):
        assert runner.load(entry)["result"]["tensors"] == 8
    assert downloads(github, "/w.pth") == before + 1
    runner.load("named")
    assert (runner.hub / "checkpoints/other.pth").exists() and not list(runner.repo.glob("*.pth"))
    runner.load("cached", options=["--fresh"])
    assert downloads(github, "/w.pth") == before + 3


@needs_torch
def test_hashes_and_pages(runner, weights):
    runner.write(WEIGHTS)
    runner.load("checked", weights)
    assert 'invalid hash value (expected "00000000"' in runner.fails("checked", "w-00000000.pth")
    assert "HTML" in runner.fails("cached", "page.pth")
    assert sorted(path.name for path in (runner.hub / "checkpoints").iterdir() if "part" not in path.name) == [weights]


@needs_torch
def test_a_download_to_any_place(runner, github, weights):
    runner.write(WEIGHTS)
    before = downloads(github, "/w.pth")
    for _ in range(2):
        assert runner.load("to_file", "folder=/tmp")["result"]["tensors"] == 8
    assert downloads(github, "/w.pth") == before + 1
    assert "only /tmp can be written" in runner.fails("to_file", f"folder={runner.repo}")


@needs_torch
def test_the_example_of_torch_itself(runner, github):
    hub_samples.torchhub_example(github)
    for entry in ("mnist", "mnist_zip", "mnist_zip_1_6"):
        described = runner.load(entry, "pretrained=True", repo=hub_samples.EXAMPLE, options=["--trust"])
        assert described["result"]["parameters"] == hub_samples.EXAMPLE_SUM and tensors_are(runner, 1.0)


@needs_torch
def test_repositories_that_entry_points_load_from(runner, github):
    hub_samples.models(github)
    runner.write(WEIGHTS)
    said = runner.fails("nested")
    assert "acme/models" in said and "trust" in said
    runner.run("list", "acme/models", options=["--trust"])
    assert runner.load("nested")["result"]["type"] == "models.tiny.Tiny"
    assert runner.load("pair", repo="acme/models")["result"]["items"][1]["kind"] == "function"
    assert "expected OWNER/NAME" in runner.fails("nested", "repo=a/b/c")
