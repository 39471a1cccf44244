# SPDX-License-Identifier: MIT
"""Hubs, repositories and LFS servers that lie, and a disk that fails: nothing escapes, nothing is lost, and ptm says what happened.

Each test has a server of its own (World): a few answers by path, git over HTTP for repositories made here, and a log of all requests.
A second World stands for another host.
"""
import functools
import gzip
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import threading
import time
import urllib.parse
from http.server import ThreadingHTTPServer

import pytest

import sample_hubs
from conftest import Ptm

HF_LIST = "huggingface.co/api/models"
MH_LIST = "raw.githubusercontent.com/modelhub-ai/modelhub/master/models.json"
MZ_LIST = "modelzoo.co/api/models/0/"
TOKEN = "hf_SecretSecretSecret"
ESCAPE = "\x1b[31mred\x1b]0;title\x07"


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that hang up on us are what these tests want."""


class Handler(sample_hubs.Handler):
    world = None

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def dispatch(self, body):
        target = self.path.lstrip("/")
        with self.world.lock:
            self.world.log.append((self.command, target, dict(self.headers.items())))
        self.body = body
        path = urllib.parse.unquote(target.partition("?")[0])
        answer = self.world.routes.get(path)
        if answer is None:
            for prefix, candidate in self.world.prefixes.items():
                if path.startswith(prefix):
                    answer = candidate
        if callable(answer):
            return answer(self)
        if answer is not None:
            return self.reply(200, answer if isinstance(answer, (bytes, dict, list)) else answer.encode())
        host, _, rest = path.partition("/")
        if rest.endswith(("/info/refs", "/git-upload-pack")):
            return self.git_backend(host, rest, target.partition("?")[2], body)
        if rest.endswith("/info/lfs/objects/batch"):
            return self.lfs_batch(host, rest, body)
        if rest.startswith("lfs/"):
            return self.send_object(rest[4:])
        return self.reply(404, {"error": "not here"})


class World:
    """routes: path -> JSON, bytes, or a function of the handler; repositories by fast-import, so that nothing is too odd."""

    def __init__(self, folder):
        self.folder, self.routes, self.prefixes, self.log, self.lock = str(folder), {}, {}, [], threading.Lock()
        self.objects, self.lost, self.failed_once = {}, set(), set()
        os.makedirs(self.folder, exist_ok=True)
        handler = type("WorldHandler", (Handler,), {"world": self, "hubs": self})
        self.server = Quiet(("127.0.0.1", 0), handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def requests(self, part=""):
        with self.lock:
            return [entry for entry in self.log if part in entry[1]]

    def git(self, path, *args, data=None):
        env = {"PATH": os.environ["PATH"], "HOME": self.folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
        return subprocess.run(["git", "-C", path, *args], env=env, input=data, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def repository(self, name, files, host="huggingface.co"):
        """files: path -> bytes, or (mode, bytes). A sample_hubs.Large becomes a pointer and is served."""
        bare = os.path.join(self.folder, host, name + ".git")
        os.makedirs(bare)
        self.git(bare, "init", "-q", "--bare", "-b", "main", ".")
        out = bytearray(b"commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx")
        for path, content in files.items():
            mode, content = content if isinstance(content, tuple) else ("100644", content)
            if isinstance(content, sample_hubs.Large):
                self.objects[content.oid] = content.data
                content = content.pointer()
            if mode == "160000":
                out += f"\nM 160000 {content} {path}".encode()
                continue
            out += f"\nM {mode} inline {path}\ndata {len(content)}\n".encode() + content
        self.git(bare, "fast-import", "--quiet", data=bytes(out) + b"\n")
        return self.git(bare, "rev-parse", "main").decode().strip()

    def huggingface(self, *models):
        """A listing of these: names, or whole records."""
        records = [{"_id": f"65{number:022x}", "id": model, "downloads": 1000 - number, "tags": []} if isinstance(model, str) else model
                   for number, model in enumerate(models)]
        self.routes[HF_LIST] = json.dumps(records)
        for record in records:
            if isinstance(record.get("id"), str):
                self.routes[f"huggingface.co/api/models/{record['id']}"] = record
        return records


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "world")
    yield world
    world.close()


@pytest.fixture
def other(tmp_path):
    world = World(tmp_path / "other")
    yield world
    world.close()


@pytest.fixture
def ptm(tmp_path, world):
    (tmp_path / "user").mkdir()
    ptm = Ptm(tmp_path / "user", sample_hubs.rewrites(world.port))
    return ptm


def failures(ptm):
    return ptm.json_lines("failures")


def outside(ptm):
    """Everything below the user's folder but outside of the root."""
    return sorted(str(path.relative_to(ptm.folder)) for path in ptm.folder.rglob("*")
                  if ptm.root not in path.parents and path != ptm.root)


def printable(text):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(text)


def no_crash(result):
    assert result.returncode in (0, 1, 2, 3), f"{result.returncode}\n{result.stderr}"
    printable(result.stdout)
    printable(result.stderr)
    return result


# --- names that are path tricks

TRICKS = ["../../../evil", "..", ".", "../evil", "evil/..", "a/../b", "/etc/passwd", "//host/x", "a//b", ".git/config", "a/.git", "a/.GIT", "a/git~1",
          "a/.git.", "a/.git::$INDEX_ALLOCATION", "a/.g\u200cit", "a\x00b/c", "a/b\x00", "a/b\nc", "a/\x1b[31m", "a/" + "n" * 300, "n" * 5000 + "/a", "a/b ", "a/b.",
          "a\\b", "a/b\\..\\c", "C:/x", "a/b?c", "a/b#c", "a/b%2f..%2f..", "a/b/c", "", " ", "a/-b/../..", "a/\u202egnp", "-x/--upload-pack=touch x",
          "a/b@c", "a:b/c", "@/x", "a/~", "~root/x", "a/$(id)", "a/`id`", "a/%s%n"]


def test_names_of_huggingface(ptm, world):
    good = world.repository("acme/good", {"README.md": b"# good\n"})
    world.huggingface("acme/good", *TRICKS)
    no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", expect=2))
    names = [record["ModelName"] for record in ptm.records("huggingface")]
    assert "acme/good" in names
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?", name), name
    assert {str(path.relative_to(ptm.root)) for path in ptm.root.glob("huggingface/repos/*/*")} == {"huggingface/repos/acme/good"}
    assert (ptm.repo("huggingface", "acme", "good") / "README.md").is_file() and good
    assert len([row for row in failures(ptm) if row["reason"] in ("unsafe_name", "malformed")]) > 20
    assert set(outside(ptm)) == {"home"}
    no_crash(ptm.run("failures"))
    no_crash(ptm.run("status"))
    assert not [target for _, target, _ in world.requests() if ".." in target or "etc/passwd" in target]


def test_two_repositories_that_differ_in_case(ptm, world):
    for name in ("Acme/Model", "acme/model"):
        world.repository(name, {"README.md": name.encode()})
    world.huggingface("Acme/Model", "acme/model")
    ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", expect=2)
    assert [record["ModelName"] for record in ptm.records("huggingface")] == ["Acme/Model", "acme/model"]
    assert (ptm.repo("huggingface", "Acme", "Model") / "README.md").read_bytes() == b"Acme/Model"
    assert not ptm.repo("huggingface", "acme", "model").exists()
    rows = failures(ptm)
    assert [row["reason"] for row in rows] == ["unsafe_name"] and "Acme" in rows[0]["message"], rows


def zoo(slug, **more):
    return {"slug": slug, "title": "T", "description": None, "stars": 1, "link": None, "framework": "F", "categories": [], **more}


def test_names_of_modelzoo(ptm, world):
    entries = [zoo(trick) for trick in TRICKS] + [zoo("good", link="https://github.com/acme/zoo"), zoo("dashes", link="https://github.com/--upload-pack=x/y"),
               zoo("up", link="https://github.com/../../x"), zoo("up2", link="https://github.com/%2e%2e/%2e%2e"), zoo("file", link="file:///etc"),
               zoo("ext", link="ext::sh -c touch% /tmp/x"), zoo("git", link="https://github.com/.git/.git"), zoo("scp", link="git@github.com:../../x.git"),
               zoo("user", link="https://user:password@github.com/acme/zoo"), zoo("nul", link="https://github.com/a\x00b/c"), zoo("half", title="HALF"), zoo("colors", title=ESCAPE, link=ESCAPE),
               zoo("local", link="/etc/passwd"), zoo("option", link="--upload-pack=touch /tmp/x"), zoo("fd", link="http://[::1"), zoo("n", link="n" * 100000)]
    world.repository("acme/zoo", {"README.md": b"# zoo\n"}, host="github.com")
    # Half of a surrogate pair is no JSON: that entry alone is lost.
    world.routes[MZ_LIST] = json.dumps({"models": entries}).replace("HALF", "\\ud800")
    for entry in entries:
        world.routes[f"modelzoo.co/api/models/{entry['slug']}/"] = {**entry, "long_desc": ESCAPE, "papers": {ESCAPE: ESCAPE}}
    no_crash(ptm.run("run", "modelzoo", "--retries", "0", expect=2))
    assert "good" in {record["ModelHub"]["MetadataObjectID"] for record in ptm.records("modelzoo")} or len(ptm.records("modelzoo")) > 3
    assert {str(path.relative_to(ptm.root)) for path in ptm.root.glob("modelzoo/repos/*/*")} == {"modelzoo/repos/acme/zoo"}
    assert set(outside(ptm)) == {"home"}
    for path in ptm.root.rglob("*"):
        printable(str(path))
    no_crash(ptm.run("status"))
    no_crash(ptm.run("failures"))
    assert "password" not in (ptm.repo("modelzoo", "acme", "zoo") / ".git/config").read_text()


def test_names_of_modelhub(ptm, world):
    world.repository("acme/net", {"README.md": b"# net\n"}, host="github.com")
    links = ["https://github.com/acme/net", "https://github.com/../..", "file:///etc", "https://github.com/a/.git", "https://127.0.0.1:1/a/b", None, 7, [], {}, "",
             "https://github.com/acme/net/../../../x", ESCAPE]
    world.routes[MH_LIST] = [{"id": f"{n:04}", "name": TRICKS[n], "task_extended": ESCAPE, "github": link, "github_branch": trick, "backend": []}
                             for n, (link, trick) in enumerate(zip(links, ["main", "--upload-pack=x", "../x", "", None, 1, [], {}, "a b", "\x1b[1m", "a..b", "x"]))]
    no_crash(ptm.run("run", "modelhub", "--retries", "0", expect=2))
    assert {str(path.relative_to(ptm.root)) for path in ptm.root.glob("modelhub/repos/*/*")} <= {"modelhub/repos/acme/net"}
    assert set(outside(ptm)) == {"home"}


# --- answers that are no lists

def send(body, status=200, **headers):
    return lambda handler: handler.reply(status, body, **headers)


def cut(handler):
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'[{"_id": "650000000000000000000000", "id": "acme/x", "downloads": 1}, {"_id"')
    handler.close_connection = True


@functools.lru_cache(None)
def zeros(size):
    return gzip.compress(bytes(size), 6)


def bomb(handler):
    handler.reply(200, zeros(300 << 20), Content_Encoding="gzip", Content_Type="application/json")


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    handler.close_connection = True
    piece = b'{"id":"a/b","_id":"1"},' * 4096
    handler.wfile.write(b"[")
    for _ in range(20000):
        handler.wfile.write(piece)


BAD_ANSWERS = {
    "empty": send(b""), "html": send(b"<!DOCTYPE html><html><body>Just a moment...</body></html>", Content_Type="text/html"), "null": send(b"null"),
    "number": send(b"17"), "string": send(b'"x"'), "object": send(b"{}"), "list of numbers": send(b"[1,2,3]"), "cut JSON": send(b'[{"id":"a/b"},{"id"'),
    "list in list": send(b"[[[]]]"), "deep": send(b"[" * 200000), "deep objects": send(b'{"models":' * 100000), "binary": send(bytes(range(256)) * 64),
    "nul": send(b"[\0]"), "bare NaN": send(b"[NaN]"), "trailing": send(b"[] []"), "wrong gzip": send(b"[]", Content_Encoding="gzip"),
    "cut gzip": send(gzip.compress(b"[" + b"1," * 5000 + b"1]")[:-20], Content_Encoding="gzip"), "bomb": bomb, "cut body": cut, "endless": endless,
    "unknown encoding": send(b"[]", Content_Encoding="zebra"), "teapot": send(b"\x1b[31mred", status=418), "no content": send(b"", status=204)}
LISTS = {"huggingface": HF_LIST, "modelhub": MH_LIST, "modelzoo": MZ_LIST}


@pytest.mark.parametrize("hub", LISTS)
def test_answers_that_are_no_list(ptm, world, hub):
    good = {"huggingface": [{"_id": "65" + "0" * 22, "id": "acme/kept", "downloads": 1}],
            "modelhub": [{"id": "0001", "name": "kept", "task_extended": "t", "github": "https://github.com/acme/kept", "github_branch": "main", "backend": []}],
            "modelzoo": {"models": [zoo("kept")]}}[hub]
    world.routes[LISTS[hub]] = good
    world.routes["modelzoo.co/api/models/kept/"] = zoo("kept")
    ptm.run("list", hub)
    ptm.run("schema", hub)
    before = (ptm.root / hub / f"json/{hub}.json").read_bytes()
    took = {}
    for name, answer in BAD_ANSWERS.items():
        world.routes[LISTS[hub]] = answer
        started = time.monotonic()
        result = no_crash(ptm.run("list", hub, "--retries", "0", expect=None, timeout=60))
        took[name] = round(time.monotonic() - started, 1)
        if (hub, name) != ("huggingface", "trailing"):
            assert result.returncode in (2, 3) and hub in result.stderr, f"{name}: {result.returncode} {result.stderr}"
        ptm.run("schema", hub)
        assert (ptm.root / hub / f"json/{hub}.json").read_bytes() == before, f"{name}: what was known is lost"
    print(hub, took)


# --- fields of the wrong type

def wrong_values(deep):
    yield from (None, True, 0, -1, 1e308, 2 ** 63 - 1, 2 ** 63, -2 ** 63, 10 ** 30, "", "x" * 1_000_000, ESCAPE, "\x00", "../../x", [], [None], [[]], [1, "a", {}], {}, {"a": None}, {"": {"": []}})
    nested = "x"
    for _ in range(deep):
        nested = [nested]
    yield nested


def mutants(record, keep=()):
    """The record with each of its fields, and each field of its objects, replaced by each wrong value."""
    for name, value in record.items():
        for wrong in wrong_values(40):
            yield {**record, name: wrong}
        if name not in keep:
            yield {key: rest for key, rest in record.items() if key != name}
        if isinstance(value, dict):
            for inner in value:
                for wrong in wrong_values(30):
                    yield {**record, name: {**value, inner: wrong}}
        if isinstance(value, list) and value:
            for wrong in wrong_values(30):
                yield {**record, name: [wrong, *value, wrong]}


RICH = {"author": "acme", "likes": 1, "private": False, "downloads": 5, "downloadsAllTime": 50, "gated": "auto", "disabled": False, "sha": "a" * 40,
        "usedStorage": 7, "createdAt": "2024-01-01T00:00:00.000Z", "lastModified": "2024-01-01T00:00:00.000Z", "pipeline_tag": "fill-mask",
        "library_name": "transformers", "tags": ["license:mit", "dataset:a/b", "arxiv:1810.04805", "doi:10.1/x", "base_model:a/b"],
        "config": {"model_type": "bert", "architectures": ["A"]}, "cardData": {"license": "mit", "datasets": ["a/b"], "license_name": "x", "base_model": ["a/b"]},
        "siblings": [{"rfilename": "a", "size": 3, "lfs": {"sha256": "b" * 64, "size": 3}}], "safetensors": {"parameters": {"F32": 10}, "total": 10},
        "gguf": {"total": 1, "architecture": "x"}, "baseModels": {"relation": "finetune", "models": [{"_id": "1", "id": "a/b"}]},
        "transformersInfo": {"auto_model": "x"}, "model-index": [{"name": "x", "results": []}]}


def small(values, most=12):
    """Megabytes of x are wanted a few times, not hundreds."""
    large = 0
    for value in values:
        if len(json.dumps(value)) > 500_000:
            large += 1
            if large > most:
                continue
        yield value


def test_fields_of_huggingface(ptm, world):
    records = [{"_id": f"65{n:022x}", "id": f"acme/m{n}", **mutant} for n, mutant in enumerate(small(mutants(RICH)))]
    records += list({"_id": f"66{n:022x}", "id": f"acme/w{n}", name: wrong} for n, (name, wrong) in enumerate(
        (name, wrong) for name in ("_id", "id") for wrong in wrong_values(20) if wrong != "x" * 1_000_000))
    assert len(records) > 700
    pages = [records[at:at + 200] for at in range(0, len(records), 200)]

    def page(handler):
        query = urllib.parse.parse_qs(handler.path.partition("?")[2])
        at = int(query.get("cursor", ["0"])[0])
        link = f'<http://{handler.headers["Host"]}/{HF_LIST}?limit=1000&cursor={at + 1}>; rel="next"'
        return handler.reply(200, pages[at], **({"Link": link} if at + 1 < len(pages) else {}))

    world.routes[HF_LIST] = page
    result = no_crash(ptm.run("run", "huggingface", "--top", "0", expect=None))
    assert result.returncode in (0, 2)
    no_crash(ptm.run("clone", "huggingface", "--top", "100%", "--dry-run"))
    names = {record["ModelName"] for record in ptm.records("huggingface")}
    lost = {record["id"] for record in records if isinstance(record.get("id"), str) and record["id"].startswith("acme/m")} - names
    assert len(lost) < 5, sorted(lost)
    kept = {record["_id"]: record for record in json.loads((ptm.root / "huggingface/json/metadata/hf_metadata.json").read_text())
            if isinstance(record.get("_id"), str)}
    for record in records:
        if str(record["id"]).startswith("acme/m") and record["id"] in names:
            assert kept[record["_id"]] == record, "kept as received"
    for verb in (("status",), ("failures",), ("show", "huggingface/acme/m3")):
        no_crash(ptm.run(*verb))
    ptm.json_lines("show", "huggingface/acme/m3", "--raw")
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((pathlib.Path(__file__).parents[2] / "schemas/ptmtorrent.json").read_text())
    errors = [error.message[:200] for error in jsonschema.Draft202012Validator(schema).iter_errors(ptm.records("huggingface"))]
    assert errors == []


def test_fields_of_modelhub_and_modelzoo(ptm, world):
    hub = {"name": "n", "task_extended": "t", "github": "https://github.com/acme/net", "github_branch": "main", "backend": ["onnx"], "gpu": True}
    world.routes[MH_LIST] = [{"id": f"{n:04}", **mutant} for n, mutant in enumerate(small(mutants(hub), 4))] + [{**hub, "id": wrong} for wrong in wrong_values(20) if wrong != "x" * 1_000_000]
    entry = zoo("x", link="https://github.com/acme/zoo", categories=[{"id": 1, "slug": "s", "title": "t", "short_title": "s"}], long_desc="d", papers={"p": "https://arxiv.org/abs/1409.0473"})
    models = {f"m{n}": mutant for n, mutant in enumerate(small(mutants({key: value for key, value in entry.items() if key != "slug"})))}
    world.routes[MZ_LIST] = {"models": [{**entry, "slug": slug} for slug in models] + [{**entry, "slug": wrong} for wrong in wrong_values(20) if wrong != "x" * 1_000_000]}
    for slug, mutant in models.items():
        world.routes[f"modelzoo.co/api/models/{slug}/"] = {"slug": slug, **mutant}
    for n, wrong in enumerate(wrong_values(100)):
        world.routes[f"modelzoo.co/api/models/m{n}/"] = json.dumps(wrong)
    for name in ("modelhub", "modelzoo"):
        result = no_crash(ptm.run("list", name, "--retries", "0", expect=None))
        assert result.returncode in (0, 2), result.stderr[-2000:]
        ptm.run("schema", name)
        assert len(ptm.records(name)) > 50
        no_crash(ptm.run("failures", name))


# --- where links and redirects lead

@pytest.mark.parametrize("where", ["other", "file", "ftp", "scheme", "self"])
def test_next_page_elsewhere(ptm, world, other, where):
    world.huggingface("acme/one")
    first = world.routes.pop(HF_LIST)
    other.routes["api/models"] = [{"_id": "1" * 24, "id": "stolen/x"}]
    target = {"other": f"http://127.0.0.1:{other.port}/api/models?cursor=1", "file": "file:///etc/passwd", "ftp": "ftp://127.0.0.1/x", "scheme": "javascript:alert(1)",
              "self": f"http://127.0.0.1:{world.port}/{HF_LIST}?cursor=1"}[where]
    world.routes[HF_LIST] = send(first.encode(), Link=f'<{target}>; rel="next"')
    result = no_crash(ptm.run("list", "huggingface", "--retries", "0", expect=None, HF_TOKEN=TOKEN, timeout=60))
    assert result.returncode in (2, 3), result.stderr
    assert TOKEN not in json.dumps(other.requests())
    assert not any("root:" in path.read_text(errors="replace") for path in ptm.root.rglob("*.json"))


def test_endless_pagination_ends(ptm, world):
    def page(handler):
        at = int(urllib.parse.parse_qs(handler.path.partition("?")[2]).get("cursor", ["0"])[0])
        return handler.reply(200, [], Link=f'<http://{handler.headers["Host"]}/{HF_LIST}?cursor={at + 1}>; rel="next"')
    world.routes[HF_LIST] = page
    result = no_crash(ptm.run("list", "huggingface", "--retries", "0", expect=3, timeout=60))
    assert "huggingface.co" in result.stderr and len(world.requests(HF_LIST)) < 100


def redirect(to, status=302):
    return lambda handler: handler.reply(status, b"", Location=to)


@pytest.mark.parametrize("hub", LISTS)
def test_redirects(ptm, world, other, hub):
    other.prefixes[""] = send(b"[]")
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/x", "dict://127.0.0.1/x", "javascript:1", "http://", "//", "http://[", "\x07", "",
                   f"http://127.0.0.1:{other.port}/x", f"http://user:pw@127.0.0.1:{other.port}/x"):
        world.routes[LISTS[hub]] = redirect(target)
        result = no_crash(ptm.run("list", hub, "--retries", "0", expect=None, HF_TOKEN=TOKEN, GITHUB_TOKEN=TOKEN, timeout=60))
        assert result.returncode in ((2, 3) if str(other.port) not in target else (0, 2, 3)), f"{target}: {result.stderr}"
        assert TOKEN not in result.stderr
    assert TOKEN not in json.dumps(other.requests())
    world.routes[LISTS[hub]] = lambda handler: handler.reply(302, b"", Location="/" + LISTS[hub])
    no_crash(ptm.run("list", hub, "--retries", "0", expect=3, timeout=60))
    if hub == "huggingface":
        assert any(TOKEN in json.dumps(headers) for _, _, headers in world.requests(HF_LIST)), "the token goes to its own host"


# --- repositories

OUTSIDE = ("120000", b"/etc/passwd")


def harvested(ptm, world, name, files, expect=0, **env):
    """One repository through clone and describe."""
    world.repository(name, files)
    world.huggingface(name)
    return no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", expect=expect, timeout=90, **env))


@pytest.mark.parametrize("files", [
    {"README.md": OUTSIDE, "config.json": ("120000", b"../../../../../../../../../etc/passwd"), "deep": ("120000", b"../../../../.."), "a": b"a"},
    {"README.md": ("120000", b".git/config"), "config.json": ("120000", b"/proc/self/environ"), "loop": ("120000", b"loop"), "dev": ("120000", b"/dev/zero")},
    {"README.md/README.md": b"a folder", "config.json/x": b"another"},
    {"README.md": b"x" * 50_000_000, "config.json": b"[" * 9_000_000},
    {"README.md": b"---\n" + b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((98 + n, 98 + n) + (97 + n,) * 8) for n in range(9))
     + b"---\n# bomb\n", "config.json": b'{"model_type":' * 5000},
    {"README.md": b"[" * 200_000 + b"](" * 200_000, "config.json": b'{"architectures": [' + b'"A",' * 100_000 + b'"B"]}'},
    {"README.md": b"> " * 300_000 + b"x"},
    {"README.md": b"*a_ " * 250_000},
    {"README.md": ESCAPE.encode() + b"\0\xff\xfe" + b"<script>", "config.json": b"\xff\xfe{\0}"},
    {"README.md": b"", ".gitattributes": b"* filter=evil diff=evil merge=evil text eol=crlf working-tree-encoding=UTF-16\n", "a.txt": b"a\nb\n"},
], ids=["absolute links", "links inside", "folders", "huge", "yaml bomb", "brackets", "quotes", "emphasis", "bytes", "filter"])
def test_odd_repositories(ptm, world, files):
    marker = "root:x:0"
    result = harvested(ptm, world, "acme/odd", files, expect=None)
    assert result.returncode in (0, 2), result.stderr
    for path in [*ptm.root.glob("huggingface/json/**/*"), *ptm.root.glob("huggingface/html/**/*")]:
        assert not path.is_file() or marker not in path.read_text(errors="replace"), path
    assert len(ptm.records("huggingface")) == 1
    with ptm.catalog() as db:
        assert marker not in "\n".join(db.iterdump())


def test_modules_and_configuration_of_a_repository(ptm, world, other, tmp_path):
    """Submodules are not fetched, .lfsconfig's URLs not asked, and no command of any configuration is run."""
    witness = tmp_path / "witness"
    command = f"touch {witness}"
    large = sample_hubs.Large(b"L" * 5000)
    harvested(ptm, world, "acme/config", {
        ".gitmodules": f'[submodule "x"]\n\tpath = sub\n\turl = http://127.0.0.1:{other.port}/sub\n\tupdate = none\n'.encode(), "sub": ("160000", "1" * 40),
        ".lfsconfig": f"[lfs]\n\turl = http://127.0.0.1:{other.port}/lfs\n\tpushurl = http://127.0.0.1:{other.port}/lfs\n[remote \"origin\"]\n"
                      f"\tlfsurl = http://127.0.0.1:{other.port}/lfs\n[lfs \"extension.x\"]\n\tclean = {command}\n\tsmudge = {command}\n"
                      f"[filter \"lfs\"]\n\tsmudge = {command}\n".encode(),
        ".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n*.txt filter=evil\n", "model.bin": large, "a.txt": b"a\n",
        ".gitconfig": f"[core]\n\tfsmonitor = {command}\n".encode(), "hooks/post-checkout": ("100755", f"#!/bin/sh\n{command}\n".encode())})
    clone = ptm.repo("huggingface", "acme", "config")
    assert (clone / "model.bin").read_bytes() == large.data
    assert other.requests() == [] and not witness.exists()
    assert list((clone / "sub").iterdir()) == []
    ptm.run("verify")
    ptm.run("run", "huggingface", "--top", "100%")
    assert not witness.exists()


@pytest.mark.parametrize("text", ["[submodule \"../../x\"]\n\tpath = sub\n\turl = http://127.0.0.1/x\n", "[submodule \"x\"]\n\tpath = -x\n\turl = --upload-pack=touch\n"])
def test_dangerous_submodules_are_refused(ptm, world, text):
    harvested(ptm, world, "acme/modules", {".gitmodules": text.encode(), "a": b"a"}, expect=2)
    commit = world.git(os.path.join(world.folder, "huggingface.co", "acme/modules.git"), "rev-parse", "main").decode().strip()
    assert ptm.json_lines("show", "huggingface/acme/modules")[0]["clone_facts"]["sha"] == commit  # the server was asked: the record has it
    assert not ptm.repo("huggingface", "acme", "modules").exists()
    assert failures(ptm)[0]["reason"] in ("unsafe_name", "corrupt", "git"), failures(ptm)


def evil_tree(world, name, entry, mode="100644"):
    """A repository with a tree entry that git itself would never write."""
    bare = os.path.join(world.folder, "huggingface.co", name + ".git")
    os.makedirs(bare)
    world.git(bare, "init", "-q", "--bare", "-b", "main", ".")
    blob = world.git(bare, "hash-object", "-w", "--stdin", data=b"evil\n").decode().strip()
    at = blob
    parts = entry.split(b"/")
    kind = mode.encode()
    for part in reversed(parts):
        at = world.git(bare, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=kind + b" " + part + b"\0" + bytes.fromhex(at)).decode().strip()
        kind = b"40000"
    commit = world.git(bare, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit-tree", "-m", "x", at).decode().strip()
    world.git(bare, "update-ref", "refs/heads/main", commit)


def test_trees_that_git_would_not_write(ptm, world):
    names = {"up": b"../evil", "dotgit": b".git/hooks/post-checkout", "case": b".GIT/config", "tilde": b"git~1/config", "hfs": ".g\u200cit/config".encode(), "dot": b"./x",
             "slash": b"\\..\\evil", "empty": b""}
    for name, entry in names.items():
        evil_tree(world, f"acme/{name}", entry)
    evil_tree(world, "acme/control", b"a\x1b[31m\nb")
    evil_tree(world, "acme/modlink", b".gitmodules", mode="120000")
    world.huggingface(*(f"acme/{name}" for name in [*names, "control", "modlink"]))
    no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", expect=2))
    refused = {row["id"].rpartition("/")[2] for row in failures(ptm)}
    assert {"up", "dotgit", "case", "tilde", "hfs", "dot", "modlink"} <= refused, refused
    for name in refused:
        assert not ptm.repo("huggingface", "acme", name).exists()
    assert set(outside(ptm)) == {"home"} and not list(ptm.root.rglob("evil"))
    assert list((ptm.root / ".ptm/tmp").iterdir()) == []


# --- large files

def pointer_text(oid, size):
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


def test_pointers_that_lie(ptm, world):
    data = b"d" * 1000
    large = sample_hubs.Large(data)
    other = sample_hubs.Large(b"o" * 1000)
    world.objects[large.oid], world.objects[other.oid] = data, other.data
    texts = {"negative": pointer_text(large.oid, -5), "huge": pointer_text("a" * 64, 2 ** 63 - 1), "over": pointer_text(large.oid, 2 ** 64), "small": pointer_text(other.oid, 10),
             "path": pointer_text("../" * 21 + "x", 10), "upper": pointer_text("A" * 64, 10), "zero": pointer_text("b" * 64, 0),
             "junk": b"version https://git-lfs.github.com/spec/v1\n" + b"x" * 900, "long": pointer_text(large.oid, 1000) + b"ext-0-a sha256:x\n" * 1000}
    files = {f"{name}.bin": text for name, text in texts.items()}
    harvested(ptm, world, "acme/pointers", {**files, "good.bin": large, ".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"}, expect=2)
    clone = ptm.repo("huggingface", "acme", "pointers")
    assert (clone / "good.bin").read_bytes() == data
    for name, text in texts.items():
        assert (clone / f"{name}.bin").read_bytes() == text, name
    assert ptm.objects() == {large.oid}
    assert not [target for _, target, _ in world.requests("lfs/") if "../" in target]
    no_crash(ptm.run("failures"))


def lfs_answer(action):
    """A batch API that gives what action(handler, oid, size) says for each object."""
    def batch(handler):
        objects = [{"oid": o["oid"], "size": o["size"], **action(handler, o["oid"], o["size"])} for o in json.loads(handler.body)["objects"]]
        return handler.reply(200, json.dumps({"transfer": "basic", "objects": objects}).encode(), Content_Type="application/vnd.git-lfs+json")
    return batch


def endless_bytes(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for _ in range(4000):
        handler.wfile.write(b"x" * 65536)


BODIES = {"wrong": lambda h: h.reply(200, b"X" * 200_000), "more": lambda h: h.reply(200, b"d" * 300_000), "less": lambda h: h.reply(200, b"d" * 100),
          "endless": endless_bytes, "html": lambda h: h.reply(200, b"<html>" * 9), "gzip": lambda h: h.reply(200, zeros(100 << 20), Content_Encoding="gzip"),
          "redirect to file": redirect("file:///etc/passwd"), "loop": lambda h: h.reply(302, b"", Location=h.path), "empty": lambda h: h.reply(200, b""),
          "forbidden": lambda h: h.reply(403, b"expired"), "wrong range": lambda h: h.reply(206, b"d" * 10, Content_Range="bytes 5-14/200000")}


def test_large_files_of_a_lying_server(ptm, world):
    large = {name: sample_hubs.Large(name.encode() * 1000 + b"d" * 200_000) for name in BODIES}
    for name, body in BODIES.items():
        world.repository(f"acme/{name.replace(' ', '-')}", {"model.bin": large[name], "README.md": b"x"})
        world.routes[f"bytes/{large[name].oid}"] = body
    world.huggingface(*(f"acme/{name.replace(' ', '-')}" for name in BODIES))
    batch = lfs_answer(lambda handler, oid, size: {"actions": {"download": {"href": f"http://{handler.headers['Host']}/bytes/{oid}"}}})
    for name in BODIES:
        world.routes[f"huggingface.co/acme/{name.replace(' ', '-')}.git/info/lfs/objects/batch"] = batch
    no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "1", expect=2, timeout=120))
    assert ptm.objects() == set()
    assert len({row["id"] for row in failures(ptm)}) == len(BODIES)
    for name in BODIES:
        assert (ptm.repo("huggingface", "acme", name.replace(" ", "-")) / "model.bin").read_bytes().startswith(b"version https://git-lfs")
    sizes = [path.stat().st_size for path in (ptm.root / ".ptm").rglob("*") if path.is_file() and "catalog" not in path.name]
    assert max([0, *sizes]) <= 210_000, "no more is kept than was declared"
    # An honest server on the second day.
    for name in BODIES:
        world.routes[f"bytes/{large[name].oid}"] = large[name].data
    ptm.run("run", "huggingface", "--top", "100%", "--retries", "1")
    assert ptm.objects() == {item.oid for item in large.values()}
    assert failures(ptm) == []


BATCHES = {"html": send(b"<html>"), "null": send(b"null"), "no objects": send(b"{}"), "objects null": send(b'{"objects":null}'), "deep": send(b'{"objects":' * 10000),
           "strange": send(b'{"objects":[null,1,"x",[],{}]}'), "other transfer": send(b'{"transfer":"\\u001b[31mrsync","objects":[]}'), "status 500": send(b"x", status=500),
           "status 507": send(b"full", status=507), "error text": lfs_answer(lambda h, o, s: {"error": {"code": 404, "message": ESCAPE}}),
           "error type": lfs_answer(lambda h, o, s: {"error": "x"}), "file link": lfs_answer(lambda h, o, s: {"actions": {"download": {"href": "file:///etc/passwd"}}}),
           "no link": lfs_answer(lambda h, o, s: {"actions": {}}), "link type": lfs_answer(lambda h, o, s: {"actions": {"download": {"href": 7}}}),
           "headers": lfs_answer(lambda h, o, s: {"actions": {"download": {"href": "http://127.0.0.1:9/x", "header": {"X\r\nEvil": "1", "Host": "x", "A": "b\r\nC: d", "": ""}}}}),
           "expiry": lfs_answer(lambda h, o, s: {"actions": {"download": {"href": "http://127.0.0.1:9/x", "expires_in": -2 ** 62, "expires_at": "x"}}})}


def test_batch_answers_of_a_lying_server(ptm, world):
    for number, (name, answer) in enumerate(BATCHES.items()):
        world.repository(f"acme/b{number}", {"model.bin": sample_hubs.Large(name.encode() * 500), "README.md": b"x"})
        world.routes[f"huggingface.co/acme/b{number}.git/info/lfs/objects/batch"] = answer
    world.huggingface(*(f"acme/b{number}" for number in range(len(BATCHES))))
    no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", expect=2, timeout=120))
    assert ptm.objects() == set()
    with ptm.catalog() as db:
        told = {row[0] for row in db.execute("select name from repositories where sha is not null")}
    assert len(list(ptm.root.glob("huggingface/repos/acme/*/model.bin"))) == len(BATCHES), told
    no_crash(ptm.run("failures"))


def test_tokens_stay_at_home(ptm, world, other):
    """The object is on another host, by link and by redirect: it gets the file asked for, and no token."""
    one, two, three = (sample_hubs.Large(letter * 3000) for letter in (b"1", b"2", b"3"))
    world.repository("acme/away", {"one.bin": one, "two.bin": two, "three.bin": three, "README.md": b"x"})
    world.huggingface("acme/away")
    other.objects = dict(world.objects)
    other.prefixes["o/"] = lambda handler: handler.send_object(handler.path.rpartition("/")[2])
    elsewhere = f"http://127.0.0.1:{other.port}/o/"
    world.routes[f"r/{two.oid}"] = redirect(elsewhere + two.oid)

    def action(handler, oid, size):
        here = f"http://{handler.headers['Host']}/huggingface.co/lfs/{oid}"
        href = {one.oid: elsewhere + oid, two.oid: f"http://{handler.headers['Host']}/r/{oid}", three.oid: here}[oid]
        return {"actions": {"download": {"href": href, "header": {"Authorization": "Bearer signed-for-this"} if oid == two.oid else {}}}}

    world.routes["huggingface.co/acme/away.git/info/lfs/objects/batch"] = lfs_answer(action)
    world.routes[f"huggingface.co/lfs/{three.oid}"] = three.data
    ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", "-v", "--log", "*:trace", HF_TOKEN=TOKEN)
    assert ptm.objects() == {one.oid, two.oid, three.oid}
    log = json.dumps(other.requests())
    assert TOKEN not in log and "signed-for-this" not in log and "Authorization" not in log, log
    assert TOKEN in json.dumps(world.requests(HF_LIST))


# --- HTML, terminals, secrets

CARD = """---
layout: hub_detail
title: {title}
summary: {summary}
author: {author}
category: researchers
tags: [vision]
github-link: {link}
github-id: acme/torch
accelerator: cuda-optional
demo-model-link: javascript:alert(1)
---

<script>alert(1)</script> <img src=x onerror=alert(2)> <a href="javascript:alert(3)">x</a> <iframe src="https://x"></iframe> <svg onload=alert(4)>
[a](javascript:alert(5)) [b](JaVaScRiPt:alert(6)) [c](data:text/html;base64,PHNjcmlwdD4=) [d](vbscript:x) ![e](javascript:alert(7)) <javascript:alert(8)>
[f](java&#115;cript:alert(9)) [g]( &#1;javascript:alert(10)) <style>@import 'x'</style> <a href=" javascript:alert(11)" onclick='x'>y</a> <form action=javascript:x>

```python
torch.hub.load('acme/torch:main', 'net')
```
"""


def assert_harmless(html):
    """No element, attribute or link of it can run anything."""
    import html.parser as parsers

    class Reader(parsers.HTMLParser):
        def handle_starttag(self, tag, attributes):
            assert tag not in ("script", "iframe", "svg", "object", "embed", "style", "form", "base"), (tag, attributes)
            assert tag != "meta" or dict(attributes).get("http-equiv", "Content-Security-Policy") == "Content-Security-Policy", attributes
            for name, value in attributes:
                assert not name.startswith("on") and name != "style", (tag, attributes)
                scheme = re.sub(r"[\x00-\x20]", "", value or "").lower()
                assert not scheme.startswith(("javascript:", "data:", "vbscript:")), (tag, attributes)

    Reader(convert_charrefs=True).feed(html)


def test_html_of_cards_runs_nothing(ptm, world):
    nasty = "'\"><script>alert(1)</script><img src=x onerror=alert(2)>'"
    cards = {"plain": CARD.format(title=nasty, summary=nasty, author=nasty, link="https://github.com/acme/torch"),
             "link": CARD.format(title="x", summary="x", author="x", link="javascript:alert(1)"),
             "attr": CARD.format(title="x", summary="x", author="x", link="'https://github.com/acme/torch\" onclick=\"x'"),
             "multi": CARD.format(title="'{{ x }} </title><script>y</script>'", summary="|\n  </p><script>z</script>", author="!!python/object/apply:os.system ['x']", link="https://github.com/acme/torch")}
    odd = {"a\"><script>": cards["plain"], "sp ace": cards["plain"], "q'uote&amp;": cards["plain"], "\u00fcml\u00e4ut": cards["plain"], "-dash": cards["plain"]}
    files = {f"{name}.md": text.encode() for name, text in {**cards, **odd}.items() if '"' not in name and "\n" not in name}
    files["link.md.md"] = ("120000", b"/etc/passwd")
    world.repository("pytorch/hub", files, host="github.com")
    world.repository("acme/torch", {"README.md": b"x", "hubconf.py": b"import os; os.system('touch /tmp/x')"}, host="github.com")
    no_crash(ptm.run("run", "pytorchhub", "--retries", "0", expect=None))
    pages = list((ptm.root / "pytorchhub/html").rglob("*.html"))
    assert len(pages) >= 5 and len(ptm.records("pytorchhub")) >= 4
    for page in pages:
        assert_harmless(page.read_text())
        assert "root:x:0" not in page.read_text()
    assert set(outside(ptm)) == {"home"}


def test_onnx_links_stay_inside(ptm, world):
    nasty = "<script>alert(1)</script>"
    readme = ("# zoo\n\n<a name=\"x\"/>\n\n|Model Class |Reference |Description |Huggingface Spaces|\n|-|-|-|-|\n"
              f"|<b>[Up](../../../../etc)</b>|[p](javascript:x)|{nasty}| |\n|<b>[Abs](/etc/passwd)</b>|x|y| |\n|<b>[Net](vision/net)</b>|[p](https://arxiv.org/abs/1512.03385)|{ESCAPE}| |\n"
              "|<b>[Pct](%2e%2e/%2e%2e/etc)</b>|x|y| |\n|<b>[Link](link)</b>|x|y| |\n")
    model = ("# Net\n\n|Model |Download |Download (with sample test data)|ONNX version|Opset version|\n|-|-|-|-|-|\n"
             "|A|[1 KB](../../../../../../../etc/passwd)|[1](/etc/shadow)|1|7|\n|B|[1 KB](file:///etc/passwd)|[1](..)|1|7|\n|C|[1 KB](model/c.onnx)|[1](model/c.tar.gz)|1|7|\n"
             f"|D{ESCAPE}|[x](javascript:alert(1))|{nasty}|1|7|\n")
    manifest = [{"model": "X", "model_path": path, "onnx_version": "1", "opset_version": 7, "metadata": {"model_sha": "a" * 64, "model_bytes": 5, "tags": ["a"]}}
                for path in ("../../etc/passwd", "/etc/passwd", "vision/net/model/c.onnx", "a/../../b", "x" * 5000, ".git/config", 7, None)]
    world.repository("onnx/models", {"README.md": readme.encode(), "vision/net/README.md": model.encode(), "vision/net/model/c.onnx": sample_hubs.Large(b"c" * 2000),
                                     "ONNX_HUB_MANIFEST.json": json.dumps(manifest).encode(), "link": ("120000", b"/etc"), "README/README.md": b"x",
                                     "a b'\"<i>/README.md": model.encode(), "vision/net2/README.md": ("120000", b"/etc/passwd")}, host="github.com")
    no_crash(ptm.run("run", "onnxmodelzoo", "--retries", "0", expect=None))
    for page in (ptm.root / "onnxmodelzoo/html").rglob("*.html"):
        assert_harmless(page.read_text())
    for path in ptm.root.glob("onnxmodelzoo/json/**/*.json"):
        assert "root:x:0" not in path.read_text()
    assert len(ptm.records("onnxmodelzoo")) >= 1
    assert set(outside(ptm)) == {"home"}
    no_crash(ptm.run("failures"))
    no_crash(ptm.run("verify", expect=None))


def test_git_servers_cannot_speak_to_the_terminal(ptm, world):
    """Error bodies, headers, redirects and sideband messages with escapes."""
    world.repository("acme/one", {"README.md": b"x"})
    world.huggingface("acme/one", "acme/two", "acme/three", "acme/four")
    world.prefixes["huggingface.co/acme/two"] = send(ESCAPE.encode(), status=403, Content_Type="text/plain", X_Error_Message="\x1b[5mblink", X_Error_Code="\x1b[5m")
    world.prefixes["huggingface.co/acme/three"] = send(b"001e# service=git-upload-pack\n0000" + b"00" + b"%02x" % (4 + 4 + len(ESCAPE) + 1) + b"ERR " + ESCAPE.encode() + b"\n0000",
                                                       Content_Type="application/x-git-upload-pack-advertisement")
    world.prefixes["huggingface.co/acme/four"] = redirect("file:///\x1b[31m")
    for options in (("--log", "*:trace", "--progress", "plain"), ("--json",)):
        no_crash(ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", *options, expect=2))
    no_crash(ptm.run("failures"))
    assert len(failures(ptm)) == 3
    for row in ptm.json_lines("status"):
        assert row


def secrets_of(pid, found):
    """Command lines of a process and its children, as anybody on this machine can read them."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found.add((path / "cmdline").read_bytes())
        except OSError:
            pass


def test_tokens_are_nowhere(ptm, world):
    """Not in files, not on a command line, not in what is said: neither the token nor the password of a --rewrite."""
    large = sample_hubs.Large(b"L" * 4000)
    world.repository("acme/gated", {"README.md": b"# x\n", "model.bin": large})
    world.huggingface("acme/gated")
    seen = []

    def slow(handler):
        seen.append(handler.headers.get("Authorization"))
        time.sleep(0.6)
        if handler.headers.get("Authorization") is None:
            return handler.reply(401, b"restricted", WWW_Authenticate='Basic realm="x"')
        host, _, rest = handler.path.lstrip("/").partition("?")[0].partition("/")
        return handler.git_backend(host, rest, handler.path.partition("?")[2], handler.body)

    for end in ("info/refs", "git-upload-pack"):
        world.prefixes[f"huggingface.co/acme/gated.git/{end}"] = world.prefixes[f"huggingface.co/acme/gated/{end}"] = slow
    ptm.env["PTM_REWRITE"] = ""
    password = "Passw0rdInUrl"
    rewrite = f"https://huggingface.co/=http://user:{password}@127.0.0.1:{world.port}/huggingface.co/"
    process = ptm.start("run", "huggingface", "--top", "100%", "--retries", "0", "--log", "*:trace", "--rewrite", f"https://huggingface.co/=http://127.0.0.1:{world.port}/huggingface.co/",
                        HF_TOKEN=TOKEN)
    lines = set()
    while process.poll() is None:
        secrets_of(process.pid, lines)
        time.sleep(0.02)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert any(line.startswith(b"git\0") or b"/git\0" in line for line in lines), "the clone was not seen"
    assert not any(TOKEN.encode() in line for line in lines)
    assert any(seen), "the token was used"
    second = ptm.run("run", "huggingface", "--top", "100%", "--retries", "0", "--log", "*:trace", "--rewrite", rewrite, expect=None, HF_TOKEN=TOKEN)
    third = ptm.run("config", "--rewrite", rewrite, "--json", HF_TOKEN=TOKEN)
    for text in (out, err, second.stdout, second.stderr, third.stdout, third.stderr):
        assert TOKEN not in text and password not in text, text
    for path in ptm.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert TOKEN.encode() not in data and password.encode() not in data, path


# --- the disk

def mounted(folder, size):
    """A file system of its own below folder, or a skip; remount with unmount()."""
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "ptm-test", folder], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    folder = mounted(tmp_path / "disk", "24m")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def whole(ptm):
    """Every file at its final place is whole."""
    for path in [*ptm.root.glob("*/json/**/*.json")]:
        json.loads(path.read_text())
    for path in (ptm.root / ".ptm/objects").rglob("*"):
        if path.is_file():
            assert subprocess.run(["sha256sum", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0] == path.name


def test_full_disk_then_room_again(ptm, world, small_disk):
    ptm.root = small_disk / "data"
    ptm.env["PTM_ROOT"] = str(ptm.root)
    models = [f"acme/m{number}" for number in range(8)]
    objects = {}
    for number, model in enumerate(models):
        objects[model] = sample_hubs.Large(sample_hubs.blob(model, 4_500_000))
        world.repository(model, {"README.md": b"# x\n", "model.bin": objects[model], "plain.txt": sample_hubs.blob(f"p{number}", 200_000)})
    world.huggingface(*models)
    command = ("run", "huggingface", "--top", "100%", "--retries", "0", "-j", "2")
    stopped = no_crash(ptm.run(*command, "--keep-free", "0", "--yes", expect=3))
    assert re.search("space|full|free", stopped.stderr) and str(ptm.root) in stopped.stderr, stopped.stderr
    whole(ptm)
    kept = no_crash(ptm.run(*command, "--keep-free", "100M", expect=3))
    assert re.search("keep-free|no space", kept.stderr), kept.stderr
    no_crash(ptm.run("status", expect=None))
    subprocess.run(["mount", "-o", "remount,size=120m", small_disk], check=True)
    before = ptm.objects()
    with world.lock:
        world.log.clear()
    ptm.run(*command, "--keep-free", "0")
    assert ptm.objects() == {item.oid for item in objects.values()}
    assert not [target for _, target, _ in world.requests("lfs/") if target.rpartition("/")[2].partition("?")[0] in before], "what was whole is not fetched again"
    whole(ptm)
    assert len(ptm.records("huggingface")) == 8 and failures(ptm) == []
    assert list((ptm.root / ".ptm/tmp").iterdir()) == []
    ptm.run("verify")


@pytest.mark.parametrize("size", ["64k", "400k", "1200k", "3m"])
def test_disk_too_small_for_anything(ptm, world, tmp_path, size):
    folder = mounted(tmp_path / f"tiny{size}", size)
    try:
        ptm.root = folder / "data"
        world.repository("acme/one", {"README.md": b"# x\n", "model.bin": sample_hubs.Large(sample_hubs.blob("one", 2_500_000))})
        world.huggingface("acme/one", *({"_id": f"66{n:022x}", "id": f"acme/n{n}", "tags": [f"t{n}-{k}" for k in range(40)]} for n in range(300)))
        result = no_crash(ptm.run("run", "huggingface", "--top", "1", "--retries", "0", "--keep-free", "0", "--yes", "--root", ptm.root, expect=3))
        assert re.search("space|full|free", result.stderr), result.stderr
        whole(ptm)
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def test_root_that_becomes_read_only(ptm, world, small_disk):
    ptm.root = small_disk / "data"
    ptm.env["PTM_ROOT"] = str(ptm.root)
    world.repository("acme/one", {"README.md": b"# x\n", "model.bin": sample_hubs.Large(b"one" * 1000)})
    world.huggingface("acme/one")
    ptm.run("run", "huggingface", "--top", "100%", "--keep-free", "0")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for verb in (("run", "huggingface", "--keep-free", "0"), ("list", "huggingface"), ("schema", "huggingface"), ("setup", "modelhub")):
        result = no_crash(ptm.run(*verb, "--retries", "0", expect=3))
        assert str(ptm.root) in result.stderr and re.search("[Rr]ead-only|readonly", result.stderr), result.stderr
    assert "huggingface" in ptm.run("status").stdout
    ptm.run("failures")
    ptm.json_lines("show", "huggingface/acme/one")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    ptm.run("run", "huggingface", "--top", "100%", "--keep-free", "0")


DAMAGES = {
    "middle": lambda path: overwrite(path, path.stat().st_size // 2 // 4096 * 4096, os.urandom(4096)), "header": lambda path: overwrite(path, 0, b"\0" * 100),
    "schema": lambda path: overwrite(path, 100, os.urandom(3996)), "truncated": lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096),
    "odd length": lambda path: os.truncate(path, 5000), "text": lambda path: path.write_text("this is no database\n" * 500), "short text": lambda path: path.write_text("x" * 600),
    "folder": lambda path: (path.unlink(), path.mkdir()), "newer": lambda path: newer(path), "foreign": lambda path: foreign(path), "noise": lambda path: path.write_bytes(os.urandom(200_000))}


def overwrite(path, at, data):
    with open(path, "r+b") as out:
        out.seek(at)
        out.write(data)


def newer(path):
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 9999")


def foreign(path):
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("create table notes (text)")
        db.execute("insert into notes values ('mine')")


def test_damaged_catalogue(ptm, world):
    world.repository("acme/one", {"README.md": b"# x\n", "model.bin": sample_hubs.Large(b"one" * 1000)})
    world.huggingface("acme/one", *({"_id": f"66{n:022x}", "id": f"acme/n{n}", "tags": [f"t{n}-{k}" for k in range(20)]} for n in range(200)))
    command = ("run", "huggingface", "--top", "1", "--retries", "0")
    ptm.run(*command)
    path = ptm.root / ".ptm/catalog.db"
    whole_bytes = path.read_bytes()
    records = (ptm.root / "huggingface/json/huggingface.json").read_bytes()
    for name, damage in DAMAGES.items():
        damage(path)
        before = path.read_bytes() if path.is_file() else None
        for verb in (command, ("schema", "huggingface"), ("status",)):
            result = no_crash(ptm.run(*verb, expect=None))
            if verb[0] == "status" and result.returncode == 0:
                continue  # it may not have come across the damage
            # A database of another program is a wrong --catalog, not a damage.
            assert result.returncode == (1 if name == "foreign" else 3) and str(path) in result.stderr, f"{name} {verb[0]}: {result.returncode} {result.stderr}"
            if (name, verb[0]) != ("folder", "status"):
                assert re.search("--catalog|move it away|another", result.stderr), f"{name}: names no way out: {result.stderr}"
        assert (ptm.root / "huggingface/json/huggingface.json").read_bytes() == records, name
        if before is not None:
            assert len(path.read_bytes()) == len(before), f"{name}: the evidence is kept"
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        for rest in ptm.root.glob(".ptm/catalog.db-*"):
            rest.unlink()
        path.write_bytes(whole_bytes)
    # The way out works: everything is there again without the catalogue.
    path.unlink()
    with world.lock:
        world.log.clear()
    ptm.run(*command)
    assert (ptm.root / "huggingface/json/huggingface.json").read_bytes() == records and world.requests("lfs/") == []


# --- others at work

def test_second_ptm_waits_and_says_so(ptm, world):
    world.huggingface("acme/one")
    gate = threading.Event()
    answer = world.routes[HF_LIST]

    def wait(handler):
        gate.wait(20)
        return handler.reply(200, answer.encode())

    world.routes[HF_LIST] = wait
    first = ptm.start("list", "huggingface")
    end = time.monotonic() + 20
    while not world.requests(HF_LIST) and time.monotonic() < end:
        time.sleep(0.02)
    second = ptm.start("list", "huggingface")
    line = second.stderr.readline()
    gate.set()
    assert re.search("wait|another|other", line), line
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def test_stale_locks_are_no_obstacle(ptm, world):
    world.repository("acme/one", {"README.md": b"# x\n"})
    world.huggingface("acme/one")
    ptm.run("run", "huggingface", "--top", "100%")
    for lock in (ptm.root / ".ptm/locks").rglob("*.lock"):
        lock.write_text("4242 elsewhere\n")
    clone = ptm.repo("huggingface", "acme", "one")
    for name in ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "refs/remotes/origin/main.lock"):
        (clone / ".git" / name).write_bytes(b"")
    (ptm.root / ".ptm/tmp/left-by-a-killed-run").mkdir()
    result = no_crash(ptm.run("run", "huggingface", "--top", "100%", expect=None, timeout=90))
    assert result.returncode == 0, f"{result.stderr}\n{failures(ptm)}"


def test_kill_while_exporting(ptm, world):
    records = [{"_id": f"66{n:022x}", "id": f"acme/n{n}", "tags": [f"t{n}-{k}" for k in range(20)], "cardData": {"text": "x" * 500}} for n in range(4000)]
    world.huggingface(*records)
    ptm.run("list", "huggingface")
    ptm.run("schema", "huggingface")
    target = ptm.root / "huggingface/json/huggingface.json"
    good = target.read_bytes()
    for number in range(12):
        if number % 2:
            target.unlink(missing_ok=True)
        process = ptm.start("schema", "huggingface", *(("--compat", "v1") if number % 3 == 0 else ()))
        time.sleep(0.01 + 0.015 * number)
        process.kill()
        process.communicate()
        if target.exists():
            assert len(json.loads(target.read_text())) == 4000
    ptm.run("schema", "huggingface")
    assert target.read_bytes() == good
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["huggingface.json"]
    assert list((ptm.root / ".ptm/tmp").iterdir()) == []
