# SPDX-License-Identifier: MIT
"""ptmtorrent.hub beside torch.hub, in one process, on the loopback GitHub: the same names, docstrings, state dicts, errors, folders; and each
uses what the other fetched."""
import os
import pathlib
import sys

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import hub_samples  # noqa: E402
import torch_peer  # noqa: E402
from github import GitHub  # noqa: E402
from hub_samples import EXAMPLE, EXAMPLE_SUM  # noqa: E402

from ptmtorrent import hub  # noqa: E402

NOWHERE = "https://github.com/=http://127.0.0.1:9/ https://files.example.org/=http://127.0.0.1:9/"
REPOS = ("acme/plain", "acme/plain:v1.0", EXAMPLE, f"{EXAMPLE}:ci/test_slash")
# A name of torch's that could also be another repository's wants a yes: test_a_name_with_two_readings_is_asked_about.
TRUSTED = {repo: True if "_" in repo else "check" for repo in REPOS}


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        hub_samples.plain(server)
        hub_samples.models(server)
        hub_samples.torchhub_example(server)
        yield server


@pytest.fixture(autouse=True)
def clean_process():
    """torch leaves a repository's modules behind, and the next repository gets them."""
    before, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("library", "stars", "models", "utils"):
            del sys.modules[name]
    sys.path[:] = path
    hub._hub_dir = torch.hub._hub_dir = None


@pytest.fixture
def theirs(github, tmp_path, monkeypatch):
    """torch.hub, with a folder of its own."""
    monkeypatch.setattr(torch.hub, "urlopen", torch.hub.urlopen)
    torch_peer.lead(github.rewrites).set_dir(str(tmp_path / "theirs"))
    return torch.hub


@pytest.fixture
def ours(github, theirs, tmp_path, monkeypatch):
    monkeypatch.setenv("PTM_REWRITE", " ".join(github.rewrites))
    github.forget()
    hub.set_dir(tmp_path / "ours")
    torch.hub.set_dir(str(tmp_path / "theirs"))  # set_dir above told torch
    return hub


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and not path.name.startswith(".ptm-hub") and "__pycache__" not in path.parts}


def total(value):
    state = value.state_dict() if isinstance(value, torch.nn.Module) else value
    return float(sum(one.double().sum() for one in state.values()))


def outcome(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever it is, is what is compared
        return error


def forget_modules():
    for name in [name for name in sys.modules if name.split(".")[0] in ("library", "stars", "models", "utils")]:
        del sys.modules[name]


def test_names_and_docstrings_are_the_same(ours, theirs):
    for repo in REPOS:
        names = theirs.list(repo, trust_repo=True)
        forget_modules()
        assert ours.list(repo, trust_repo=True) == names
        for name in (*names, "_private"):
            told = outcome(theirs.help, repo, name, trust_repo=True)
            forget_modules()
            mine = outcome(ours.help, repo, name, trust_repo=True)
            assert str(mine) == str(told) and isinstance(mine, type(told)), (repo, name)


def test_folders_and_files_are_the_same(ours, theirs, tmp_path):
    for repo in REPOS:
        theirs.list(repo, trust_repo=True)
        ours.list(repo, trust_repo=True)
    folders = [{path.name for path in (tmp_path / one).iterdir() if path.is_dir() and not path.name.startswith(".")} for one in ("ours", "theirs")]
    assert folders[0] == folders[1] and len(folders[0]) == len(REPOS)
    for name in folders[0]:
        assert tree(tmp_path / "ours" / name) == tree(tmp_path / "theirs" / name)
    assert (tmp_path / "ours/trusted_list").read_text() == (tmp_path / "theirs/trusted_list").read_text()


@pytest.mark.parametrize("entry", ["mnist", "mnist_zip", "mnist_zip_1_6"])
def test_state_dicts_of_the_example(ours, theirs, entry):
    assert total(ours.load(EXAMPLE, entry, pretrained=True, verbose=False, trust_repo=True)) == EXAMPLE_SUM
    assert total(theirs.load(EXAMPLE, entry, pretrained=True, verbose=False, trust_repo=True)) == EXAMPLE_SUM


def test_a_branch_with_a_slash_and_a_folder(ours, theirs):
    one = ours.load(f"{EXAMPLE}:ci/test_slash", "mnist", pretrained=True, trust_repo=True)
    assert total(one) == EXAMPLE_SUM
    folder = os.path.join(ours.get_dir(), "ailzhang_torchhub_example_ci_test_slash")
    assert total(ours.load(folder, "mnist", source="local", pretrained=True)) == EXAMPLE_SUM
    assert total(theirs.load(folder, "mnist", source="local", pretrained=True)) == EXAMPLE_SUM


@pytest.mark.parametrize("entry, keywords", [("tiny", {}), ("tiny", {"seed": 5}), ("bundled", {})])
def test_state_dicts_of_modules(ours, theirs, entry, keywords):
    told = theirs.load("acme/models", entry, trust_repo=True, **keywords)
    forget_modules()
    mine = ours.load("acme/models", entry, trust_repo=True, **keywords)
    assert total(mine) == total(told) and list(mine.state_dict()) == list(told.state_dict())
    assert torch.equal(mine(torch.ones(1, 4)), told(torch.ones(1, 4)))


def test_each_uses_the_others_copies_without_the_network(ours, theirs, github, tmp_path, monkeypatch):
    for repo in REPOS:
        theirs.list(repo, trust_repo=True)
    monkeypatch.setenv("PTM_REWRITE", NOWHERE)
    ours.set_dir(tmp_path / "theirs")
    forget_modules()
    listed = {repo: ours.list(repo, trust_repo=TRUSTED[repo]) for repo in REPOS}
    assert not any((tmp_path / "theirs").glob("acme_*/.ptm-hub.json"))

    monkeypatch.setenv("PTM_REWRITE", " ".join(github.rewrites))
    ours.set_dir(tmp_path / "more")
    for repo in REPOS:
        ours.list(repo, trust_repo=True)
    torch_peer.lead(None).set_dir(str(tmp_path / "more"))
    forget_modules()
    for repo in REPOS:
        ref = repo if ":" in repo else repo + (":master" if repo == EXAMPLE else ":main")
        assert theirs.list(ref, trust_repo="check") == listed[repo]


def test_each_uses_the_others_checkpoints_and_trust(ours, theirs, github, tmp_path, monkeypatch):
    state = hub_samples.example_weights(value=3.0)
    one, two = github.file("shared/one.pth", state), github.file("shared/two.pth", state)
    theirs.set_dir(str(tmp_path / "ours"))
    assert total(ours.load_state_dict_from_url(one, progress=False)) == total(theirs.load_state_dict_from_url(two, progress=False)) == 3 * EXAMPLE_SUM
    torch_peer.lead(None)
    monkeypatch.setenv("PTM_REWRITE", NOWHERE)
    assert total(theirs.load_state_dict_from_url(one, progress=False)) == total(ours.load_state_dict_from_url(two, progress=False)) == 3 * EXAMPLE_SUM
    torch_peer.lead(github.rewrites)
    monkeypatch.setenv("PTM_REWRITE", " ".join(github.rewrites))
    ours.list("acme/plain", trust_repo=True)
    theirs.list("acme/models", trust_repo=True)
    assert (tmp_path / "ours/trusted_list").read_text() == "acme_plain\nacme_models\n"
    # "check" would ask, and there is nobody.
    forget_modules()
    theirs.list("acme/plain:v1.0", trust_repo="check")
    ours.list("acme/models", trust_repo="check")


def test_a_name_with_two_readings_is_asked_about(ours, theirs, tmp_path, monkeypatch):
    theirs.list(EXAMPLE, trust_repo=True)
    forget_modules()
    ours.set_dir(tmp_path / "theirs")
    questions = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "y")
    for _ in range(2):
        assert "mnist" in ours.list(EXAMPLE, trust_repo="check", verbose=False)
    # Once for the line of the list, once for the folder; the answers are kept.
    assert len(questions) == 2 and "ailzhang_torchhub_example" in questions[0] and "ailzhang/torchhub:example_master" in questions[1]


ERRORS = [
    ("load", ("acme/plain", "absent"), {}),
    ("load", ("acme/plain", 5), {}),
    ("help", ("acme/plain", "absent"), {}),
    ("load", ("acme/plain", "LIMIT"), {}),
    ("load", ("acme/plain", "first"), {"source": "gitlab"}),
    ("load", ("acme/missing", "net"), {}),
    ("load", ("acme/broken", "net"), {}),
    ("load", ("acme/bare", "net"), {}),
    ("list", ("acme/plain:absent",), {}),
    ("load", ("/nonexistent", "net"), {"source": "local"}),
    ("load_state_dict_from_url", ("https://files.example.org/errors/x-00000000.pth",), {"check_hash": True, "progress": False}),
    ("load_state_dict_from_url", ("https://files.example.org/errors/absent.pth",), {"progress": False}),
    ("load_state_dict_from_url", ("https://files.example.org/errors/",), {"progress": False}),
    ("load_state_dict_from_url", ("nonsense",), {"progress": False}),
    ("download_url_to_file", ("https://files.example.org/errors/x-00000000.pth", "/nonexistent/folder/x.pth"), {"progress": False}),
    ("download_url_to_file", ("gopher://files.example.org/x.pth", "x.pth"), {"progress": False}),
    ("download_url_to_file", ("file:///nonexistent/x.pth", "x.pth"), {"progress": False}),
]


@pytest.mark.parametrize("name, args, kwargs", ERRORS, ids=lambda value: str(value)[:40])
def test_errors_are_of_the_same_kind_and_say_the_same(ours, theirs, github, name, args, kwargs):
    if not (github.bare("acme/missing")).exists():
        github.publish("acme/missing", {"hubconf.py": "dependencies = ['absent_one', 'json', 'absent_two']\n\n\ndef net(): pass\n"})
        github.publish("acme/broken", {"hubconf.py": "def net():\n    return 1 +\n"})
        github.publish("acme/bare", {"README.md": "no hubconf\n"})
        github.file("errors/x-00000000.pth", hub_samples.example_weights())
    if name in ("load", "list", "help") and kwargs.get("source") != "local":
        kwargs = {**kwargs, "trust_repo": True}
    told = outcome(getattr(theirs, name), *args, **kwargs)
    forget_modules()
    mine = outcome(getattr(ours, name), *args, **kwargs)
    assert isinstance(told, Exception) and isinstance(mine, type(told)), (told, mine)
    if not isinstance(told, (OSError, SyntaxError)):  # those name folders, which differ
        assert str(told) in str(mine)


def test_answers_about_trust(ours, theirs, monkeypatch):
    questions = []
    for answer in ("", "no", "n", "perhaps", "Y", "yes"):
        told = []
        for one in (theirs, ours):
            os.makedirs(one.get_dir(), exist_ok=True)
            monkeypatch.setattr("builtins.input", lambda question, answer=answer: questions.append(question) or answer)
            (pathlib.Path(one.get_dir()) / "trusted_list").unlink(missing_ok=True)
            result = outcome(one._check_repo_is_trusted, "acme", "plain", "acme_plain_main", "check")
            told.append((str(result), type(result).__mro__[-3:], (pathlib.Path(one.get_dir()) / "trusted_list").read_text()))
        assert told[0] == told[1], answer
    assert len(questions) == 12 and len(set(questions)) == 1
