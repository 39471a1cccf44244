# SPDX-License-Identifier: MIT
"""ptm torch fetch against a loopback GitHub: what each kind of ref brings, what is refused, when nothing is asked, and many at once."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import PTM, Ptm, git
from github import TOKEN, GitHub

HUBCONF = 'def entry():\n    """{}"""\n'


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        yield server


@pytest.fixture
def hub(tmp_path, github):
    return Hub(tmp_path, github)


class Hub(Ptm):
    """ptm with a hub folder of its own."""

    def __init__(self, folder, github, **env):
        super().__init__(folder, github.rewrites)
        self.dir = folder / "hub"
        self.env.update(TORCH_HOME=str(folder), **env)

    def fetch(self, repo, *options, **kwargs):
        return self.run("torch", "fetch", repo, *options, **kwargs)

    def side(self, folder):
        return json.loads((self.dir / folder / ".ptm-hub.json").read_text())

    def folders(self):
        return sorted(path.name for path in self.dir.glob("[!.]*") if path.is_dir())

    def tidy(self):
        return [*(self.dir / ".ptm/tmp").iterdir(), *(self.dir / ".ptm/locks").iterdir()] == []


def asked(github, repo):
    return github.count("GET", f"/{repo}/") + github.count("POST", f"/{repo}/")


def test_branch_tag_and_commits(github, hub):
    first = github.publish("acme/refs", {"hubconf.py": HUBCONF.format(1)}, tags=["light"])
    second = github.publish("acme/refs", {"hubconf.py": HUBCONF.format(2)}, tags={"v2": "annotated"})
    side = github.publish("acme/refs", {"hubconf.py": HUBCONF.format(3)}, branch="ci/test_slash")
    head = github.publish("acme/refs", {"hubconf.py": HUBCONF.format(4)})
    expected = {
        "main": head, "light": first, "v2": second, "ci/test_slash": side, "refs/heads/main": head, "refs/tags/v2": second,
        head: head, head[:7]: head, first: first, second[:9]: second, side.upper()[:12]: side,
    }
    for ref, commit in expected.items():
        out = hub.fetch(f"acme/refs:{ref}").stdout.strip()
        folder = "acme_refs_" + ref.replace("/", "_")
        assert out == str(hub.dir / folder)
        facts = hub.side(folder)
        assert (facts["host"], facts["owner"], facts["name"], facts["ref"], facts["commit"]) == ("github.com", "acme", "refs", ref, commit)
        tree = git(github.bare("acme/refs"), "show", f"{commit}:hubconf.py")
        assert (hub.dir / folder / "hubconf.py").read_text() == tree
        subprocess.run(["sha256sum", "--quiet", "-c", ".ptm-hub.sha256"], cwd=hub.dir / folder, check=True)
    assert hub.tidy()
    assert github.count("GET", "/", host="api.github.com") == 0


def test_an_older_commit_is_found_without_files(github, hub):
    old = github.publish("acme/deep", {"hubconf.py": HUBCONF.format(1), "big": os.urandom(400000)})
    for i in range(5):
        github.publish("acme/deep", {"big": os.urandom(400000)})
    middle = github.publish("acme/deep", {"big": os.urandom(10)}, branch="side")
    github.publish("acme/deep", {"big": os.urandom(10)}, branch="side")
    before = len(github.requests())
    assert hub.fetch(f"acme/deep:{old}").returncode == 0
    assert hub.fetch(f"acme/deep:{middle[:8]}").returncode == 0
    packs = [row[3] for row in github.requests()[before:] if row[4].endswith("git-upload-pack")]
    assert packs and sum(packs) < 50000  # commits only: the files have 2.4 MB
    assert hub.side(f"acme_deep_{middle[:8]}")["commit"] == middle


def test_a_server_that_cannot_filter_sends_more(github, hub):
    """GitHub can; servers of companies may not."""
    old = github.publish("acme/nofilter", {"hubconf.py": HUBCONF.format(1)})
    github.publish("acme/nofilter", {"hubconf.py": HUBCONF.format(2)})
    loose = github.fork_commit("acme/nofilter", {"hubconf.py": "evil()\n"})
    git(github.bare("acme/nofilter"), "config", "uploadpack.allowFilter", "false")
    hub.fetch(f"acme/nofilter:{old[:10]}")
    assert hub.side(f"acme_nofilter_{old[:10]}")["commit"] == old
    hub.fetch(f"acme/nofilter:{loose}", expect=3)
    assert hub.tidy()


def test_a_commit_of_a_fork_is_refused_in_torchs_words(github, hub):
    github.publish("acme/forked", {"hubconf.py": HUBCONF.format(1)})
    unseen = github.fork_commit("acme/forked", {"hubconf.py": "evil()\n"})
    pulled = github.fork_commit("acme/forked", {"hubconf.py": "more_evil()\n"}, pull=7)
    for ref in (unseen, unseen[:8], pulled, pulled[:10]):
        err = hub.fetch(f"acme/forked:{ref}", expect=3).stderr
        assert f"Cannot find {ref} in https://github.com/acme/forked. If it's a commit from a forked repo, please call hub.load()" in err
    assert github.count("GET", "/acme/forked/zipball") == 0
    assert hub.folders() == [] and hub.tidy()


@pytest.mark.parametrize("ref", ["absent", "deadbeef", "0" * 40, "refs/heads/absent", "refs/pull/1/head", "HEAD"])
def test_a_ref_that_is_not_there_is_refused(github, hub, ref):
    github.publish("acme/small", {"hubconf.py": HUBCONF.format(1)})
    err = hub.fetch(f"acme/small:{ref}", expect=3).stderr
    assert f"Cannot find {ref} in https://github.com/acme/small" in err and "the default branch is main" in err


def test_a_repository_that_is_not_there(github, hub):
    err = hub.fetch("acme/absent", expect=3).stderr
    assert "acme/absent" in err and "GITHUB_TOKEN" in err
    assert hub.folders() == []


@pytest.mark.parametrize("repo", ["acme", "acme/x/y", "acme/x:", "acme/x:-f", "../x", "acme/x:a..b", "acme/x:a b", "acme/x.git", "-o/x"])
def test_a_malformed_name_is_refused_kindly(hub, repo):
    err = hub.run("torch", "fetch", "--", repo, expect=None).stderr
    assert "expected OWNER/NAME[:REF], as in pytorch/vision:main" in err
    assert not hub.dir.exists()


def test_default_branches(github, hub):
    github.publish("acme/onmain", {"hubconf.py": HUBCONF.format(1)}, branch="develop")
    github.publish("acme/onmain", {"x": "1"}, branch="main")
    github.publish("acme/onmaster", {"hubconf.py": HUBCONF.format(1)}, branch="master")
    github.publish("acme/ondevelop", {"hubconf.py": HUBCONF.format(1)}, branch="develop")
    for repo in ("onmain", "onmaster", "ondevelop"):
        hub.fetch(f"acme/{repo}")
    assert hub.folders() == ["acme_ondevelop_develop", "acme_onmain_main", "acme_onmaster_master"]


def test_a_branch_that_is_a_tag_too(github, hub):
    tagged = github.publish("acme/twins", {"hubconf.py": HUBCONF.format(1)}, tags=["twin"])
    branch = github.publish("acme/twins", {"hubconf.py": HUBCONF.format(2)}, branch="twin")
    err = hub.fetch("acme/twins:twin").stderr
    assert "The ref twin is ambiguous. Perhaps it is both a tag and a branch in the repo?" in err
    assert hub.side("acme_twins_twin")["commit"] == branch
    hub.fetch("acme/twins:refs/tags/twin")
    assert hub.side("acme_twins_refs_tags_twin")["commit"] == tagged


def test_two_commits_that_begin_alike(github, hub):
    """A beginning that several commits have is refused; among a few hundred, two have 4 digits in common."""
    github.publish("acme/many", {"hubconf.py": HUBCONF.format(0)})
    work = github.work / "acme/many"
    commits = {}
    for i in range(2000):
        sha = git(work, "commit-tree", "-m", str(i), "HEAD^{tree}", env={
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}).strip()
        if sha[:4] in commits:
            break
        commits[sha[:4]] = sha
    for name, commit in (("one", commits[sha[:4]]), ("two", sha)):
        git(work, "push", "-q", "origin", f"{commit}:refs/heads/{name}")
    err = hub.fetch(f"acme/many:{sha[:4]}", expect=None)
    assert err.returncode != 0 and "several commits" in err.stderr and "more digits" in err.stderr
    hub.fetch(f"acme/many:{sha[:12]}")


def test_what_is_cached_needs_no_network(github, hub):
    github.publish("acme/cached", {"hubconf.py": HUBCONF.format(1)})
    first = hub.fetch("acme/cached").stdout
    before = asked(github, "acme/cached")
    assert hub.fetch("acme/cached").stdout == hub.fetch("acme/cached:main").stdout == hub.fetch("acme/cached", "--offline").stdout == first
    assert asked(github, "acme/cached") == before
    assert hub.fetch("acme/cached", PTM_REWRITE="https://github.com/=http://127.0.0.1:1/").stdout == first


def test_offline_without_a_copy(hub):
    for repo in ("acme/never", "acme/never:main"):
        err = hub.fetch(repo, "--offline", expect=3).stderr
        assert "acme/never" in err and "could not be found in the cache" in err and str(hub.dir) in err
    err = hub.fetch("acme/never", expect=3, PTM_REWRITE="https://github.com/=http://127.0.0.1:1/").stderr
    assert "could not be found in the cache" in err


def test_refresh_tells_and_force_reload_replaces(github, hub):
    old = github.publish("acme/moving", {"hubconf.py": HUBCONF.format(1), "gone": "1"})
    hub.fetch("acme/moving")
    (facts,) = hub.json_lines("torch", "fetch", "acme/moving", "--refresh")
    assert facts["commit"] == old and not facts.get("newest")
    new = github.publish("acme/moving", {"hubconf.py": HUBCONF.format(2)}, delete=["gone"])
    (facts,) = hub.json_lines("torch", "fetch", "acme/moving", "--refresh")
    assert (facts["commit"], facts["newest"]) == (old, new)
    assert hub.side("acme_moving_main")["commit"] == old and github.count("GET", "/acme/moving/zipball") == 1
    hub.fetch("acme/moving", "--force-reload")
    assert hub.side("acme_moving_main")["commit"] == new and not (hub.dir / "acme_moving_main/gone").exists()
    assert hub.tidy()


def test_a_failed_reload_leaves_the_old_copy(github, hub):
    sha = github.publish("acme/kept", {"hubconf.py": HUBCONF.format(1)})
    hub.fetch("acme/kept")
    new = github.publish("acme/kept", {"hubconf.py": HUBCONF.format(2)})
    github.hostile("acme/kept", new, b"no zip at all")
    assert hub.fetch("acme/kept", "--force-reload", expect=None).returncode != 0
    assert hub.side("acme_kept_main")["commit"] == sha
    hub.fetch("acme/kept", "--offline")


def test_a_private_repository_wants_the_token(github, hub):
    sha = github.publish("secret/model", {"hubconf.py": HUBCONF.format(1)})
    github.publish("secret/model", {"hubconf.py": HUBCONF.format(2)})
    err = hub.fetch("secret/model", expect=3).stderr
    assert "GITHUB_TOKEN" in err
    err = hub.fetch("secret/model", expect=3, GITHUB_TOKEN="ghp_wrong").stderr
    assert "secret/model" in err and "ghp_wrong" not in err
    hub.fetch("secret/model", GITHUB_TOKEN=TOKEN)
    absent = hub.fetch("secret/absent", expect=3, GITHUB_TOKEN=TOKEN).stderr
    assert "or one that GITHUB_TOKEN may not see" in absent, "who has set it is not told to"
    hub.fetch(f"secret/model:{sha[:8]}", GITHUB_TOKEN=TOKEN)  # by a fetch of commits
    assert hub.side(f"secret_model_{sha[:8]}")["commit"] == sha
    for row in github.requests():
        assert not row[6] or row[0] in ("github.com", "api.github.com", "codeload.github.com"), row
    assert TOKEN not in subprocess.run(["grep", "-r", TOKEN, hub.dir], stdout=subprocess.PIPE, text=True).stdout


def test_branches_and_tags_need_no_git(github, hub, tmp_path):
    """Branches and tags are asked for without git on the machine; with --skip-validation GitHub is asked for the archive alone."""
    old = github.publish("acme/plain", {"hubconf.py": HUBCONF.format(0)}, branch="master")
    github.publish("acme/plain", {"hubconf.py": HUBCONF.format(1)}, branch="master")
    loose = github.fork_commit("acme/plain", {"x": "1"})
    bare = tmp_path / "bin"
    bare.mkdir()
    hub.fetch("acme/plain", PATH=str(bare))
    assert hub.folders() == ["acme_plain_master"]
    err = hub.fetch(f"acme/plain:{old}", expect=3, PATH=str(bare)).stderr
    assert "install 2.34 or newer" in err and "--skip-validation" in err
    asked = github.count("GET", "/acme/plain/info/refs")
    for commit in (old, loose):
        hub.fetch(f"acme/plain:{commit}", "--skip-validation", PATH=str(bare))  # as torch: who says so, gets a fork's
    assert github.count("GET", "/acme/plain/info/refs") == asked


def test_two_repositories_never_share_a_folder(github, hub):
    for name, branch in (("acme/clash", "a_b"), ("acme/clash_a", "b")):
        github.publish(name, {"hubconf.py": HUBCONF.format(name)}, branch=branch)
    hub.fetch("acme/clash:a_b")
    err = hub.fetch("acme/clash_a:b", expect=None)
    assert err.returncode != 0 and "holds acme/clash:a_b" in err.stderr and "ptm torch cache rm acme_clash_a_b" in err.stderr
    hub.run("torch", "cache", "rm", "acme_clash_a_b")
    hub.fetch("acme/clash_a:b")
    assert hub.side("acme_clash_a_b")["name"] == "clash_a"


def test_many_at_once_fetch_once(github, hub):
    github.publish("acme/crowd", {"hubconf.py": HUBCONF.format(1), **{f"f{i}": "x" * 1000 for i in range(50)}})
    crowd = [hub.start("torch", "fetch", "acme/crowd") for _ in range(16)]
    for process in crowd:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert out.strip() == str(hub.dir / "acme_crowd_main")
    assert github.count("GET", "/acme/crowd/zipball") == github.count("GET", "/acme/crowd/info/refs") == 1
    assert hub.tidy()


def test_a_kill_costs_a_fetch_and_nothing_else(github, hub):
    github.publish("slow/large", {"hubconf.py": HUBCONF.format(1), "big": os.urandom(60000), **{f"d{i % 20}/f{i}": str(i) for i in range(300)}})
    for delay in (0.05, 0.3, 0.6, 0.9, 1.2):
        process = hub.start("torch", "fetch", "slow/large")
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert hub.folders() in ([], ["slow_large_main"])
    hub.fetch("slow/large")
    subprocess.run(["sha256sum", "--quiet", "-c", ".ptm-hub.sha256"], cwd=hub.dir / "slow_large_main", check=True)
    assert [path.name for path in (hub.dir / ".ptm/tmp").iterdir()] == []


def test_ctrl_c_stops_and_leaves_nothing_half(github, hub):
    github.publish("slow/stopped", {"hubconf.py": HUBCONF.format(1), "big": os.urandom(400000)})
    process = hub.start("torch", "fetch", "slow/stopped")
    for _ in range(400):
        if github.count("GET", "/slow/stopped/legacy.zip") or (hub.dir / ".ptm/tmp/slow_stopped_main.zip").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert hub.folders() == []
    hub.fetch("slow/stopped")


def test_force_reload_fetches_reached_weights_anew(github, hub):
    data = b"\x80\x02}q\x00." * 100
    name = f"w-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    url = github.file(name, data)
    github.publish("acme/heavy", {"hubconf.py": f'from torch.hub import load_state_dict_from_url\n\n\ndef m():\n    return load_state_dict_from_url("{url}")\n'})
    hub.fetch("acme/heavy", "--force-reload")
    assert github.count("GET", f"/{name}") == 0  # was not there: not fetched for that
    (hub.dir / "checkpoints").mkdir()
    (hub.dir / "checkpoints" / name).write_bytes(b"stale")
    hub.fetch("acme/heavy")
    assert (hub.dir / "checkpoints" / name).read_bytes() == b"stale"
    hub.fetch("acme/heavy", "--force-reload")
    assert (hub.dir / "checkpoints" / name).read_bytes() == data


def test_cache_verify_finds_what_changed(github, hub):
    github.publish("acme/checked", {"hubconf.py": HUBCONF.format(1), "sub/file": "1"})
    hub.fetch("acme/checked")
    assert hub.run("torch", "cache", "verify").stdout.strip().endswith("whole")
    (hub.dir / "acme_checked_main/sub/file").write_text("2")
    result = hub.run("torch", "cache", "verify", expect=2)
    assert "sub/file" in result.stdout and "--force-reload" in result.stdout


def test_a_read_only_cache_can_be_used(github):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("setpriv is needed to try it without root's rights")
    with tempfile.TemporaryDirectory() as name:  # pytest's folders are closed to others
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        hub = Hub(folder, github)
        github.publish("pytorch/shared", {"hubconf.py": HUBCONF.format(1)})
        out = hub.fetch("pytorch/shared").stdout
        shutil.rmtree(hub.dir / ".ptm")
        (hub.dir / "trusted_list").unlink(missing_ok=True)
        hub.dir.chmod(0o555)
        wrap = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        result = subprocess.run([*wrap, shutil.which(PTM), "torch", "fetch", "pytorch/shared"], env={**hub.env, "HOME": "/nonexistent"}, cwd="/",
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        hub.dir.chmod(0o755)
        if result.returncode > 100:
            pytest.skip("others may not run the program that is tested")
        assert result.returncode == 0 and result.stdout == out, result.stderr
