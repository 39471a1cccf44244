# SPDX-License-Identifier: MIT
"""`ptm torch` beside torch 1.13's own torch.hub, both on the same loopback GitHub: same names, docstrings, state dicts and cache, and what one
fetched the other uses. The same for the Python module is tests/python/test_hub_peer.py."""
import inspect
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import hub_samples
from conftest import Ptm
from github import GitHub
from hub_samples import EXAMPLE, EXAMPLE_SUM
from torch_peer import PYTHON, Peer, has_torch

TRUST = {"trust_repo": True}
REPOS = {"acme/plain": "main", "acme/plain:v1.0": "v1.0", "acme/models": "main", EXAMPLE: "master", f"{EXAMPLE}:ci/test_slash": "ci_test_slash"}
OWN = {".ptm-hub.json", ".ptm-hub.sha256"}  # ours beside what the archive holds


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    if not has_torch():
        pytest.skip("not installed: python3-torch")
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        hub_samples.plain(server)
        hub_samples.models(server)
        hub_samples.torchhub_example(server)
        yield server


@pytest.fixture(scope="module")
def peer(github, tmp_path_factory):
    """torch's cache with everything in it: others read it, and change copies."""
    peer = Peer(tmp_path_factory.mktemp("torch"))
    for answer in peer.calls(github.rewrites, *[("list", [repo], TRUST) for repo in REPOS]):
        assert "error" not in answer, answer
    return peer


class Ours(Ptm):
    """ptm with a hub folder of its own, or torch's."""

    def __init__(self, folder, rewrites, torch_home):
        super().__init__(folder, rewrites)
        self.env["TORCH_HOME"] = str(torch_home)
        self.hub = pathlib.Path(torch_home) / "hub"


@pytest.fixture
def ptm(tmp_path, github):
    return Ours(tmp_path, github.rewrites, tmp_path / "torch")


@pytest.fixture
def ptm_on_torch(tmp_path, github, peer):
    """ptm on torch's cache, without the network."""
    ptm = Ours(tmp_path, github.rewrites, peer.home)
    github.forget()
    yield ptm
    assert github.requests() == []


def files(folder):
    """path -> content of all that an archive brought."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in OWN}


def names(ptm, repo, *options):
    return ptm.run("torch", "list", repo, *options).stdout.split()


def entries(ptm, repo, *options):
    return {row["name"]: row for row in ptm.json_lines("torch", "list", repo, *options)}


def test_list_and_help_say_the_same(ptm, github, peer):
    cached = {repo: repo if ":" in repo else f"{repo}:{branch}" for repo, branch in REPOS.items()}
    # torch takes longer to start than all the calls do.
    listed = {repo: answer["value"] for repo, answer in zip(REPOS, peer.calls(None, *[("list", [cached[repo]], TRUST) for repo in REPOS]))}
    asked = [(repo, name) for repo in REPOS for name in listed[repo]]
    told = dict(zip(asked, peer.calls(None, *[("help", [cached[repo], name], TRUST) for repo, name in asked])))
    for repo in REPOS:
        assert names(ptm, repo) == listed[repo], repo
        ours = entries(ptm, repo)
        for name in listed[repo]:
            row, theirs = ours[name], told[repo, name]["value"]
            if row["certainty"] == "sure" and row["kind"] != "partial":
                assert row["doc"] == (theirs and inspect.cleandoc(theirs)), (repo, name)


def test_help_prints_the_docstring_in_any_language(ptm, peer):
    told, private = peer.calls(None, ("help", ["acme/plain:main", "unicode"], TRUST), ("help", ["acme/plain:main", "_private"], TRUST))
    assert ptm.run("torch", "help", "acme/plain", "unicode").stdout.rstrip("\n") == told["value"]
    assert ptm.run("torch", "help", "acme/plain", "_private").stdout.rstrip("\n") == private["value"]


def test_the_cache_has_the_same_folders_with_the_same_files(ptm, peer):
    ptm.run("torch", "fetch", *REPOS)
    mine, theirs = ({path.name for path in hub.iterdir() if path.is_dir() and not path.name.startswith(".")} for hub in (ptm.hub, peer.hub))
    assert mine == theirs == {f"{repo.split(':')[0].replace('/', '_')}_{ref}" for repo, ref in REPOS.items()}
    for name in mine:
        assert files(ptm.hub / name) == {path: data for path, data in files(peer.hub / name).items() if "__pycache__" not in path}


def test_a_ref_that_is_a_branch_and_a_tag_is_the_branch(ptm, github, tmp_path):
    github.publish("acme/twin", {"hubconf.py": "def tagged(): pass\n"}, tags=["twin"])
    github.publish("acme/twin", {"hubconf.py": "def branched(): pass\n"}, branch="twin")
    torch = Peer(tmp_path / "theirs")
    answer, = torch.calls(github.rewrites, ("list", ["acme/twin:twin"], TRUST))
    assert answer["value"] == ["branched"] and "ambiguous" in answer["out"]
    assert names(ptm, "acme/twin:twin") == ["branched"]
    assert (ptm.hub / "acme_twin_twin").is_dir() and (torch.hub / "acme_twin_twin").is_dir()


def test_the_tip_of_a_branch_by_commit(ptm, github, tmp_path):
    sha = github.sha("acme/plain")
    torch = Peer(tmp_path / "theirs")
    answers = torch.calls(github.rewrites, *[("list", [f"acme/plain:{ref}"], TRUST) for ref in (sha, sha[:7])])
    for ref, answer in zip((sha, sha[:7]), answers):
        assert names(ptm, f"acme/plain:{ref}") == answer["value"]
        assert (ptm.hub / f"acme_plain_{ref}").is_dir() and (torch.hub / f"acme_plain_{ref}").is_dir()


def test_what_is_not_the_repositorys_own_is_refused_with_torchs_words(ptm, github, tmp_path):
    github.publish("acme/forked", {"hubconf.py": "def a(): pass\n"})
    fork = github.fork_commit("acme/forked", {"hubconf.py": "def evil(): pass\n"}, pull=3)
    refs = (fork, fork[:8], "absent")
    answers = Peer(tmp_path / "theirs").calls(github.rewrites, *[("list", [f"acme/forked:{ref}"], TRUST) for ref in refs])
    for ref, answer in zip(refs, answers):
        words = f"Cannot find {ref} in https://github.com/acme/forked. If it's a commit from a forked repo"
        assert words in answer["error"]
        done = ptm.run("torch", "list", f"acme/forked:{ref}", expect=None)
        assert done.returncode and words in done.stderr
        assert not (ptm.hub / f"acme_forked_{ref}").exists()


def test_torchs_cache_is_used_without_the_network(ptm_on_torch, peer):
    for repo, ref in REPOS.items():
        before = files(peer.hub / f"{repo.split(':')[0].replace('/', '_')}_{ref}")
        assert ptm_on_torch.run("torch", "fetch", repo).stdout.strip() == str(peer.hub / f"{repo.split(':')[0].replace('/', '_')}_{ref}")
        assert names(ptm_on_torch, repo, "--offline")
        assert files(peer.hub / f"{repo.split(':')[0].replace('/', '_')}_{ref}") == before


def test_torch_uses_our_cache_without_the_network(ptm, github):
    ptm.run("torch", "fetch", *REPOS)
    refs = [f"{repo.split(':')[0]}:{repo.split(':')[1] if ':' in repo else ref}" for repo, ref in REPOS.items()]
    for repo, answer in zip(refs, Peer(ptm.hub.parent).calls(None, *[("list", [repo], TRUST) for repo in refs])):
        assert answer["value"] == names(ptm, repo) and "Using cache found in" in answer["out"]
    # What Python leaves in the folders (__pycache__) is no damage.
    os.makedirs(ptm.hub / "acme_plain_main/library/__pycache__", exist_ok=True)
    (ptm.hub / "acme_plain_main/library/__pycache__/parts.cpython-311.pyc").write_bytes(b"x")
    ptm.run("torch", "cache", "verify")


def test_trust_is_shared_both_ways(ptm, github):
    torch = Peer(ptm.hub.parent)
    answer, = torch.calls(github.rewrites, ("list", ["acme/plain"], TRUST))
    assert "error" not in answer
    assert ptm.run("torch", "trust").stdout.split() == ["acme_plain"]
    ptm.run("torch", "trust", "add", "acme/models")
    # "check" asks nothing of what is trusted; input() would fail here, there is no terminal.
    asked, known = torch.calls(github.rewrites, ("list", [EXAMPLE], {"trust_repo": "check"}), ("list", ["acme/models"], {"trust_repo": "check"}))
    assert "EOF" in asked["error"] and "value" in known
    assert (ptm.hub / "trusted_list").read_text() == "acme_plain\nacme_models\n"
    ptm.run("torch", "trust", "rm", "acme/plain")
    assert (ptm.hub / "trusted_list").read_text() == "acme_models\n"


def test_checkpoints_are_shared_both_ways(ptm, github):
    url = "https://github.com/ailzhang/torchhub_example/releases/download/0.1/mnist_init_ones"
    theirs = github.file("theirs/net-1.pth", hub_samples.example_weights(value=2.0))
    torch = Peer(ptm.hub.parent)
    path = pathlib.Path(ptm.run("torch", "weights", url).stdout.strip())
    assert path == ptm.hub / "checkpoints/mnist_init_ones"
    ours, other = torch.calls(None, ("load_state_dict_from_url", [url], {"progress": False}), ("load_state_dict_from_url", [theirs], {"progress": False}))
    assert ours["value"]["sum"] == EXAMPLE_SUM and "no network" in other["error"]
    other, = torch.calls(github.rewrites, ("load_state_dict_from_url", [theirs], {"progress": False}))
    assert other["value"]["sum"] == 2 * EXAMPLE_SUM
    github.forget()
    assert ptm.run("torch", "weights", theirs).stdout.strip() == str(ptm.hub / "checkpoints/net-1.pth")
    assert github.requests() == []


ENTRIES = {(EXAMPLE, "mnist"): {"pretrained": True}, (EXAMPLE, "mnist_zip"): {"pretrained": True}, (EXAMPLE, "mnist_zip_1_6"): {"pretrained": True},
           ("acme/models", "tiny"): {}, ("acme/models", "bundled"): {}}


@pytest.fixture(scope="module")
def loaded(github, peer):
    """What torch loads, all by one process of it."""
    answers = peer.calls(github.rewrites, *[("load", list(what), {**keywords, **TRUST}) for what, keywords in ENTRIES.items()])
    return dict(zip(ENTRIES, answers))


@pytest.mark.parametrize("repo, entry", ENTRIES)
def test_state_dicts_are_the_same(ptm, loaded, tmp_path, repo, entry):
    keywords, theirs = ENTRIES[repo, entry], loaded[repo, entry]
    ptm.run("torch", "trust", "add", repo)
    ptm.run("torch", "load", repo, entry, *[f"{name}={json.dumps(value)}" for name, value in keywords.items()], "--out", tmp_path / "out",
            "--python", PYTHON, *sandbox())
    ours = tensors(tmp_path / "out/model.safetensors")
    assert {name: list(one.shape) for name, one in ours.items()} == theirs["value"]["shapes"]
    assert abs(sum(float(one.astype("f8").sum()) for one in ours.values()) - theirs["value"]["sum"]) < 1e-6
    assert json.loads((tmp_path / "out/description.json").read_text())


def sandbox():
    """Not everywhere one is allowed: tests of the sandbox itself are elsewhere."""
    bwrap = shutil.which("bwrap")
    works = bwrap and subprocess.run([bwrap, "--ro-bind", "/", "/", "--unshare-all", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    return [] if works else ["--no-sandbox"]


def tensors(path):
    """Of a safetensors file of float32, read by its specification."""
    import numpy  # beside torch
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    table = json.loads(data[8:start])
    table.pop("__metadata__", None)
    return {name: numpy.frombuffer(data, "<f4", count=(row["data_offsets"][1] - row["data_offsets"][0]) // 4,
                                   offset=start + row["data_offsets"][0]).reshape(row["shape"]) for name, row in table.items() if row["dtype"] == "F32"}
