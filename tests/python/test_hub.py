# SPDX-License-Identifier: MIT
"""ptmtorrent.hub has the interface of torch.hub: what its documentation says, what programs and torch's own tests rely on, against a GitHub
on loopback. Downloads and state dicts are in test_hub_weights.py, isolation in test_hub_isolate.py."""
import gc
import inspect
import io
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import warnings
import zipfile

import pytest

from hub_ground import NOWHERE, answers, github, hub, hub_samples, online, write_tree  # noqa: F401
from ptmtorrent import Error, _hub_core

EXAMPLE = hub_samples.EXAMPLE
UNTRUSTED = "You are about to download and run code from an untrusted repository"
HUBCONF = 'dependencies = []\n\n\ndef answer(x=42):\n    """Says x."""\n    return x\n'


@pytest.fixture(scope="module")
def acme(github):  # noqa: F811
    """acme/model: main and a tag; acme/old: master; acme/odd: develop."""
    github.publish("acme/model", {"hubconf.py": HUBCONF}, tags=["v1.0"])
    github.publish("acme/model", {"hubconf.py": HUBCONF + "\n\ndef slashed():\n    return 'slashed'\n"}, branch="ci/test_slash")
    github.publish("acme/old", {"hubconf.py": HUBCONF}, branch="master")
    github.publish("acme/odd", {"hubconf.py": HUBCONF}, branch="develop")
    github.publish("pytorch/tiny", {"hubconf.py": HUBCONF})
    hub_samples.plain(github)
    return github


def trusted(hub):  # noqa: F811
    path = pathlib.Path(hub.get_dir()) / "trusted_list"
    return path.read_text() if path.exists() else None


# --- handles ---

def test_handles__are_not_closed_while_a_call_uses_them(hub, tmp_path, monkeypatch):  # noqa: F811
    """The question is asked out of C; meanwhile other threads' calls put the handle out of those that are kept."""
    closed, seen = [], []
    monkeypatch.setattr(_hub_core, "_close", lambda pid, ctx, pointer, nets: closed.append(pointer))
    folder = str(tmp_path / "hub")
    write_tree(tmp_path / "hub/acme_my_model_main", {"hubconf.py": HUBCONF})  # torch's, and also of acme/my:model_main

    def ask(question):
        used = next(handle.pointer for key, handle in _hub_core._handles.items() if key[0] == folder)
        for i in range(_hub_core._KEPT):
            _hub_core.handle(str(tmp_path / str(i)))
        gc.collect()
        seen.append(used in closed)
        return True
    _hub_core.settle(folder, "acme/my_model:main", ask)
    assert seen == [False]


# --- names ---

def test_names__are_those_of_torch_hub(hub):  # noqa: F811
    torch_hub = pytest.importorskip("torch.hub")
    assert sorted(hub.__all__) == sorted(torch_hub.__all__)
    for name in ["_get_cache_or_reload", "_parse_repo_info", "_validate_not_a_forked_repo", "_check_repo_is_trusted", "_load_local",
                 "_import_module", "_git_archive_link", "_read_url", "_get_torch_home", "_is_legacy_zip_format", "_legacy_zip_load", "HASH_REGEX",
                 "tqdm", "urlparse", "READ_DATA_CHUNK", "ENV_TORCH_HOME", "ENV_GITHUB_TOKEN", "ENV_XDG_CACHE_HOME", "_TRUSTED_REPO_OWNERS",
                 "_hub_dir", "MODULE_HUBCONF", "VAR_DEPENDENCY", "DEFAULT_CACHE_DIR", "_load_entry_from_hubconf", "_check_dependencies",
                 "_check_module_exists", "_load_attr_from_module", "_remove_if_exists"]:
        assert hasattr(torch_hub, name) and hasattr(hub, name), name
    for name in ["ENV_TORCH_HOME", "ENV_GITHUB_TOKEN", "ENV_XDG_CACHE_HOME", "_TRUSTED_REPO_OWNERS", "MODULE_HUBCONF", "VAR_DEPENDENCY",
                 "DEFAULT_CACHE_DIR"]:
        assert getattr(hub, name) == getattr(torch_hub, name)
    assert hub.HASH_REGEX.pattern == torch_hub.HASH_REGEX.pattern
    for name in ("_add_to_sys_path", "_safe_extract_zip", "_Faketqdm"):  # of newer ones
        assert callable(getattr(hub, name))
    assert hub.urlparse is urllib.parse.urlparse


def test_signatures__begin_as_those_of_torch_2_11(hub):  # noqa: F811
    def parameters(function):
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    none = inspect.Parameter.empty
    assert parameters(hub.list) == [("github", none), ("force_reload", False), ("skip_validation", False), ("trust_repo", "check"), ("verbose", True)]
    assert parameters(hub.help) == [("github", none), ("model", none), ("force_reload", False), ("skip_validation", False), ("trust_repo", "check")]
    assert parameters(hub.load) == [("repo_or_dir", none), ("model", none)]
    keywords = {p.name: p.default for p in inspect.signature(hub.load).parameters.values() if p.kind is p.KEYWORD_ONLY}
    assert list(keywords.items())[:5] == [("source", "github"), ("trust_repo", "check"), ("force_reload", False), ("verbose", True), ("skip_validation", False)]
    assert parameters(hub.download_url_to_file) == [("url", none), ("dst", none), ("hash_prefix", None), ("progress", True)]
    assert parameters(hub.load_state_dict_from_url) == [("url", none), ("model_dir", None), ("map_location", None), ("progress", True),
                                                        ("check_hash", False), ("file_name", None), ("weights_only", True)]
    assert parameters(hub._get_cache_or_reload) == [("github", none), ("force_reload", none), ("trust_repo", none), ("verbose", True),
                                                    ("skip_validation", False)]


def test_import__brings_neither_torch_nor_numpy():
    code = "import sys, ptmtorrent.hub; sys.exit(bool({'torch', 'numpy', 'urllib.request', 'zipfile'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_package__gives_hub():
    import ptmtorrent
    from ptmtorrent import hub as torch_hub
    assert ptmtorrent.hub is torch_hub and "hub" in ptmtorrent.__all__


# --- folders ---

def test_get_dir__follows_the_environment_in_torchs_order(hub, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(hub, "_hub_dir", None)
    home = os.path.expanduser("~")
    assert hub.get_dir() == f"{home}/.cache/torch/hub" and hub._get_torch_home() == f"{home}/.cache/torch"
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    assert hub.get_dir() == f"{home}/cache/torch/hub"
    monkeypatch.setenv("TORCH_HOME", "~/t")
    assert hub.get_dir() == f"{home}/t/hub"
    monkeypatch.setenv("TORCH_HOME", "")
    assert hub.get_dir() == "hub"
    hub.set_dir(tmp_path / "set")
    assert hub.get_dir() == str(tmp_path / "set") and not (tmp_path / "set").exists()


def test_set_dir__expands_the_home_folder(hub):  # noqa: F811
    hub.set_dir("~/hub")
    assert hub.get_dir() == os.path.expanduser("~/hub")


def test_get_dir__warns_of_torch_hub_variable(hub, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TORCH_HUB", "/elsewhere")
    with pytest.warns(UserWarning, match="TORCH_HUB is deprecated, please use env TORCH_HOME instead"):
        assert hub.get_dir() != "/elsewhere"


def test_get_dir__is_asked_at_each_call(online, acme, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(online, "_hub_dir", None)
    monkeypatch.setattr(online, "_get_torch_home", lambda: str(tmp_path / "mine"))
    assert online.load("acme/model:main", "answer", trust_repo=True) == 42
    assert (tmp_path / "mine/hub/acme_model_main/hubconf.py").is_file()


def test_set_dir__is_where_torch_puts_weights_too(hub, tmp_path, monkeypatch):  # noqa: F811
    torch_hub = pytest.importorskip("torch.hub")
    monkeypatch.setattr(torch_hub, "_hub_dir", None)
    monkeypatch.setattr(hub, "_told", None)
    hub.set_dir(tmp_path / "one")
    assert torch_hub.get_dir() == str(tmp_path / "one")
    hub.set_dir(tmp_path / "two")
    assert torch_hub.get_dir() == str(tmp_path / "two")
    torch_hub.set_dir("/its/own")
    hub.set_dir(tmp_path / "three")
    assert torch_hub.get_dir() == "/its/own"


# --- names of repositories ---

def test_parse_repo_info__takes_names_apart(hub):  # noqa: F811
    assert hub._parse_repo_info("a/b:c") == ("a", "b", "c")
    assert hub._parse_repo_info("a/b:refs/heads/x") == ("a", "b", "refs/heads/x")


@pytest.mark.parametrize("text, words", [("a/b:c:d", "too many values to unpack"), ("a/b/c", "too many values to unpack"),
                                         ("ab", "not enough values to unpack")])
def test_parse_repo_info__raises_value_error_with_torchs_words(hub, text, words):  # noqa: F811
    with pytest.raises(ValueError, match=words):
        hub._parse_repo_info(text)
    with pytest.raises(ValueError, match="OWNER/NAME"):
        hub.load(text, "answer", trust_repo=True)


def test_parse_repo_info__finds_the_default_branch(online, acme):  # noqa: F811
    assert online._parse_repo_info("acme/model") == ("acme", "model", "main")
    assert online._parse_repo_info("acme/old") == ("acme", "old", "master")
    assert online._parse_repo_info("acme/odd") == ("acme", "odd", "develop")  # torch guesses master and fails


def test_load__without_network_and_cache_says_so(hub):  # noqa: F811
    with pytest.raises(RuntimeError, match="It looks like there is no internet connection and the repo could not be found in the cache"):
        hub.load("acme/model", "answer", trust_repo=True)


def test_load__without_ref_uses_the_cached_copy_without_network(online, acme, monkeypatch, capsys):  # noqa: F811
    assert online.load("acme/model", "answer", trust_repo=True) == 42
    before = len(acme.requests())
    assert online.load("acme/model", "answer") == 42
    assert len(acme.requests()) == before
    monkeypatch.setenv("PTM_REWRITE", NOWHERE)
    assert online.load("acme/model", "answer") == 42


def test_load__of_a_repository_nobody_has_is_an_error(online, acme):  # noqa: F811
    for repo in ("acme/absent:main", "acme/absent"):
        with pytest.raises((ValueError, urllib.error.HTTPError)) as error:
            online.load(repo, "answer", trust_repo=True)
        assert isinstance(error.value, Error) and "absent" in str(error.value) and "upload-pack" not in str(error.value)


def test_load__of_a_commit_of_a_fork_is_refused(online, acme):  # noqa: F811
    sha = acme.fork_commit("acme/model", {"hubconf.py": "raise SystemExit('of a fork')"})
    with pytest.raises(ValueError, match=r"Cannot find .* in https://github.com/acme/model\. If it's a commit from a forked repo"):
        online.load(f"acme/model:{sha[:10]}", "answer", trust_repo=True)
    assert not [name for name in os.listdir(online.get_dir()) if name.startswith("acme_model_")]


def test_validate__accepts_branches_tags_and_their_commits_only(online, acme):  # noqa: F811
    sha = acme.sha("acme/model", "refs/heads/main")
    for ref in ("main", "ci/test_slash", "v1.0", sha, sha[:7]):
        online._validate_not_a_forked_repo("acme", "model", ref)
    with pytest.raises(ValueError, match="If it's a commit from a forked repo, please call hub.load"):
        online._validate_not_a_forked_repo("acme", "model", "4e2c216")
    with pytest.raises(urllib.error.HTTPError) as error:
        online._validate_not_a_forked_repo("secret", "absent", "main")
    assert error.value.code in (401, 404)


def test_validate__works_when_githubs_api_is_used_up(online, acme):  # noqa: F811
    acme.no_api()
    try:
        assert online.load("acme/model:v1.0", "answer", trust_repo=True) == 42
        online._validate_not_a_forked_repo("acme", "model", "v1.0")
    finally:
        acme.no_api(False)


def test_validate__that_a_program_replaced_is_called_instead(online, acme, monkeypatch):  # noqa: F811
    seen = []
    monkeypatch.setattr(online, "_validate_not_a_forked_repo", lambda *args: seen.append(args))
    assert online.load("acme/model:main", "answer", trust_repo=True) == 42
    assert seen == [("acme", "model", "main")]


def test_read_url__gives_text_with_the_headers_of_a_request(online, acme):  # noqa: F811
    import urllib.request
    url = "https://api.github.com/repos/acme/model/branches?per_page=100&page=1"
    assert '"main"' in online._read_url(url)
    assert '"main"' in online._read_url(urllib.request.Request(url, headers={"Accept": "application/vnd.github.v3+json"}))


def test_load__of_a_name_that_is_branch_and_tag_warns_once_and_takes_the_branch(online, github, caplog):  # noqa: F811
    github.publish("acme/twice", {"hubconf.py": "def which():\n    return 'tag'\n"}, branch="main", tags=["both"])
    github.publish("acme/twice", {"hubconf.py": "def which():\n    return 'branch'\n"}, branch="both")
    with pytest.warns(UserWarning, match="The ref both is ambiguous. Perhaps it is both a tag and a branch in the repo?") as seen:
        assert online.load("acme/twice:both", "which", trust_repo=True) == "branch"
    assert [one.filename for one in seen] == [__file__]
    assert (pathlib.Path(online.get_dir()) / "acme_twice_both").is_dir()
    assert not caplog.records  # what is logged and read by nobody, Python writes to standard error


# --- messages ---

def test_messages__go_where_torchs_go(online, acme, capsys):  # noqa: F811
    folder = online.get_dir()
    online.load("acme/model:ci/test_slash", "slashed", trust_repo=True, verbose=False)
    out, err = capsys.readouterr()
    assert out == f'Downloading: "https://github.com/acme/model/zipball/ci/test_slash" to {folder}/ci_test_slash.zip\n' and err == ""
    online.load("acme/model:ci/test_slash", "slashed", verbose=False)
    assert capsys.readouterr() == ("", "")
    online.load("acme/model:ci/test_slash", "slashed")
    assert capsys.readouterr() == ("", f"Using cache found in {folder}/acme_model_ci_test_slash\n")
    online.list("acme/model:ci/test_slash", verbose=False)
    assert capsys.readouterr() == ("", "")
    online.help("acme/model:ci/test_slash", "answer")
    assert capsys.readouterr().err.startswith("Using cache found in ")


def test_git_archive_link__is_githubs(hub):  # noqa: F811
    assert hub._git_archive_link("a", "b", "c/d") == "https://github.com/a/b/zipball/c/d"


# --- list, help, load ---

def test_list__gives_the_names_python_sees(online, acme):  # noqa: F811
    names = online.list("acme/plain:main", trust_repo=True)
    assert names == sorted(names)
    assert {"first", "unicode", "undocumented", "Model", "small", "square", "alias", "fallback", "conditional", "model_8", "model_16", "starred",
            "Path", "to_json", "helper", "Thing"} == set(names)


def test_help__gives_docstrings_in_any_language(online, acme):  # noqa: F811
    assert "模型" in online.help("acme/plain:main", "unicode", trust_repo=True) and "🔥" in online.help("acme/plain:main", "unicode")
    assert online.help("acme/plain:main", "undocumented") is None
    assert online.help("acme/plain:main", "_private") == "Not listed, but help and load find it."


def test_load__passes_arguments_on(online, acme):  # noqa: F811
    assert online.load("acme/plain:main", "first", 1, 2, 3, trust_repo=True, flag=True, more=4) == {"a": 1, "b": 2, "rest": (3,), "flag": True, "more": 4}


def test_load__takes_its_first_argument_as_github_as_of_old(online, acme):  # noqa: F811
    assert online.load(github="acme/model:main", model="answer", trust_repo=True) == 42
    assert online.list(github="acme/model:main") == ["answer"]
    assert online.help(github="acme/model:main", model="answer") == "Says x."


def test_load__leaves_github_to_entry_points_that_want_it(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "def entry(github):\n    return github\n"})
    assert hub.load(folder, "entry", source="local", github="mine") == "mine"


def test_load__from_a_local_folder_asks_nobody(hub, answers, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": HUBCONF})
    assert hub.load(folder, "answer", 7, source="LOCAL") == 7 and hub._load_local(folder, "answer", x=8) == 8
    assert not answers.asked and trusted(hub) is None


@pytest.mark.parametrize("arguments, kind, words", [
    (dict(model="answer", source="gitlab"), ValueError, r'Unknown source: "gitlab"\. Allowed values: "github" \| "local"\.'),
    (dict(model=3, source="local"), ValueError, "Invalid input: model should be a string of function name"),
    (dict(model="absent", source="local"), RuntimeError, "Cannot find callable absent in hubconf"),
    (dict(model="dependencies", source="local"), RuntimeError, "Cannot find callable dependencies in hubconf"),
    (dict(model="answer", source="local", isolate="maybe"), ValueError, "Unknown isolate"),
])
def test_load__names_what_is_wrong_as_torch_does(hub, tmp_path, arguments, kind, words):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": HUBCONF})
    with pytest.raises(kind, match=words):
        hub.load(folder, **arguments)


def test_load__names_missing_dependencies(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "dependencies = ['json', 'absent_a', 'absent_b']\n\n\ndef entry():\n    pass\n"})
    for isolate in (False, True):
        with pytest.raises(RuntimeError, match="^Missing dependencies: absent_a, absent_b$"):
            hub.load(folder, "entry", source="local", isolate=isolate)


def test_load__without_hubconf_is_file_not_found(hub, tmp_path):  # noqa: F811
    for isolate in (False, True):
        with pytest.raises(FileNotFoundError):
            hub.load(str(tmp_path), "entry", source="local", isolate=isolate)


def test_import_module__names_the_file_that_is_no_python(hub):  # noqa: F811
    with pytest.raises(AssertionError, match="failed to load spec from /nonexistent/x.txt"):
        hub._import_module("x", "/nonexistent/x.txt")


def test_remove_if_exists__takes_files_and_folders(hub, tmp_path):  # noqa: F811
    write_tree(tmp_path / "a", {"b/c": "", "d": ""})
    (tmp_path / "link").symlink_to("a")
    for name in ("link", "a/d", "a", "absent"):
        hub._remove_if_exists(str(tmp_path / name))
        assert (tmp_path / "a/b/c").exists() == (name in ("link", "a/d"))
    assert not list(tmp_path.iterdir())


def test_load__takes_sys_path_back_when_hubconf_fails(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "raise ImportError('no')\n"})
    before = list(sys.path)
    for isolate in (False, True):
        with pytest.raises(ImportError, match="no"):
            hub.load(folder, "entry", source="local", isolate=isolate)
        assert sys.path == before


def test_force_reload__replaces_the_copy(online, github):  # noqa: F811
    github.publish("acme/moving", {"hubconf.py": "def entry():\n    return 1\n"})
    assert online.load("acme/moving:main", "entry", trust_repo=True) == 1
    github.publish("acme/moving", {"hubconf.py": "def entry():\n    return 2\n"})
    assert online.load("acme/moving:main", "entry") == 1
    assert online.load("acme/moving", "entry", force_reload=True) == 2
    assert online.load("acme/moving:main", "entry") == 2


def test_cache__has_torchs_folders(online, acme):  # noqa: F811
    folder = pathlib.Path(online.get_dir())
    online.load("acme/model:ci/test_slash", "slashed", trust_repo=True)
    assert (folder / "acme_model_ci_test_slash" / "hubconf.py").is_file()
    assert not list(folder.glob("*.zip"))


def test_skip_validation__believes_the_ref(online, acme):  # noqa: F811
    sha = acme.fork_commit("acme/model", {"hubconf.py": "def answer():\n    return 'fork'\n"})
    assert online.load(f"acme/model:{sha}", "answer", trust_repo=True, skip_validation=True) == "fork"


def test_private_repository__opens_with_github_token(online, github, monkeypatch):  # noqa: F811
    from github import TOKEN
    github.publish("secret/model", {"hubconf.py": HUBCONF})
    with pytest.raises(Error):
        online.load("secret/model:main", "answer", trust_repo=True)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    assert online.load("secret/model", "answer", trust_repo=True) == 42


def test_enterprise__names_that_torch_trusts_are_anybodys_there(online, github, answers, monkeypatch):  # noqa: F811
    github.publish("pytorch/inhouse", {"hubconf.py": HUBCONF})
    monkeypatch.setenv("GH_HOST", "github.example.org")
    with pytest.raises(EOFError):
        online.load("pytorch/inhouse", "answer")  # who this is there, nobody knows
    assert online.load("pytorch/inhouse", "answer", trust_repo=True) == 42


@pytest.mark.parametrize("name", ["../../outside.py", "/tmp/ptm-outside.py", "..", "acme-evil-1/../../../outside.py"])
def test_hostile_archive__is_refused_and_leaves_nothing(online, github, name, tmp_path):  # noqa: F811
    github.publish("acme/evil", {"hubconf.py": HUBCONF})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "raise SystemExit('outside')")
        archive.writestr("acme-evil-1/hubconf.py", HUBCONF)
    github.hostile("acme/evil", "main", out.getvalue())
    github.hostile("acme/evil", github.sha("acme/evil"), out.getvalue())
    with pytest.raises(ValueError) as error:
        online.load("acme/evil:main", "answer", trust_repo=True)
    assert isinstance(error.value, Error)
    assert not [path for path in tmp_path.rglob("*") if path.name in ("outside.py", "hubconf.py")] and not os.path.exists("/tmp/ptm-outside.py")


# --- trust ---

@pytest.mark.parametrize("response", ["", "no", "N"])
def test_trust__refused_by_the_user(online, acme, answers, response):  # noqa: F811
    answers.append(response)
    with pytest.raises(Exception, match=r"^Untrusted repository\.$") as error:
        online.load("acme/model:main", "answer", trust_repo="check")
    assert type(error.value) is Exception
    assert answers.asked == ["The repository acme_model does not belong to the list of trusted repositories and as such cannot be downloaded. "
                             "Do you trust this repository and wish to add it to the trusted list of repositories (y/N)?"]
    assert trusted(online) == "" and not (pathlib.Path(online.get_dir()) / "acme_model_main").exists()


def test_trust__other_answers_are_value_errors(online, acme, answers):  # noqa: F811
    answers.append("maybe")
    with pytest.raises(ValueError, match=r"Unrecognized response maybe\."):
        online.load("acme/model:main", "answer")


def test_trust__yes_is_remembered_and_false_asks_again(online, acme, answers, capsys):  # noqa: F811
    answers.extend(["YES", "y"])
    assert online.load("acme/model:main", "answer") == 42
    assert trusted(online) == "acme_model\n"
    assert online.load("acme/model:main", "answer", trust_repo="check") == 42 and len(answers.asked) == 1
    assert online.load("acme/model:main", "answer", trust_repo=False) == 42 and len(answers.asked) == 2
    assert "The repository is already trusted." in capsys.readouterr().out
    assert trusted(online) == "acme_model\n"


def test_trust__true_writes_the_list_once(online, acme, answers):  # noqa: F811
    for _ in range(2):
        online.load("acme/model:main", "answer", trust_repo=True)
    assert trusted(online) == "acme_model\n" and not answers.asked


def test_trust__owners_known_to_torch_are_not_asked_about(online, acme, answers):  # noqa: F811
    assert online.load("pytorch/tiny:main", "answer", trust_repo="check") == 42
    assert not answers.asked and trusted(online) == ""


def test_trust__owners_can_be_changed(online, acme, answers, monkeypatch):  # noqa: F811
    monkeypatch.setattr(online, "_TRUSTED_REPO_OWNERS", ("acme",))
    assert online.load("acme/model:main", "answer") == 42 and not answers.asked
    answers.append("n")
    with pytest.raises(Exception, match="Untrusted repository."):
        online.load("pytorch/tiny:main", "answer")


def test_trust__a_trusted_copy_in_the_cache_counts_without_the_list(online, acme, answers):  # noqa: F811
    online.load("acme/model:main", "answer", trust_repo=True)
    os.remove(pathlib.Path(online.get_dir()) / "trusted_list")
    assert online.load("acme/model:main", "answer", trust_repo="check") == 42
    assert not answers.asked and trusted(online) == ""


def test_trust__a_copy_that_torch_made_counts(hub, answers, tmp_path):  # noqa: F811
    write_tree(tmp_path / "hub/acme_model_main", {"hubconf.py": HUBCONF})
    assert hub.load("acme/model:main", "answer", trust_repo="check") == 42
    assert not answers.asked and trusted(hub) == ""


def test_trust__a_copy_of_torchs_whose_name_has_two_readings_is_asked_about(hub, answers, tmp_path):  # noqa: F811
    write_tree(tmp_path / "hub/acme_my_model_main", {"hubconf.py": HUBCONF})
    write_tree(tmp_path / "hub", {"trusted_list": "", ".ptm/trusted": ""})
    answers.extend(["y", "n"])
    with pytest.raises(Error, match="acme/my"):
        hub.load("acme/my_model:main", "answer")
    assert len(answers.asked) == 2 and "acme/my:model_main" in answers.asked[1]
    answers.append("y")
    assert hub.load("acme/my_model:main", "answer") == 42
    assert hub.load("acme/my_model:main", "answer") == 42 and len(answers.asked) == 3  # the answer is kept


def test_trust__two_repositories_of_one_folder_are_not_confused(online, github, answers):  # noqa: F811
    github.publish("acme/r", {"hubconf.py": "def whose():\n    return 'r'\n"}, branch="a_b")
    github.publish("acme/r_a", {"hubconf.py": "def whose():\n    return 'r_a'\n"}, branch="b")
    assert online.load("acme/r:a_b", "whose", trust_repo=True) == "r"
    with pytest.raises(Error, match="acme/r:a_b"):
        online.load("acme/r_a:b", "whose", trust_repo=True)


def test_trust__without_a_terminal_is_a_clear_refusal(online, acme, answers):  # noqa: F811
    with pytest.raises(EOFError, match="trust_repo=True") as error:
        online.load("acme/model:main", "answer")
    assert isinstance(error.value, Error) and isinstance(error.value, online.UntrustedError) and "acme_model" in str(error.value)


@pytest.mark.parametrize("stdin", ["</dev/null", "<&-"])
def test_trust__without_standard_input_is_the_same_refusal(github, acme, tmp_path, stdin):  # noqa: F811
    code = "from ptmtorrent import hub; hub.load('acme/model:main', 'answer')"
    done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {stdin}', sys.executable, code], stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "TORCH_HOME": str(tmp_path), "PTM_REWRITE": " ".join(github.rewrites)})
    assert done.returncode == 1 and "UntrustedError" in done.stderr.splitlines()[-1] and "trust_repo=True" in done.stderr


@pytest.mark.parametrize("call", [lambda hub, **how: hub.load("acme/model:main", "answer", **how), lambda hub, **how: hub.list("acme/model:main", **how),
                                  lambda hub, **how: hub.help("acme/model:main", "answer", **how)])
def test_profile__2_10_warns_and_goes_on(online, acme, answers, call):  # noqa: F811
    with pytest.warns(UserWarning, match=UNTRUSTED) as seen:
        call(online, profile="2.10")
    assert len(seen) == 1 and seen[0].filename == __file__ and not answers.asked and trusted(online) == ""
    with pytest.warns(UserWarning, match=UNTRUSTED):
        call(online, trust_repo=None, profile="2.10")


def test_profile__comes_from_the_environment(online, acme, answers, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PTM_TORCH_PROFILE", "2.10")
    with pytest.warns(UserWarning, match=UNTRUSTED):
        online.load("acme/model:main", "answer")
    with pytest.raises(EOFError):
        online.load("acme/model:main", "answer", profile="2.11")
    with pytest.raises(ValueError, match="Unknown profile"):
        online.load("acme/model:main", "answer", profile="1.0")


def test_profile__2_11_takes_none_for_true(online, acme, answers):  # noqa: F811
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert online.load("acme/model:main", "answer", trust_repo=None) == 42
    assert trusted(online) == "acme_model\n" and not answers.asked


def test_check_repo_is_trusted__can_be_called_and_replaced(online, acme, answers, monkeypatch):  # noqa: F811
    os.makedirs(online.get_dir())
    answers.append("y")
    online._check_repo_is_trusted("acme", "model", "acme_model_main", "check")
    assert trusted(online) == "acme_model\n"
    online._check_repo_is_trusted("acme", "model", "acme_model_main", trust_repo="check", calling_fn="load")
    monkeypatch.setattr(online, "_check_repo_is_trusted", lambda *args, **kwargs: True)
    assert online.load("acme/old:master", "answer", trust_repo=False) == 42 and len(answers.asked) == 1


def test_load__ends_at_ctrl_c_and_works_the_next_time(github, tmp_path):  # noqa: F811
    github.publish("slow/model", {"hubconf.py": HUBCONF, "big.bin": os.urandom(400_000)})
    code = ("import signal, sys\nfrom ptmtorrent import hub\nhub.set_dir(sys.argv[1])\n"
            "def interrupt(*_): raise KeyboardInterrupt\n"
            "signal.signal(signal.SIGALRM, interrupt)\nsignal.setitimer(signal.ITIMER_REAL, 1)\n"
            "try: hub.load('slow/model:main', 'answer', trust_repo=True, verbose=False)\n"
            "except KeyboardInterrupt: print('interrupted')\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\n"
            "print(hub.load('slow/model:main', 'answer', verbose=False))\n")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "hub")], stdout=subprocess.PIPE, text=True, timeout=120,
                          env={**os.environ, "PTM_REWRITE": " ".join(github.rewrites)})
    assert done.stdout.splitlines()[-1] == "42" and "interrupted" in done.stdout, done.stdout
    assert not list((tmp_path / "hub/.ptm/tmp").glob("*"))


# --- torch's own example ---

@pytest.fixture(scope="module")
def example(github):  # noqa: F811
    pytest.importorskip("torch")
    hub_samples.torchhub_example(github)
    return github


def total(net):
    return sum(float(tensor.sum()) for tensor in net.state_dict().values())


@pytest.mark.parametrize("entry, words", [("mnist", None), ("mnist_zip", "will be deprecated in favor of default zipfile"), ("mnist_zip_1_6", None)])
@pytest.mark.parametrize("ref", ["", ":ci/test_slash"])
def test_example__has_the_sum_torchs_tests_expect(online, example, monkeypatch, entry, words, ref):  # noqa: F811
    import torch.hub
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", online.load_state_dict_from_url)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        net = online.load(EXAMPLE + ref, entry, source="github", pretrained=True, verbose=False, trust_repo=True)
    assert total(net) == hub_samples.EXAMPLE_SUM
    assert [str(one.message) for one in seen if issubclass(one.category, FutureWarning) and words and words in str(one.message)] or not words
    folder = pathlib.Path(online.get_dir()) / ("ailzhang_torchhub_example_" + ("ci_test_slash" if ref else "master"))
    assert folder.is_dir()
    assert total(online.load(str(folder), entry, source="local", pretrained=True)) == hub_samples.EXAMPLE_SUM
    assert "mnist" in online.list(EXAMPLE + ref) and online._parse_repo_info(EXAMPLE)[2] in ("master", "ci/test_slash")


def test_example__release_asset_is_loaded(online, example):  # noqa: F811
    url = "https://github.com/ailzhang/torchhub_example/releases/download/0.1/mnist_init_ones"
    assert sum(float(tensor.sum()) for tensor in online.load_state_dict_from_url(url, progress=False).values()) == hub_samples.EXAMPLE_SUM
