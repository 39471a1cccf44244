# SPDX-License-Identifier: MIT
"""`ptm torch` from end to end: repositories, refs, downloads, the cache and trust, on the loopback GitHub and a misbehaving server, without
torch. How it looks in a terminal is in test_torch_command.py."""
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import urllib.request
import zipfile

import pytest

import hub_samples
from conftest import ROOT, Ptm, hub_ptm
from github import TOKEN, GitHub, Link, Program
from servers import pointer

SURE = ["Model", "Thing", "alias", "first", "helper", "model_16", "model_8", "small", "square", "starred", "undocumented", "unicode"]
IMPORTED = ["Path", "to_json"]
MAYBE = ["conditional", "fallback"]  # under an if, in an except
NAMES = sorted(SURE + IMPORTED + MAYBE)


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        hub_samples.plain(server)
        yield server


@pytest.fixture
def ptm(tmp_path, github):
    return hub_ptm(tmp_path, github)


class Faulty:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, ROOT / "tests/httpd/faulty.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = f"http://127.0.0.1:{self.process.stdout.readline().split()[1]}"

    def get(self, path):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.base + path) as answer:
            return answer.read()

    def sha256(self, path):
        return self.get("/sha256/" + path).decode().strip()


@pytest.fixture(scope="module")
def faulty():
    server = Faulty()
    yield server
    server.process.stdin.close()
    server.process.wait(10)
    server.process.stdout.close()


def checkpoint(text=b"weights"):
    """Small and of the right kind."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for name, data in (("data.pkl", b"\x80\x02}q\x00."), ("version", b"3\n"), ("data/0", text)):
            zipped.writestr(zipfile.ZipInfo(f"archive/{name}"), data)  # without today's time
    return out.getvalue()


# --- list, help, show


def test_list_asks_nobody_the_second_time(ptm, github):
    assert ptm.run("torch", "list", "acme/plain").stdout.split() == NAMES
    assert github.count("GET", "/repos/") == 0  # no API calls
    github.forget()
    assert ptm.run("torch", "list", "acme/plain").stdout.split() == NAMES
    assert github.requests() == []


def test_list_tells_what_is_sure_and_where_it_stands(ptm):
    rows = {row["name"]: row for row in ptm.json_lines("torch", "list", "acme/plain")}
    assert {name for name, row in rows.items() if row["certainty"] == "sure"} == set(SURE)
    assert {name for name, row in rows.items() if row["certainty"] == "import"} == set(IMPORTED)
    assert {name for name, row in rows.items() if row["certainty"] == "dynamic"} == set(MAYBE)
    first = rows["first"]
    assert (first["file"], first["kind"], first["signature"]) == ("hubconf.py", "function", "(a, b=2, *rest, flag: bool = False, **kwargs)")
    assert first["doc"] == "The first one.\n\nExample:\n    >>> first(1)"
    assert rows["helper"]["file"] == "library/__init__.py" and rows["Thing"]["file"] == "library/parts.py" and rows["Thing"]["doc"] == "A widget of parts."
    assert rows["starred"]["file"] == "stars.py" and rows["undocumented"]["doc"] is None and rows["alias"]["doc"] == first["doc"]


def test_list_of_a_folder(ptm, tmp_path):
    folder = tmp_path / "mine"
    for path, text in hub_samples.PLAIN.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for how in ([folder], ["./mine"], ["mine", "--source", "local"]):
        assert ptm.run("torch", "list", *how).stdout.split() == NAMES
    assert not ptm.hub.exists()


def test_help_of_what_is_not_there_suggests(ptm):
    done = ptm.run("torch", "help", "acme/plain", "unicod", expect=None)
    assert done.returncode and "unicode" in done.stderr and not done.stdout
    assert ptm.run("torch", "help", "acme/plain", "undocumented", expect=None).stdout == ""


def test_show_tells_where_the_copy_is_from(ptm, github):
    done = ptm.run("torch", "show", "acme/plain")
    assert github.sha("acme/plain")[:7] in done.stdout and "first" in done.stdout and "json" in done.stdout
    row = json.loads(ptm.run("torch", "show", "acme/plain", "first", "--json").stdout)
    assert "The first one." in json.dumps(row)


def test_without_hubconf_it_is_said(ptm, github):
    github.publish("acme/bare", {"README.md": "nothing\n"})
    done = ptm.run("torch", "list", "acme/bare", expect=None)
    assert done.returncode and "hubconf.py" in done.stderr


def test_names_that_are_no_repository(ptm, github):
    for name in ("plain", "a/b/c", "a/b:", "a/b:c:d", "../x:main", "a/..", "-x/y", "a b/c", "acme/plain:../../x", "acme/plain:-x", ""):
        done = ptm.run("torch", "list", "--source", "github", "--", name, expect=None)
        assert done.returncode in (1, 2, 3), name
    assert github.requests() == [] and not ptm.hub.exists()


# --- fetch


def test_fetch_keeps_modes_and_links_and_lists_hashes(ptm, github):
    github.publish("acme/modes", {"hubconf.py": "", "run.sh": Program(b"#!/bin/sh\n"), "link": Link("hubconf.py"), "deep/er/x": "1"})
    folder = pathlib.Path(ptm.run("torch", "fetch", "acme/modes").stdout.strip())
    assert folder == ptm.hub / "acme_modes_main"
    assert (folder / "run.sh").stat().st_mode & 0o111 and not (folder / "hubconf.py").stat().st_mode & 0o111
    assert os.readlink(folder / "link") == "hubconf.py"
    side = json.loads((folder / ".ptm-hub.json").read_text())
    assert {"acme", "modes", "main", github.sha("acme/modes")} <= set(map(str, side.values()))
    subprocess.run(["sha256sum", "-c", "--quiet", ".ptm-hub.sha256"], cwd=folder, check=True)


def test_default_branches_of_any_name(ptm, github):
    for branch in ("master", "develop", "release/1.x"):
        name = f"acme/of-{branch.replace('/', '-')}"
        github.publish(name, {"hubconf.py": "def a(): pass\n"}, branch=branch)
        assert ptm.run("torch", "fetch", name).stdout.strip() == str(ptm.hub / f"{name.replace('/', '_')}_{branch.replace('/', '_')}")


def test_a_repository_that_was_renamed(ptm, github):
    """GitHub redirects to the new name; the copy stands under the name that was asked for."""
    github.publish("acme/moved", {"hubconf.py": "def a(): pass\n"})
    assert ptm.run("torch", "fetch", "renamed/moved").stdout.strip() == str(ptm.hub / "renamed_moved_main")
    assert ptm.run("torch", "list", f"renamed/moved:{github.sha('acme/moved')}").stdout == "a\n"


def test_a_repository_with_many_branches_and_tags(ptm, github):
    name = "acme/refs"
    first = github.publish(name, {"hubconf.py": "def old(): pass\n"})
    last = github.publish(name, {"hubconf.py": "def a(): pass\n"})
    with open(github.bare(name) / "packed-refs", "w", encoding="ascii") as file:
        file.writelines(f"{last} refs/heads/b/{i:06}\n" for i in range(5_000))
        file.writelines(f"{last} refs/tags/t{i:06}\n" for i in range(5_000))
    assert ptm.run("torch", "list", f"{name}:t004999").stdout == "a\n"
    assert ptm.run("torch", "list", f"{name}:b/000017").stdout == "a\n"
    assert ptm.run("torch", "list", f"{name}:{first[:12]}").stdout == "old\n"


def test_commits_in_the_middle_of_a_branch(ptm, github):
    old = github.publish("acme/deep", {"hubconf.py": "def old(): pass\n"})
    github.publish("acme/deep", {"hubconf.py": "def new(): pass\n"})
    assert ptm.run("torch", "list", f"acme/deep:{old}").stdout == "old\n"
    assert ptm.run("torch", "list", f"acme/deep:{old[:9]}", "--hub-dir", "beside").stdout == "old\n"  # relative to where one is
    assert ptm.run("torch", "list", "acme/deep:main").stdout == "new\n"
    assert github.count("GET", "/repos/") == 0


def test_commits_of_forks_are_refused_unless_validation_is_skipped(ptm, github):
    github.publish("acme/forked", {"hubconf.py": "def good(): pass\n"})
    fork = github.fork_commit("acme/forked", {"hubconf.py": "def evil(): pass\n"}, pull=1)
    for ref in (fork, fork[:7], "refs/pull/1/head"):
        done = ptm.run("torch", "fetch", f"acme/forked:{ref}", expect=None)
        assert done.returncode and "fork" in done.stderr, ref
    assert github.count("GET", "/acme/forked/zipball") == 0
    assert ptm.run("torch", "list", f"acme/forked:{fork}", "--skip-validation").stdout == "evil\n"


def test_an_archive_of_another_commit_is_not_taken_for_the_one_asked_for(ptm, github):
    first = github.publish("acme/swapped", {"hubconf.py": "def first(): pass\n"})
    github.publish("acme/swapped", {"hubconf.py": "def second(): pass\n"})
    other = subprocess.run(["git", "--git-dir", github.bare("acme/swapped"), "archive", "--format=zip", "--prefix=x/", "main"], check=True,
                           stdout=subprocess.PIPE).stdout
    for ref in (first, first[:10]):
        github.hostile("acme/swapped", ref, other)
        done = ptm.run("torch", "fetch", f"acme/swapped:{ref}", expect=None)
        assert done.returncode and first[:7] in done.stderr
        assert not (ptm.hub / f"acme_swapped_{ref}").exists()


def test_refresh_and_force_reload(ptm, github):
    old = github.publish("acme/moves", {"hubconf.py": "def old(): pass\n", "gone.py": ""})
    ptm.run("torch", "fetch", "acme/moves")
    new = github.publish("acme/moves", {"hubconf.py": "def new(): pass\n"}, delete=["gone.py"])
    assert ptm.run("torch", "list", "acme/moves").stdout == "old\n"
    row, = ptm.json_lines("torch", "fetch", "acme/moves", "--refresh")
    assert (row["commit"], row["newest"], row["cached"]) == (old, new, True)
    assert ptm.run("torch", "list", "acme/moves", "--force-reload").stdout == "new\n"
    assert not (ptm.hub / "acme_moves_main/gone.py").exists()
    assert ptm.json_lines("torch", "fetch", "acme/moves", "--refresh")[0]["newest"] is None


def test_force_reload_fetches_the_weights_anew(ptm, github):
    url = github.file("anew/net.pth", checkpoint(b"1"))
    github.publish("acme/weights", {"hubconf.py": "from torch.hub import load_state_dict_from_url\n\n\ndef net():\n"
                                    f"    return load_state_dict_from_url({url!r})\n\n\ndef other():\n    return net()\n"})
    ptm.run("torch", "fetch", "acme/weights")
    assert {row["name"]: row["urls"] for row in ptm.json_lines("torch", "list", "acme/weights")}["net"] == [url]
    path = pathlib.Path(ptm.run("torch", "weights", url).stdout.strip())
    github.file("anew/net.pth", checkpoint(b"2"))
    ptm.run("torch", "weights", url)
    assert path.read_bytes() == checkpoint(b"1")
    ptm.run("torch", "fetch", "acme/weights", "--force-reload")
    assert path.read_bytes() == checkpoint(b"2")
    assert github.count("GET", "/anew/net.pth") == 2  # once each time, whatever the entry points that share it


def test_force_reload_leaves_the_weights_of_others(ptm, github):
    mine, theirs = github.file("mine/shared.pth", checkpoint(b"mine")), github.file("theirs/shared.pth", checkpoint(b"theirs"))
    github.publish("acme/taker", {"hubconf.py": "from torch.hub import load_state_dict_from_url\n\n\ndef net():\n"
                                  f"    return load_state_dict_from_url({theirs!r})\n"})
    path = pathlib.Path(ptm.run("torch", "weights", mine).stdout.strip())
    told = ptm.run("torch", "fetch", "acme/taker", "--force-reload").stderr
    assert path.read_bytes() == checkpoint(b"mine") and "shared.pth is left as it is" in told
    ptm.run("torch", "trust", "add", "acme/taker")  # who trusts it lets it do what its code would
    ptm.run("torch", "fetch", "acme/taker", "--force-reload")
    assert path.read_bytes() == checkpoint(b"theirs")


def test_offline_uses_what_is_there_and_says_what_is_not(ptm, github):
    done = ptm.run("torch", "list", "acme/plain", "--offline", expect=None)
    assert done.returncode and "no internet connection" in done.stderr
    ptm.run("torch", "fetch", "acme/plain:v1.0")
    github.forget()
    assert ptm.run("torch", "list", "acme/plain", "--offline").stdout.split() == NAMES  # the newest copy there is
    assert ptm.run("torch", "list", "acme/plain:main", "--offline", expect=None).returncode
    assert github.requests() == []


def test_private_repositories_want_the_token_and_nobody_else_sees_it(ptm, github):
    sha = github.publish("secret/model", {"hubconf.py": "def mine(): pass\n"})
    done = ptm.run("torch", "list", "secret/model", expect=None)
    assert done.returncode and "GITHUB_TOKEN" in done.stderr, done.stderr
    assert ptm.run("torch", "list", "secret/model", GITHUB_TOKEN=TOKEN).stdout == "mine\n"
    assert ptm.run("torch", "list", f"secret/model:{sha}", GITHUB_TOKEN=TOKEN).stdout == "mine\n"
    # codeload.github.com may see it (include/ptm/net.h), hosts that are not GitHub's never.
    assert any(row[6] for row in github.requests())
    assert all(row[0].endswith("github.com") or not row[6] for row in github.requests())
    wrong = ptm.run("torch", "list", "secret/model:main", "--force-reload", expect=None, GITHUB_TOKEN="wrongtoken")
    assert wrong.returncode and "wrongtoken" not in wrong.stderr
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in ptm.hub.rglob("*") if path.is_file())


def test_an_empty_or_wrong_token_does_not_break_public_repositories(ptm, github):
    assert ptm.run("torch", "fetch", "acme/plain:main", GITHUB_TOKEN="").returncode == 0
    assert ptm.run("torch", "fetch", "acme/plain:v1.0", GITHUB_TOKEN="expired").returncode == 0


def test_a_host_of_ones_own(ptm, github):
    """GitHub Enterprise: GH_HOST names it, and what is recorded tells it."""
    rewrites = " ".join(github.rewrites + [f"https://ghe.example.org/={github.rewritten('https://github.com/')}"])
    assert ptm.run("torch", "list", "acme/plain", GH_HOST="ghe.example.org", PTM_REWRITE=rewrites).stdout
    assert "ghe.example.org" in (ptm.hub / "acme_plain_main/.ptm-hub.json").read_text()


def test_large_files_of_git_lfs_are_in_the_copy(tmp_path):
    with GitHub(tmp_path / "github", lfs=True) as github:
        ptm = Ptm(tmp_path, github.rewrites)
        ptm.env["TORCH_HOME"] = str(tmp_path / "torch")
        data, lost = os.urandom(200_000), os.urandom(1000)
        github.large("acme/large", data)
        github.publish("acme/large", {".gitattributes": "*.pth filter=lfs diff=lfs merge=lfs -text\n", "hubconf.py": "def a(): pass\n",
                                      "weights/net.pth": pointer(data)})
        folder = pathlib.Path(ptm.run("torch", "fetch", "acme/large").stdout.strip())
        assert (folder / "weights/net.pth").read_bytes() == data
        ptm.run("torch", "cache", "verify")
        github.publish("acme/large", {"weights/lost.pth": pointer(lost)}, branch="lost")
        done = ptm.run("torch", "fetch", "acme/large:lost", expect=None)
        assert "lost.pth" in done.stderr


def test_two_repositories_are_not_taken_for_one_another(ptm, github):
    github.publish("o/r", {"hubconf.py": "def one(): pass\n"}, branch="a_b")
    github.publish("o/r_a", {"hubconf.py": "def two(): pass\n"}, branch="b")
    assert ptm.run("torch", "list", "o/r:a_b").stdout == "one\n"
    done = ptm.run("torch", "list", "o/r_a:b", expect=None)
    assert done.returncode and "o/r" in done.stderr and "o_r_a_b" in done.stderr
    assert ptm.run("torch", "list", "o/r:a_b").stdout == "one\n"


# --- downloads


def test_download_goes_on_after_a_cut(ptm, faulty, tmp_path):
    digest = faulty.sha256("3000000?seed=cut")
    ptm.run("torch", "download", f"{faulty.base}/bytes/3000000?seed=cut&cut=1000000&times=1&key=cut", "net.bin", "--hash", digest[:12], "--any-content")
    assert hashlib.sha256((tmp_path / "net.bin").read_bytes()).hexdigest() == digest
    ranges = [row["headers"].get("range") for row in json.loads(faulty.get("/__log")) if "key=cut" in row["path"] and row["method"] == "GET"]
    assert any(one and one.startswith("bytes=") and one != "bytes=0-" for one in ranges), ranges
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_download_refuses_a_wrong_hash_and_a_short_body(ptm, faulty, tmp_path):
    done = ptm.run("torch", "download", f"{faulty.base}/bytes/1000?seed=h", "net.bin", "--hash", "00000000", "--any-content", expect=None)
    assert done.returncode and 'invalid hash value (expected "00000000", got "' + faulty.sha256("1000?seed=h") in done.stderr
    short = ptm.run("torch", "download", f"{faulty.base}/bytes/1000?seed=h&norange=1&cut=500", "short.bin", "--any-content", "--retries", "1", expect=None)
    assert short.returncode
    assert not (tmp_path / "net.bin").exists() and not (tmp_path / "short.bin").exists()


def test_a_page_in_place_of_a_checkpoint_is_named(ptm, github, tmp_path):
    done = ptm.run("torch", "download", "https://files.example.org/page/net.pth", "net.pth", expect=None)
    assert done.returncode and "HTML" in done.stderr and not (tmp_path / "net.pth").exists()
    ptm.run("torch", "download", "https://files.example.org/page/net.pth", "net.html", "--any-content")
    assert (tmp_path / "net.html").read_bytes().startswith(b"<!DOCTYPE")
    done = ptm.run("torch", "weights", "https://files.example.org/page/net.pth", expect=None)
    assert done.returncode and "HTML" in done.stderr and list((ptm.hub / "checkpoints").glob("*.pth")) == []


def test_download_obeys_the_umask(ptm, github, tmp_path):
    url = github.file("mode/net.pth", checkpoint())
    old = os.umask(0o027)
    try:
        ptm.run("torch", "download", url, "net.pth")
    finally:
        os.umask(old)
    assert (tmp_path / "net.pth").stat().st_mode & 0o777 == 0o640


def test_weights_are_checked_by_the_hash_in_their_name(ptm, github):
    data = checkpoint()
    digest = hashlib.sha256(data).hexdigest()
    url = github.file(f"hash/net-{digest[:8]}.pth", data)
    path = pathlib.Path(ptm.run("torch", "weights", url, "--check-hash").stdout.strip())
    assert path == ptm.hub / f"checkpoints/net-{digest[:8]}.pth" and path.read_bytes() == data
    path.write_bytes(b"PK\3\4 damaged")
    ptm.run("torch", "weights", url)  # what is there is taken, as torch does
    assert path.read_bytes() == b"PK\3\4 damaged"
    ptm.run("torch", "weights", url, "--check-hash")
    assert path.read_bytes() == data
    for flags in ((), ("--check-hash",)):  # what is fetched has its hash in any case
        wrong = github.file("hash/net-0badcafe.pth", data)
        done = ptm.run("torch", "weights", wrong, *flags, expect=None)
        assert done.returncode and 'invalid hash value (expected "0badcafe"' in done.stderr
        assert not (ptm.hub / "checkpoints/net-0badcafe.pth").exists()
    dated = github.file("hash/net-20230101.pth", data)
    assert "not the one in its name" in ptm.run("torch", "weights", dated).stderr  # digits that may be a date refuse nothing
    assert ptm.run("torch", "weights", dated, "--check-hash", "--force", expect=None).returncode


def test_weights_under_another_name_and_folder(ptm, github, tmp_path):
    url = github.file("names/net.pth", checkpoint()) + "?download=1"
    assert ptm.run("torch", "weights", url).stdout.strip() == str(ptm.hub / "checkpoints/net.pth")
    assert ptm.run("torch", "weights", url, "--file-name", "other.pth").stdout.strip() == str(ptm.hub / "checkpoints/other.pth")
    done = ptm.run("torch", "weights", url, "--model-dir", tmp_path / "models")
    assert done.stdout.strip() == str(tmp_path / "models/net.pth") and (tmp_path / "models/net.pth").exists()
    for name in ("../x.pth", "/tmp/x.pth", ".."):
        assert ptm.run("torch", "weights", url, "--file-name", name, expect=None).returncode
    assert ptm.run("torch", "weights", "https://files.example.org/", expect=None).returncode


def test_a_release_asset_is_fetched_over_the_redirect(ptm, github):
    url = github.asset("acme/plain", "v1.0", "net.pth", checkpoint())
    path = pathlib.Path(ptm.run("torch", "weights", url, GITHUB_TOKEN=TOKEN).stdout.strip())
    assert path.read_bytes() == checkpoint()
    elsewhere = [row for row in github.requests() if not row[0].endswith("github.com")]
    assert elsewhere and not any(row[6] for row in elsewhere)


# --- the cache and trust


def test_the_cache_is_listed_verified_and_emptied(ptm, github):
    data = checkpoint()
    url = github.file(f"cache/net-{hashlib.sha256(data).hexdigest()[:8]}.pth", data)
    ptm.run("torch", "fetch", "acme/plain", "acme/plain:v1.0")
    ptm.run("torch", "weights", url)
    rows = ptm.json_lines("torch", "cache", "ls")
    assert [row["kind"] for row in rows] == ["repository", "repository", "checkpoint"]
    assert {row["path"] for row in rows} == {"acme_plain_main", "acme_plain_v1.0", f"checkpoints/{url.rsplit('/', 1)[1]}"}
    assert [(row["ok"], row["checked"]) for row in ptm.json_lines("torch", "cache", "verify")] == [(True, True)] * 3

    with open(ptm.hub / "acme_plain_main/library/parts.py", "a") as file:
        file.write("# changed\n")
    (ptm.hub / "acme_plain_v1.0/README.md").unlink()
    with open(ptm.hub / rows[-1]["path"], "r+b") as file:
        file.write(b"PK\3\4damaged")
    bad = ptm.json_lines("torch", "cache", "verify", expect=2)
    assert [row["ok"] for row in bad] == [False] * 3
    assert "parts.py" in bad[0]["why"] and "README.md" in bad[1]["why"]

    ptm.run("torch", "cache", "rm", "acme/plain:v1.0")
    assert not (ptm.hub / "acme_plain_v1.0").exists() and (ptm.hub / "acme_plain_main").exists()
    ptm.run("torch", "cache", "rm", "acme/plain", f"checkpoints/{url.rsplit('/', 1)[1]}")
    assert ptm.json_lines("torch", "cache", "ls") == []


def test_nothing_but_items_of_the_cache_is_removed(ptm, tmp_path):
    ptm.run("torch", "trust", "add", "acme/plain")
    ptm.run("torch", "fetch", "acme/plain")
    (tmp_path / "data").mkdir()
    (tmp_path / "torch/other").mkdir()
    for item in ("acme/absent", "../../data", "../other", str(tmp_path / "data"), "..", ".", "", "trusted_list", ".ptm", "checkpoints", "checkpoints/..",
                 "acme_plain_main/library", "acme_plain_main/../../other"):
        assert ptm.run("torch", "cache", "rm", "--", item, expect=None).returncode, item
    assert (tmp_path / "data").exists() and (tmp_path / "torch/other").exists() and (ptm.hub / "trusted_list").exists()
    assert (ptm.hub / "acme_plain_main/library").exists()


def test_prune_takes_leftovers_and_with_days_what_is_old(ptm, github):
    ptm.run("torch", "fetch", "acme/plain")
    old = 1_600_000_000
    leftovers = [ptm.hub / ".ptm/tmp/acme_plain_main.1.2", ptm.hub / "main.zip", ptm.hub / f"checkpoints/net.pth.{'0' * 32}.partial"]
    leftovers[0].mkdir()
    (ptm.hub / "checkpoints").mkdir(exist_ok=True)
    for path in leftovers[1:]:
        path.write_bytes(b"of torch")
        os.utime(path, (old, old))
    (ptm.hub / "checkpoints/old.pth").write_bytes(checkpoint())
    os.utime(ptm.hub / "checkpoints/old.pth", (old, old))
    (ptm.hub / "notes.txt").write_text("the user's")
    dry = ptm.json_lines("torch", "cache", "prune", "--dry-run")
    assert {row["kind"] for row in dry} == {"leftover"} and leftovers[0].exists()
    ptm.run("torch", "cache", "prune")
    assert not leftovers[0].exists() and not leftovers[2].exists()
    assert (ptm.hub / "checkpoints/old.pth").exists() and (ptm.hub / "notes.txt").exists() and (ptm.hub / "acme_plain_main").exists()
    ptm.run("torch", "cache", "prune", "--older-than", "30")
    assert not (ptm.hub / "checkpoints/old.pth").exists() and (ptm.hub / "acme_plain_main").exists()


def test_trust_is_kept_in_torchs_list(ptm):
    assert ptm.run("torch", "trust").stdout == ""
    ptm.run("torch", "trust", "add", "acme/plain", "other/one")
    ptm.run("torch", "trust", "add", "acme/plain")
    assert (ptm.hub / "trusted_list").read_text() == "acme_plain\nother_one\n"
    assert ptm.run("torch", "trust", "ls").stdout.split() == ["acme_plain", "other_one"]
    ptm.run("torch", "trust", "rm", "acme/plain")
    assert (ptm.hub / "trusted_list").read_text() == "other_one\n"
    for name in ("acme", "a\nb/c", "../x", ""):
        assert ptm.run("torch", "trust", "add", "--", name, expect=None).returncode
    assert (ptm.hub / "trusted_list").read_text() == "other_one\n"


def test_the_hub_folder_is_where_torch_has_it(ptm):
    home = ptm.env["HOME"]
    for env, want in (({"TORCH_HOME": "/x/y"}, "/x/y/hub"), ({"TORCH_HOME": "~/t"}, f"{home}/t/hub")):
        assert ptm.run("torch", "dir", **env).stdout.strip() == want
    del ptm.env["TORCH_HOME"]
    assert ptm.run("torch", "dir").stdout.strip() == f"{home}/.cache/torch/hub"
    assert ptm.run("torch", "dir", XDG_CACHE_HOME="/c").stdout.strip() == "/c/torch/hub"
    assert ptm.run("torch", "dir", "--hub-dir", "~/mine").stdout.strip() == f"{home}/mine"


def test_load_of_a_stranger_without_a_terminal_is_refused_before_anything_is_fetched(ptm, github, tmp_path):
    done = ptm.run("torch", "load", "acme/plain", "first", "--out", tmp_path / "out", expect=None)
    assert done.returncode and "trust" in done.stderr and "acme/plain" in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    assert github.count("GET", "/acme/plain/zipball") == 0
