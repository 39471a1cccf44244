# SPDX-License-Identifier: MIT
"""The git room against nginx + git-http-backend and giftless, judged by stock git and git-lfs: tool_git drives the room alone."""
import http.server
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import threading
import time

import pytest

import servers
from servers import TOKEN, pointer, sha256

TOOL = servers.BUILD / "tests/e2e/tool_git"
ATTRIBUTES = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"


def blob(name, size=200_000):
    return random.Random(name).randbytes(size)


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    with servers.Forge(tmp_path_factory.mktemp("forge")) as forge:
        yield forge


@pytest.fixture
def room(tmp_path, forge):
    forge.forget()
    return Room(tmp_path, forge)


class Room:
    """A root of its own, and the tool that works in it."""

    def __init__(self, folder, forge):
        self.folder, self.forge, self.root = folder, forge, folder / "data"
        self.root.mkdir()
        bin_ = folder / "bin"
        bin_.mkdir()
        # What the clone's filters call when git-lfs is not there.
        (bin_ / "ptm").write_text(f'#!/bin/sh\n[ "$1" = lfs-filter ] && exec {TOOL} filter "$2" .\nexit 1\n')
        (bin_ / "ptm").chmod(0o755)
        self.bin = str(bin_)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def start(self, *args):
        return subprocess.Popen([TOOL, "--root", self.root, *map(str, args)], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *args, rc="ok"):
        process = self.start(*args)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0 and not err, f"{args}: {process.returncode}\n{out}\n{err}"
        answer = json.loads(out)
        if rc is not None:
            assert answer["rc"] == rc, answer
        return answer

    def dest(self, name):
        return self.root / "repos" / name

    def clone(self, name, *options, rc="ok"):
        self.dest(name).parent.mkdir(parents=True, exist_ok=True)
        return self.run(*options, "clone", self.forge.url(name), self.dest(name), rc=rc)

    def update(self, name, *options, rc="ok"):
        return self.run(*options, "update", self.forge.url(name), self.dest(name), rc=rc)

    def lfs(self, name, *options, rc="ok"):
        return self.run(*options, "lfs", self.forge.url(name), self.dest(name), rc=rc)

    def mirror(self, name, *options):
        self.clone(name, *options)
        return self.lfs(name, *options)

    def object(self, oid):
        return self.root / ".ptm/objects/sha256" / oid[:2] / oid[2:4] / oid

    def git(self, name, *args, lfs=None, check=True):
        """Stock git with a user's configuration as the distribution makes it: with git-lfs (lfs=True: its filters in the system's
        configuration) or on a machine without."""
        env = {**self.env, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        if lfs:
            config = self.folder / "gitconfig"
            config.write_text('[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n'
                              '\tprocess = git-lfs filter-process\n\trequired = true\n')
            env["GIT_CONFIG_GLOBAL"] = str(config)
        else:
            # git-lfs puts hooks into every repository it works in, and they fail without it.
            env.update({"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "/dev/null"})
            env["PATH"] = self.bin + ":" + servers.path_without("git-lfs", self.forge.dir / "path")
        done = subprocess.run(["git", "-C", self.dest(name), *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0 or not check, f"git {args}: {done.stdout}"
        return done.stdout

    def kinds(self):
        return [False, True] if servers.has_git_lfs() else [False]

    def judge(self, name, objects=True):
        """What stock programs say of the clone. objects: all large files are there."""
        assert "error" not in self.git(name, "fsck", "--full")
        for lfs in self.kinds():
            assert self.git(name, "status", "--porcelain", lfs=lfs) == "", f"git-lfs: {lfs}"
            # An index that git itself refreshed must stay as good.
            assert self.git(name, "update-index", "--refresh", lfs=lfs) == ""
            assert self.git(name, "diff", "HEAD", "--stat", lfs=lfs) == ""
        if objects and servers.has_git_lfs():
            assert "OK" in self.git(name, "lfs", "fsck", "--objects", lfs=True)


def outcomes(answer):
    return {o["path"]: o["outcome"] for o in answer["objects"]}


def served(forge, name, files, large, **more):
    """A repository with plain and large files; large: path -> bytes."""
    work = forge.repo(name)
    pointers = {path: forge.large(name, data) for path, data in large.items()}
    return work, forge.commit(work, {".gitattributes": ATTRIBUTES, **files, **pointers}, **more)


# --- the ordinary way


def test_clone_is_whole_and_clean(forge, room):
    data = blob("a", 3_000_000)
    work, sha = served(forge, "acme/model", {"README.md": b"# model\n"}, {"model.bin": data, "sub/other.bin": blob("b")})
    forge.git(work, "branch", "side")
    forge.git(work, "tag", "v1")
    forge.push(work)
    state = room.clone("acme/model")
    assert (state["sha"], state["branch"], state["changed"], state["bad_objects"]) == (sha, "main", 1, 0)
    room.judge("acme/model", objects=False)
    answer = room.lfs("acme/model")
    assert outcomes(answer) == {"model.bin": "fetched", "sub/other.bin": "fetched"}
    assert answer["bytes_fetched"] == 3_200_000 == answer["bytes_wanted"]
    assert (room.dest("acme/model") / "model.bin").read_bytes() == data
    room.judge("acme/model")
    assert room.git("acme/model", "config", "remote.origin.url").strip() == forge.url("acme/model")
    assert set(room.git("acme/model", "for-each-ref", "--format=%(refname)").split()) == {
        "refs/heads/main", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/side", "refs/tags/v1"}
    one = room.object(sha256(data)).stat()
    there = (room.dest("acme/model") / "model.bin").stat()
    if there.st_nlink > 1:  # no reflinks on this file system
        assert one.st_ino == there.st_ino and not there.st_mode & 0o222
    assert list((room.root / ".ptm/tmp").iterdir()) == []
    assert room.run("verify", room.dest("acme/model"))
    assert room.run("clean", room.dest("acme/model"))


def test_second_run_moves_nothing(forge, room):
    served(forge, "acme/again", {"a": b"a"}, {"model.bin": blob("again")})
    room.mirror("acme/again")
    forge.forget()
    assert room.update("acme/again")["changed"] == 0
    assert outcomes(room.lfs("acme/again")) == {"model.bin": "present"}
    assert not any("/objects/" in line for line in forge.requests())
    # One request for the refs, none for a pack (protocol v2 asks for refs by POST; a pack would be a third).
    assert sum("git-upload-pack" in line for line in forge.requests()) == 1
    room.judge("acme/again")


def test_a_clone_that_is_there_is_not_made_again(forge, room):
    served(forge, "acme/there", {"a": b"a"}, {})
    room.clone("acme/there")
    room.clone("acme/there", rc="exists")


def test_shared_object_is_fetched_and_kept_once(forge, room):
    data = blob("shared", 500_000)
    for name in ("acme/one", "acme/two"):
        served(forge, name, {}, {f"{name[-3:]}.bin": data})
        room.clone(name)
    processes = [room.start("lfs", forge.url(name), room.dest(name)) for name in ("acme/one", "acme/two")]
    answers = [json.loads(p.communicate(timeout=120)[0]) for p in processes]
    assert sorted(a["objects"][0]["outcome"] for a in answers) == ["fetched", "present"]
    assert forge.objects_served(sha256(data)) == 1
    for name in ("acme/one", "acme/two"):
        room.judge(name)


def test_executable_large_file_stays_executable(forge, room):
    data = blob("exec")
    work = forge.repo("acme/exec")
    (work / "tool.bin").write_bytes(forge.large("acme/exec", data))
    (work / "tool.bin").chmod(0o755)
    forge.commit(work, {".gitattributes": ATTRIBUTES})
    room.mirror("acme/exec")
    path = room.dest("acme/exec") / "tool.bin"
    assert path.read_bytes() == data and path.stat().st_mode & stat.S_IXUSR
    assert not room.object(sha256(data)).stat().st_mode & stat.S_IXUSR
    room.judge("acme/exec")


def test_many_objects_go_in_batches_of_a_hundred(forge, room):
    served(forge, "acme/many", {}, {f"d{i % 7}/{i}.bin": blob(i, 2000 + i) for i in range(230)})
    answer = room.mirror("acme/many")
    assert answer["fetched"] == 230 and forge.batches() == 3
    room.judge("acme/many")


@pytest.mark.parametrize("size", [0, 1, 133, 1023, 1024, 1025])
def test_small_and_empty_objects(forge, room, size):
    data = blob("small", size)
    name = f"acme/small{size}"
    served(forge, name, {}, {"x.bin": data})
    assert outcomes(room.mirror(name)) == {"x.bin": "fetched"}
    # git takes a size of 0 in the index for "never looked at", and an empty file is not what its filter makes of a pointer: it stays.
    assert (room.dest(name) / "x.bin").read_bytes() == (data or pointer(data))
    assert room.object(sha256(data)).read_bytes() == data
    room.judge(name)


def test_checkout_copy_and_none(forge, room):
    data = blob("copy")
    served(forge, "acme/copy", {}, {"x.bin": data})
    room.mirror("acme/copy", "--checkout", "none")
    path = room.dest("acme/copy") / "x.bin"
    assert path.read_bytes() == pointer(data)
    room.judge("acme/copy")
    room.lfs("acme/copy")
    assert path.read_bytes() == data
    room.lfs("acme/copy", "--checkout", "copy")
    assert path.read_bytes() == data and path.stat().st_mode & stat.S_IWUSR and path.stat().st_nlink == 1
    room.judge("acme/copy")


def test_patterns_sizes_and_lfsconfig(forge, room):
    config = b'[lfs]\n\turl = http://127.0.0.1:1/evil\n\tfetchexclude = "big/*, *.onnx.bin"\n'
    served(forge, "acme/pick", {".lfsconfig": config},
           {"a.bin": blob("pa"), "big/b.bin": blob("pb"), "c.onnx.bin": blob("pc"), "d.bin": blob("pd", 900_000)})
    room.clone("acme/pick")
    count = room.run("count", room.dest("acme/pick"))
    assert (count["wanted"], count["skipped"], count["bytes_wanted"]) == (2, 2, 1_100_000)
    answer = room.lfs("acme/pick", "--max-size", 500_000)
    assert outcomes(answer) == {"a.bin": "fetched", "big/b.bin": "skipped", "c.onnx.bin": "skipped", "d.bin": "skipped"}
    assert room.git("acme/pick", "status", "--porcelain") == ""
    answer = room.lfs("acme/pick", "--exclude", "a*")
    assert outcomes(answer)["a.bin"] == "skipped" and outcomes(answer)["d.bin"] == "fetched"
    assert outcomes(room.lfs("acme/pick", "--include", "*.onnx.bin"))["c.onnx.bin"] == "fetched"
    answer = room.lfs("acme/pick", "--large", "head")
    assert outcomes(answer)["big/b.bin"] == "fetched" and answer["present"] == 3
    room.judge("acme/pick")
    if servers.has_git_lfs():
        assert forge.url("acme/pick") + ".git/info/lfs" in room.git("acme/pick", "lfs", "env", lfs=True)


def test_large_all_takes_every_commit(forge, room):
    old, new, side = blob("old"), blob("new"), blob("side")
    work, _ = served(forge, "acme/all", {}, {"x.bin": old})
    forge.commit(work, {"x.bin": forge.large("acme/all", new)})
    forge.git(work, "checkout", "-q", "-b", "side")
    forge.commit(work, {"y.bin": forge.large("acme/all", side)})
    room.clone("acme/all")
    assert room.lfs("acme/all")["fetched"] == 1
    answer = room.lfs("acme/all", "--large", "all")
    assert sorted(o["outcome"] for o in answer["objects"]) == ["fetched", "fetched", "present"]
    assert all(room.object(sha256(d)).exists() for d in (old, new, side))
    room.judge("acme/all")
    for lfs in room.kinds():  # both filters find what lies in .git/lfs
        room.git("acme/all", "checkout", "-q", "HEAD~1", lfs=lfs)
        assert (room.dest("acme/all") / "x.bin").read_bytes() == old
        room.git("acme/all", "checkout", "-q", "main", lfs=lfs)
        assert (room.dest("acme/all") / "x.bin").read_bytes() == new
        assert room.git("acme/all", "status", "--porcelain", lfs=lfs) == ""


# --- what a person may do with a clone


def test_filters_see_through_touched_files(forge, room):
    """A file whose times changed is compared by content: with git-lfs and without, the filter makes it the pointer it was."""
    served(forge, "acme/touch", {}, {"x.bin": blob("touch"), "y.bin": blob("touch2")})
    room.mirror("acme/touch")
    for lfs in room.kinds():
        for path in ("x.bin", "y.bin"):
            os.utime(room.dest("acme/touch") / path)
        assert room.git("acme/touch", "status", "--porcelain", lfs=lfs) == "", f"git-lfs: {lfs}"
        time.sleep(1.1)
    room.judge("acme/touch")


def test_filters_take_new_large_files(forge, room):
    served(forge, "acme/add", {}, {"x.bin": blob("add")})
    room.mirror("acme/add")
    for i, lfs in enumerate(room.kinds()):
        data = blob(f"added{i}", 70_000)
        (room.dest("acme/add") / f"new{i}.bin").write_bytes(data)
        room.git("acme/add", "add", f"new{i}.bin", lfs=lfs)
        assert room.git("acme/add", "show", f":new{i}.bin", lfs=lfs) == pointer(data).decode()
    # A pointer, and an empty file, stay what they are.
    (room.dest("acme/add") / "p.bin").write_bytes(pointer(b"x" * 5000))
    (room.dest("acme/add") / "e.bin").write_bytes(b"")
    room.git("acme/add", "add", "p.bin", "e.bin")
    assert room.git("acme/add", "show", ":p.bin") == pointer(b"x" * 5000).decode()
    assert room.git("acme/add", "cat-file", "-s", ":e.bin").strip() == "0"


@pytest.mark.parametrize("op", ["clean", "smudge"])
def test_filter_of_one_file(forge, room, op):
    served(forge, f"acme/{op}", {}, {"x.bin": blob("single", 70_001)})
    room.mirror(f"acme/{op}")
    data, text = blob("single", 70_001), pointer(blob("single", 70_001))
    given, wanted = (data, text) if op == "clean" else (text, data)
    for source, result in ((given, wanted), (b"", b""), (b"plain text, no pointer" * 100, None), (text[:-20], None)):
        out = subprocess.run([TOOL, "filter", op, room.dest(f"acme/{op}")], input=source, stdout=subprocess.PIPE, check=True).stdout
        assert out == (result if result is not None else pointer(source) if op == "clean" else source)


@pytest.mark.parametrize("how", ["cp -a", "cp -r"])
def test_copied_mirror_is_clean_and_can_be_updated(forge, room, how):
    name = f"acme/moved{len(how)}{how[-1]}"
    work, _ = served(forge, name, {"a": b"1"}, {"x.bin": blob("moved")})
    room.mirror(name)
    here, there = room.dest(name), room.dest(name + "-copy")
    subprocess.run([*how.split(), here, there], check=True)
    shutil.rmtree(here)
    there.rename(here)
    for lfs in room.kinds():
        assert room.git(name, "status", "--porcelain", lfs=lfs) == "", f"git-lfs: {lfs}"
    room.run("clean", here)
    sha = forge.commit(work, {"a": b"2"})
    assert room.update(name)["sha"] == sha
    assert outcomes(room.lfs(name)) == {"x.bin": "present"}
    room.judge(name)


@pytest.mark.parametrize("edit", ["plain", "large", "new", "removed", "staged", "pointer"])
def test_edited_clone_is_left_alone(forge, room, edit):
    name = f"acme/edit-{edit}"
    work, before = served(forge, name, {"a": b"1", "b": b"1"}, {"x.bin": blob("edit")})
    room.mirror(name)
    here = room.dest(name)
    target = {"plain": "a", "large": "x.bin", "new": "mine.txt", "removed": "a", "staged": "a", "pointer": "x.bin"}[edit]
    if edit == "removed":
        (here / "a").unlink()
    else:
        (here / target).unlink(missing_ok=True)
        (here / target).write_bytes(pointer(b"another") if edit == "pointer" else b"mine")
    if edit == "staged":
        room.git(name, "add", "a")
    forge.commit(work, {"a": b"2", "x.bin": forge.large(name, blob("edit2"))})
    answer = room.update(name, rc="modified")
    assert target in answer["message"]
    room.run("clean", here, rc="modified")
    room.run("verify", here, rc="modified")
    assert room.git(name, "rev-parse", "HEAD").strip() == before
    room.lfs(name)
    if edit == "removed":
        assert not (here / "a").exists()
    else:
        assert (here / target).read_bytes() == (pointer(b"another") if edit == "pointer" else b"mine")


def test_own_commits_are_left_alone(forge, room):
    work, _ = served(forge, "acme/own", {"a": b"1"}, {})
    room.clone("acme/own")
    here = room.dest("acme/own")
    (here / "mine").write_bytes(b"mine")
    room.git("acme/own", "add", "mine")
    room.git("acme/own", "-c", "user.name=M", "-c", "user.email=m@example.org", "commit", "-q", "-m", "mine")
    mine = room.git("acme/own", "rev-parse", "HEAD").strip()
    assert room.update("acme/own", rc="diverged")
    forge.commit(work, {"a": b"2"})
    answer = room.update("acme/own", rc="diverged")
    assert "commits of its own" in answer["message"]
    assert room.git("acme/own", "rev-parse", "HEAD").strip() == mine


def test_rewritten_history_is_left_alone(forge, room):
    work, before = served(forge, "acme/squash", {"a": b"1"}, {})
    forge.commit(work, {"a": b"2"})
    room.clone("acme/squash")
    old = room.git("acme/squash", "rev-parse", "HEAD").strip()
    forge.git(work, "reset", "-q", "--hard", before)
    (work / "a").write_bytes(b"3")
    forge.git(work, "commit", "-q", "-a", "-m", "other")
    forge.push(work, "--force")
    assert "rewrote" in room.update("acme/squash", rc="diverged")["message"]
    assert room.git("acme/squash", "rev-parse", "HEAD").strip() == old


# --- updates


def test_update_brings_new_large_files_and_stays_clean(forge, room):
    old, new, more = blob("u1"), blob("u2"), blob("u3")
    work, _ = served(forge, "acme/up", {"a": b"1", "gone.txt": b"x"}, {"x.bin": old, "drop.bin": blob("u4"), "same.bin": blob("u5")})
    room.mirror("acme/up")
    forge.forget()
    sha = forge.commit(work, {"a": b"2", "x.bin": forge.large("acme/up", new), "sub/more.bin": forge.large("acme/up", more)},
                       delete=["gone.txt", "drop.bin"])
    forge.git(work, "tag", "v2")
    forge.git(work, "branch", "later")
    forge.push(work)
    state = room.update("acme/up")
    assert state["sha"] == sha and state["changed"] == 1
    room.git("acme/up", "rev-parse", "v2", "origin/later")
    assert room.git("acme/up", "status", "--porcelain") == ""  # also before the large files come
    assert outcomes(room.lfs("acme/up")) == {"x.bin": "fetched", "sub/more.bin": "fetched", "same.bin": "present"}
    here = room.dest("acme/up")
    assert (here / "x.bin").read_bytes() == new and (here / "sub/more.bin").read_bytes() == more
    assert not (here / "drop.bin").exists() and not (here / "gone.txt").exists()
    assert room.object(sha256(old)).read_bytes() == old
    room.judge("acme/up")


def test_update_follows_moved_tags_and_branches_that_became_folders(forge, room):
    work, _ = served(forge, "acme/refs", {"a": b"1"}, {})
    forge.git(work, "tag", "v1")
    forge.git(work, "branch", "dev")
    forge.push(work)
    room.clone("acme/refs")
    sha = forge.commit(work, {"a": b"2"})
    forge.git(work, "tag", "-f", "v1")
    forge.git(work, "branch", "-D", "dev")
    forge.git(work, "branch", "dev/one")
    forge.git(work, "push", "-q", "origin", ":dev")
    forge.push(work, "--force")
    room.update("acme/refs")
    assert room.git("acme/refs", "rev-parse", "v1", "origin/dev/one").split() == [sha, sha]


def test_refs_by_name(forge, room):
    work, first = served(forge, "acme/named", {"a": b"1"}, {"x.bin": blob("n1")})
    forge.git(work, "tag", "-a", "-m", "one", "v1")
    forge.git(work, "checkout", "-q", "-b", "dev")
    dev = forge.commit(work, {"a": b"dev"})
    forge.git(work, "checkout", "-q", "main")
    main = forge.commit(work, {"a": b"2", "x.bin": forge.large("acme/named", blob("n2"))})
    url = forge.url("acme/named")
    assert room.run("remote-commit", url)["sha"] == main
    assert room.run("remote-commit", url, "dev")["sha"] == dev
    assert room.run("remote-commit", url, "v1")["sha"] == first
    room.run("remote-commit", url, "none", rc="absent")
    state = room.clone("acme/named", "--ref", "v1")
    assert (state["sha"], state["branch"]) == (first, "")
    room.lfs("acme/named")
    assert room.update("acme/named", "--ref", "v1")["changed"] == 0
    state = room.update("acme/named", "--ref", "dev")
    assert (state["sha"], state["branch"], state["changed"]) == (dev, "dev", 1)
    state = room.update("acme/named", "--ref", main)
    assert (state["sha"], state["branch"]) == (main, "")
    room.lfs("acme/named")
    room.judge("acme/named")
    room.update("acme/named", "--ref", "none", rc="absent")
    shutil.rmtree(room.dest("acme/named"))
    assert room.clone("acme/named", "--ref", first)["sha"] == first
    shutil.rmtree(room.dest("acme/named"))
    assert "none" in room.clone("acme/named", "--ref", "none", rc="absent")["message"]


def test_shallow_clone_is_updated_and_completed(forge, room):
    work, _ = served(forge, "acme/shallow", {"a": b"0"}, {"x.bin": blob("s")})
    for i in range(5):
        forge.commit(work, {"a": b"c%d" % i}, message=f"c{i}")
    forge.git(work, "branch", "side", "HEAD~2")
    forge.push(work)
    room.clone("acme/shallow", "--shallow")
    room.lfs("acme/shallow")
    assert room.git("acme/shallow", "rev-list", "--count", "HEAD").strip() == "1"
    room.judge("acme/shallow")
    sha = forge.commit(work, {"a": b"9"})
    assert room.update("acme/shallow", "--shallow")["sha"] == sha
    assert room.git("acme/shallow", "rev-list", "--count", "HEAD").strip() == "2"
    room.update("acme/shallow")
    assert room.git("acme/shallow", "rev-list", "--count", "HEAD").strip() == "7"
    room.git("acme/shallow", "rev-parse", "origin/side")
    room.judge("acme/shallow")


def test_empty_repository(forge, room):
    work = forge.repo("acme/empty")
    state = room.clone("acme/empty")
    assert (state["sha"], state["branch"]) == ("", "main")
    assert room.lfs("acme/empty")["wanted"] == 0
    assert room.update("acme/empty")["changed"] == 0
    sha = forge.commit(work, {"a": b"1", "x.bin": forge.large("acme/empty", blob("first"))})
    assert room.update("acme/empty")["sha"] == sha
    room.lfs("acme/empty")
    room.judge("acme/empty")


def test_last_commits_are_those_of_git_log(forge, room):
    work, _ = served(forge, "acme/log", {"a": b"1", "d/b": b"1", "c": b"1"}, {})
    rng = random.Random(5)
    for i in range(12):
        forge.commit(work, {rng.choice(["a", "d/b", "d/e/f", "g h"]): b"%d" % i}, message=f"c{i}")
    forge.git(work, "checkout", "-q", "-b", "topic", "HEAD~4")
    forge.commit(work, {"c": b"topic", "t": b"t"}, message="topic")
    forge.git(work, "checkout", "-q", "main")
    forge.commit(work, {"c": b"main"}, message="main side")
    # A merge that throws the topic's change of c away, and one that changes a file of its own.
    forge.git(work, "merge", "-q", "-X", "ours", "-m", "merge", "topic")
    forge.commit(work, {"gone": b"x"}, message="gone")
    forge.commit(work, {}, message="removed", delete=["gone"])
    room.clone("acme/log")
    paths = ["a", "d/b", "d/e/f", "d", "c", "t", "g h", ".gitattributes", "gone", "never", "d/e"]
    answer = room.run("last", room.dest("acme/log"), *paths)
    for path in paths:
        assert answer[path] == room.git("acme/log", "log", "-1", "--format=%H", "--", path).strip(), path


def test_size_leaves_large_files_out(forge, room):
    served(forge, "acme/size", {"a": b"1"}, {"x.bin": blob("size", 2_000_000)})
    room.mirror("acme/size")
    assert 1000 < room.run("size", room.dest("acme/size"))["bytes"] < 200_000


# --- large files that cannot be had


def test_lost_object_is_recorded_and_its_pointer_stays(forge, room):
    gone = blob("gone")
    work, _ = served(forge, "acme/lost", {}, {"x.bin": gone, "y.bin": blob("stays")})
    forge.stored("acme/lost", sha256(gone)).unlink()
    answer = room.mirror("acme/lost")
    assert outcomes(answer) == {"x.bin": "lost", "y.bin": "fetched"}
    lost = next(o for o in answer["objects"] if o["path"] == "x.bin")
    assert lost["reason"] == "not_found" and "404" in lost["why"] and not lost["retryable"]
    assert (room.dest("acme/lost") / "x.bin").read_bytes() == pointer(gone)
    for lfs in room.kinds():
        assert room.git("acme/lost", "status", "--porcelain", lfs=lfs) == ""


def test_lost_object_comes_from_another_source_if_its_hash_is_right(forge, room, tmp_path):
    good, bad = blob("rescued"), blob("forged")
    served(forge, "acme/rescue", {}, {"good.bin": good, "bad.bin": bad})
    for data in (good, bad):
        forge.stored("acme/rescue", sha256(data)).unlink()
    # Another repository's store serves as the successor host.
    served(forge, "acme/successor", {}, {"good.bin": good})
    other = forge.stored("acme/successor", sha256(bad))
    other.write_bytes(blob("not it", len(bad)))
    source = forge.url("files/acme/successor")
    answer = room.mirror("acme/rescue", "--source", source)
    assert outcomes(answer) == {"good.bin": "elsewhere", "bad.bin": "lost"}
    assert next(o["source"] for o in answer["objects"] if o["path"] == "good.bin") == f"{source}/{sha256(good)}"
    assert not room.object(sha256(bad)).exists()
    assert (room.dest("acme/rescue") / "good.bin").read_bytes() == good


def test_wrong_bytes_never_enter_the_store(forge, room):
    data = blob("right")
    served(forge, "acme/wrong", {}, {"x.bin": data})
    forge.stored("acme/wrong", sha256(data)).write_bytes(blob("wrong", len(data)))
    answer = room.mirror("acme/wrong")
    assert outcomes(answer) == {"x.bin": "failed"} and answer["objects"][0]["reason"] == "hash_mismatch"
    assert not room.object(sha256(data)).exists()
    assert list((room.root / ".ptm/tmp").iterdir()) == []
    assert (room.dest("acme/wrong") / "x.bin").read_bytes() == pointer(data)
    assert room.git("acme/wrong", "status", "--porcelain") == ""
    # Mended at the server, it comes with the next run.
    forge.large("acme/wrong", data)
    assert outcomes(room.lfs("acme/wrong")) == {"x.bin": "fetched"}
    room.judge("acme/wrong")


def test_pointer_that_lies_about_its_size(forge, room):
    data = blob("liar")
    served(forge, "acme/honest", {}, {"x.bin": data})
    work = forge.repo("acme/liar")
    forge.commit(work, {".gitattributes": ATTRIBUTES, "x.bin": pointer(data).replace(b"size 200000", b"size 200001")})
    room.mirror("acme/honest")
    answer = room.mirror("acme/liar")
    assert outcomes(answer) == {"x.bin": "failed"} and answer["objects"][0]["reason"] == "size_mismatch"
    assert room.git("acme/liar", "status", "--porcelain") == ""


def test_interrupted_download_is_resumed_by_the_next_run(forge, room):
    data = blob("resume", 4_000_000)
    served(forge, "acme/resume", {}, {"x.bin": data})
    room.clone("acme/resume")
    part = room.root / ".ptm/tmp" / f"{sha256(data)}.part"
    part.write_bytes(data[:1_000_000])  # what a killed run leaves
    assert outcomes(room.lfs("acme/resume")) == {"x.bin": "fetched"}
    assert not part.exists()
    room.judge("acme/resume")


def test_offline_asks_nobody(forge, room):
    served(forge, "acme/offline", {"a": b"1"}, {"x.bin": blob("off")})
    room.clone("acme/offline", "--offline", rc="offline")
    room.clone("acme/offline")
    forge.forget()
    room.update("acme/offline", "--offline", rc="offline")
    answer = room.lfs("acme/offline", "--offline")
    assert outcomes(answer) == {"x.bin": "failed"} and answer["objects"][0]["reason"] == "offline"
    assert forge.requests() == []


# --- servers that refuse


def test_refusals_are_told_apart(forge, room):
    assert "terms" in room.clone("refused/one", rc="gated")["message"]
    assert room.clone("acme/nowhere", rc="not_found")["http_status"] in (0, 404)
    answer = room.clone("gated/closed", rc="credentials")
    assert "credentials" in answer["message"] and not answer["retryable"]
    answer = room.clone("broken/one", rc="http")
    assert answer["http_status"] == 500 and answer["retryable"]
    dead = f"http://127.0.0.1:{servers.free_port()}/"
    answer = room.run("--rewrite", f"https://github.com/={dead}", "clone", "https://github.com/a/b", room.dest("dead"), rc="network")
    assert answer["retryable"] and dead not in answer["message"]
    assert answer["message"].count("https://github.com/a/b") == 2, "ours and git's words name the URL that was meant"
    for url in ("file:///etc", "ext::sh -c id", "/etc", "--upload-pack=id", "ssh://x/y", "git://127.0.0.1/x"):
        room.run("clone", "--", url, room.dest("bad"), rc="not_clonable")
    assert list((room.root / ".ptm/tmp").iterdir()) == []


def test_token_opens_its_own_hub_and_stays_out_of_sight(forge, room):
    work = forge.repo("gated/model")
    sha = forge.commit(work, {".gitattributes": ATTRIBUTES, "x.bin": forge.large("gated/model", blob("g"))})
    hub = "https://huggingface.co/"
    rewrite = f"{hub}=http://127.0.0.1:{forge.port}/"
    dest = room.dest("gated/model")
    dest.parent.mkdir(parents=True)
    # Without a token huggingface.co's own rule holds: 401 to a stranger is missing or private.
    answer = room.run("--rewrite", rewrite, "clone", hub + "gated/model", dest, rc="not_found")
    assert "HF_TOKEN" in answer["message"]
    answer = room.run("--rewrite", rewrite, "--hf-token", "wrong-token", "clone", hub + "gated/model", dest, rc="credentials")
    assert "wrong-token" not in json.dumps(answer)
    state = room.run("--rewrite", rewrite, "--hf-token", TOKEN, "clone", hub + "gated/model", dest)
    assert state["sha"] == sha
    config = (dest / ".git/config").read_text()
    assert TOKEN not in config and "127.0.0.1" not in config and "https://huggingface.co/gated/model" in config
    answer = room.run("--rewrite", rewrite, "--hf-token", TOKEN, "lfs", hub + "gated/model", dest)
    assert outcomes(answer) == {"x.bin": "fetched"}
    assert answer["objects"][0]["source"].startswith("https://huggingface.co/gated/model.git/info/lfs/")
    assert room.run("--rewrite", rewrite, "--hf-token", TOKEN, "update", hub + "gated/model", dest)["changed"] == 0


def test_token_is_not_offered_to_another_place(forge, room):
    forge.commit(forge.repo("gated/other"), {"a": b"1"})
    room.clone("gated/other", "--hf-token", TOKEN, rc="credentials")
    assert not any("Basic" in line for line in forge.requests())


# --- hostile repositories


def raw_tree(forge, bare, entries):
    """A tree object as no decent git would write it: (mode, name, sha) as given."""
    data = b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(sha)) for mode, name, sha in entries)
    return forge.git(bare, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=data).decode().strip()


def raw_blob(forge, bare, data):
    return forge.git(bare, "hash-object", "-w", "--stdin", input=data).decode().strip()


def raw_commit(forge, bare, tree, author="A <a@example.org> 1700000000 +0000", literally=False):
    data = f"tree {tree}\nauthor {author}\ncommitter {author}\n\nraw\n".encode()
    more = ["--literally"] if literally else []
    sha = forge.git(bare, "hash-object", "-t", "commit", "-w", "--stdin", *more, input=data).decode().strip()
    forge.git(bare, "update-ref", "refs/heads/main", sha)
    return sha


def test_symlink_out_of_the_tree_is_harmless(forge, room, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "x.bin"
    secret.write_bytes(b"not yours")
    work = forge.repo("evil/link")
    forge.git(work, "config", "core.symlinks", "true")
    data = blob("linked")
    (work / "x.bin").symlink_to(secret)
    (work / "dir").symlink_to(outside)
    (work / ".lfsconfig").symlink_to("/etc/passwd")
    forge.commit(work, {".gitattributes": ATTRIBUTES, "y.bin": forge.large("evil/link", data)})
    room.mirror("evil/link")
    assert secret.read_bytes() == b"not yours" and list(outside.iterdir()) == [secret]
    assert (room.dest("evil/link") / "y.bin").read_bytes() == data
    room.judge("evil/link")


def test_large_file_is_not_written_through_a_symlinked_folder(forge, room, tmp_path):
    """The folder becomes a link only in the work tree: a person, or a race."""
    served(forge, "evil/swap", {}, {"d/x.bin": blob("swap")})
    room.clone("evil/swap")
    outside = tmp_path / "outside"
    here = room.dest("evil/swap")
    shutil.move(here / "d", outside)
    (here / "d").symlink_to(outside)
    before = (outside / "x.bin").read_bytes()
    room.lfs("evil/swap")
    assert (outside / "x.bin").read_bytes() == before == pointer(blob("swap"))


@pytest.mark.parametrize("name", [b".git", b".GIT", b"..", b"git~1", b".g\xe2\x80\x8cit"])
def test_entries_that_mean_dot_git_are_refused(forge, room, name):
    repo = f"evil/dot{name.hex()}"
    forge.repo(repo)
    bare = forge.bare(repo)
    hook = raw_blob(forge, bare, b"#!/bin/sh\ntouch /tmp/owned\n")
    inner = raw_tree(forge, bare, [(b"100755", b"post-checkout", hook)])
    raw_commit(forge, bare, raw_tree(forge, bare, [(b"40000", name, raw_tree(forge, bare, [(b"40000", b"hooks", inner)]))]))
    answer = room.clone(repo, rc=None)
    assert answer["rc"] in ("corrupt", "unsafe_name") and not answer["retryable"], answer
    assert not room.dest(repo).exists()


def test_gitmodules_with_an_option_for_a_url_is_refused(forge, room):
    work = forge.repo("evil/modules")
    forge.commit(work, {".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch${IFS}/tmp/owned\n'})
    assert "gitmodules" in room.clone("evil/modules", rc="corrupt")["message"].lower()
    assert not room.dest("evil/modules").exists()


def test_submodules_are_not_fetched(forge, room):
    served(forge, "evil/inner", {"a": b"1"}, {})
    work = forge.repo("evil/outer")
    sha = forge.git(forge.work / "evil/inner", "rev-parse", "HEAD").decode().strip()
    (work / ".gitmodules").write_text(f'[submodule "inner"]\n\tpath = inner\n\turl = {forge.url("evil/inner")}\n')
    forge.git(work, "update-index", "--add", "--cacheinfo", f"160000,{sha},inner")
    forge.git(work, "add", ".gitmodules")
    forge.git(work, "commit", "-q", "-m", "module")
    forge.push(work)
    forge.forget()
    room.clone("evil/outer")
    assert list((room.dest("evil/outer") / "inner").iterdir()) == []
    assert not any("/evil/inner" in line for line in forge.requests())
    room.judge("evil/outer")
    room.run("clean", room.dest("evil/outer"))


def test_nothing_of_a_repository_or_of_the_user_is_run(forge, room, tmp_path):
    """Filters, hooks, fsmonitor, templates and credential helpers of the machine's own configuration, and attributes that name them."""
    mark = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\necho \"$0 $*\" >> {mark}\ncat\n")
    script.chmod(0o755)
    template = tmp_path / "template/hooks"
    template.mkdir(parents=True)
    for hook in ("post-checkout", "post-merge", "reference-transaction", "post-index-change"):
        shutil.copy(script, template / hook)
    (tmp_path / ".gitconfig").write_text(
        f'[init]\n\ttemplateDir = {template.parent}\n[core]\n\tfsmonitor = {script}\n\thooksPath = {template}\n\taskPass = {script}\n'
        f'[credential]\n\thelper = !{script}\n[filter "lfs"]\n\tsmudge = {script}\n\tclean = {script}\n[filter "evil"]\n\tsmudge = {script}\n'
        f'\tclean = {script}\n[http]\n\tproxy = http://127.0.0.1:1\n')
    room.env.update({"XDG_CONFIG_HOME": str(tmp_path), "GIT_TEMPLATE_DIR": str(template.parent), "GIT_ASKPASS": str(script),
                     "SSH_ASKPASS": str(script), "GIT_DIR": "/nonexistent", "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={script}'"})
    work, _ = served(forge, "evil/run", {"e.txt": b"evil\n"}, {"x.bin": blob("run")})
    forge.commit(work, {".gitattributes": ATTRIBUTES + b"*.txt filter=evil diff=evil merge=evil\n",
                        ".githooks/post-checkout": b"#!/bin/sh\nid\n", "a": b"1"})
    room.mirror("evil/run")
    room.clone("gated/closed", rc="credentials")
    # Local configuration of the clone itself, as somebody may have left it.
    here = room.dest("evil/run")
    with open(here / ".git/config", "a") as config:
        config.write(f'[core]\n\tfsmonitor = {script}\n\thooksPath = {template}\n[credential]\n\thelper = !{script}\n')
    forge.commit(work, {"a": b"2", "x.bin": forge.large("evil/run", blob("run2"))})
    room.update("evil/run")
    room.lfs("evil/run")
    room.run("verify", here)
    assert not mark.exists(), mark.read_text()
    assert (here / "e.txt").read_bytes() == b"evil\n"


def test_names_that_differ_only_in_case(forge, room):
    served(forge, "evil/case", {"readme": b"1", "README": b"2", "dir/a": b"3", "DIR/a": b"4"}, {"x.bin": blob("c1"), "X.bin": blob("c2")})
    room.mirror("evil/case")
    assert (room.dest("evil/case") / "X.bin").read_bytes() == blob("c2")
    room.judge("evil/case")


def test_historic_defects_are_let_through_and_told(forge, room):
    forge.repo("old/modes")
    bare = forge.bare("old/modes")
    inner = raw_tree(forge, bare, [(b"100644", b"f", raw_blob(forge, bare, b"f\n"))])
    tree = raw_tree(forge, bare, [(b"100644", b"a", raw_blob(forge, bare, b"a\n")), (b"040000", b"d", inner)])
    sha = raw_commit(forge, bare, tree, author="<a@example.org>1700000000 +051800", literally=True)
    state = room.clone("old/modes")
    assert state["sha"] == sha and state["bad_objects"] == 1
    assert (room.dest("old/modes") / "d/f").read_bytes() == b"f\n"
    room.run("verify", room.dest("old/modes"))


# --- kills


def tree_state(path):
    return {str(p.relative_to(path)): (os.readlink(p) if p.is_symlink() else p.read_bytes())
            for p in sorted(path.rglob("*")) if not p.is_dir() and ".git" not in p.relative_to(path).parts}


def test_killed_at_any_moment_the_next_run_ends_the_same(forge, room):
    rng = random.Random(11)
    files = {f"f{i}/{j}.txt": blob(f"{i}.{j}", 3000) for i in range(20) for j in range(15)}
    work, _ = served(forge, "acme/kill", files, {f"{i}.bin": blob(f"k{i}", 400_000) for i in range(6)})
    name = "acme/kill"
    for round_ in range(14):
        forge.commit(work, {f"f{round_}/{j}.txt": blob(f"{round_}.{j}.new", 3000) for j in range(15)} |
                     {f"g{round_}/n.txt": b"new", f"{round_ % 6}.bin": forge.large(name, blob(f"r{round_}", 400_000))},
                     delete=[f"f{(round_ + 3) % 20}/0.txt"] if round_ == 0 else ())
        process = room.start("clone" if not room.dest(name).exists() else "update", forge.url(name), room.dest(name))
        time.sleep(rng.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if room.dest(name).exists():
            room.update(name)
        else:
            room.clone(name)
        process = room.start("lfs", forge.url(name), room.dest(name))
        time.sleep(rng.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        room.update(name)
        room.lfs(name)
        head = room.git(name, "rev-parse", "HEAD").strip()
        assert head == forge.git(work, "rev-parse", "HEAD").decode().strip()
        assert room.git(name, "status", "--porcelain") == "", round_
    room.judge(name)
    assert tree_state(room.dest(name)).keys() == tree_state(work).keys()
    assert [p for p in (room.root / ".ptm/tmp").iterdir()] == []


def test_interrupted_move_is_finished_but_never_over_a_persons_work(forge, room):
    work, old = served(forge, "acme/half", {"a": b"1" * 5000, "b": b"1", "c": b"1", "k": b"keep"}, {"x.bin": blob("h1")})
    room.mirror("acme/half")
    new = forge.commit(work, {"a": b"2" * 5000, "b": b"2", "n": b"new"}, delete=["c"])
    here = room.dest("acme/half")

    def half_done():
        """The work tree as a git that was killed leaves it: one file cut, one new, one gone; a lock file; the journal."""
        (here / "a").write_bytes(b"2" * 100)
        (here / "n").write_bytes(b"new")
        (here / "c").unlink(missing_ok=True)
        (here / ".git/index.lock").write_bytes(b"")
        (here / ".git/ptm-visit").write_text(f"move {old} {new}\n")

    room.git("acme/half", "fetch", "-q")
    half_done()
    (here / "k").write_bytes(b"edited")
    room.update("acme/half", rc="modified")
    assert (here / "k").read_bytes() == b"edited" and (here / "a").read_bytes() == b"2" * 100
    (here / "k").write_bytes(b"keep")
    half_done()
    assert room.update("acme/half")["sha"] == new
    assert tree_state(here)["a"] == b"2" * 5000
    room.judge("acme/half")


def test_leavings_of_killed_clones_are_removed_but_not_those_of_the_living(forge, room):
    served(forge, "acme/left", {"a": b"1"}, {})
    tmp = room.root / ".ptm/tmp"
    dead = tmp / "git-999999-0000abcd"
    (dead / ".git").mkdir(parents=True)
    (tmp / "git-999999-0000abcd.lock").write_bytes(b"")
    room.clone("acme/left")
    assert list(tmp.iterdir()) == []


def test_one_writer_at_a_time(forge, room):
    work, _ = served(forge, "acme/race", {"a": b"1"}, {f"{i}.bin": blob(f"race{i}") for i in range(5)})
    room.dest("acme/race").parent.mkdir(parents=True)
    clones = [room.start("clone", forge.url("acme/race"), room.dest("acme/race")) for _ in range(3)]
    answers = [json.loads(p.communicate(timeout=120)[0]) for p in clones]
    assert all(a["rc"] in ("ok", "exists") for a in answers) and sum(a.get("changed", 0) for a in answers) == 1
    forge.commit(work, {"a": b"2"})
    both = [room.start(verb, forge.url("acme/race"), room.dest("acme/race")) for verb in ("update", "lfs", "update", "lfs")]
    assert {json.loads(p.communicate(timeout=120)[0])["rc"] for p in both} == {"ok"}
    room.lfs("acme/race")
    room.judge("acme/race")
    assert list((room.root / ".ptm/tmp").iterdir()) == []


# --- time, space and damage


class FaultyLfs(http.server.ThreadingHTTPServer):
    """An LFS server with the faults that giftless lacks: links that have expired, per-object errors, answers cut short. data: oid -> bytes."""

    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), FaultyHandler)
        self.data, self.log, self.tickets, self.lock = data, [], 0, threading.Lock()
        self.errors, self.expire, self.cut = {}, 0, set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def base(self):
        return f"http://127.0.0.1:{self.server_port}"


class FaultyHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert asked["operation"] == "download" and asked["transfers"] == ["basic"]
        objects = []
        with server.lock:
            server.log.append(("batch", len(asked["objects"])))
            for one in asked["objects"]:
                if one["oid"] in server.errors:
                    objects.append({**one, "error": {"code": server.errors[one["oid"]], "message": "so it is"}})
                    continue
                server.tickets += 1
                objects.append({**one, "authenticated": True, "actions": {"download": {
                    "href": f"{server.base()}/o/{server.tickets}/{one['oid']}", "header": {"X-Ticket": str(server.tickets)}, "expires_in": 3600}}})
        self.answer(200, json.dumps({"transfer": "basic", "objects": objects}).encode())

    def do_GET(self):
        server = self.server
        _, _, ticket, oid = self.path.split("/")
        data = server.data[oid]
        with server.lock:
            server.log.append(("get", oid, self.headers.get("Range")))
            expired = int(ticket) <= server.expire
            cut = oid in server.cut
            server.cut.discard(oid)
        if expired or self.headers.get("X-Ticket") != ticket:
            return self.answer(403, b"Request has expired")
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        part = data[start:]
        headers = {"ETag": f'"{oid}"', "Accept_Ranges": "bytes"}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if cut:
            self.send_response(206 if start else 200)
            for name, value in {**headers, "Content-Length": len(part)}.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(part[:len(part) // 2])
            self.close_connection = True
            return None
        return self.answer(206 if start else 200, part, **headers)


@pytest.fixture
def faulty():
    server = FaultyLfs({})
    yield server
    server.shutdown()
    server.server_close()


def faulty_repo(forge, room, faulty, name, files):
    work = forge.repo(name)
    forge.commit(work, {".gitattributes": ATTRIBUTES, **{path: pointer(data) for path, data in files.items()}})
    faulty.data.update({sha256(data): data for data in files.values()})
    room.clone(name)
    return ["--rewrite", f"{forge.url(name)}.git/info/lfs/={faulty.base()}/lfs/"]


def test_expired_links_are_renewed(forge, room, faulty):
    files = {f"{i}.bin": blob(f"exp{i}") for i in range(4)}
    options = faulty_repo(forge, room, faulty, "fault/expired", files)
    faulty.expire = 4  # the whole first batch
    answer = room.lfs("fault/expired", *options)
    assert set(outcomes(answer).values()) == {"fetched"}
    assert [entry for entry in faulty.log if entry[0] == "batch"] == [("batch", 4)] + [("batch", 1)] * 4
    room.judge("fault/expired")


def test_cut_body_is_resumed_by_range(forge, room, faulty):
    data = blob("cut", 3_000_000)
    options = faulty_repo(forge, room, faulty, "fault/cut", {"x.bin": data})
    faulty.cut.add(sha256(data))
    answer = room.lfs("fault/cut", *options)
    assert outcomes(answer) == {"x.bin": "fetched"} and answer["bytes_fetched"] == len(data)
    assert [entry[2] for entry in faulty.log if entry[0] == "get"] == [None, "bytes=1500000-"]
    room.judge("fault/cut")


def test_errors_of_single_objects(forge, room, faulty):
    files = {f"{code}.bin": blob(f"err{code}") for code in (404, 410, 403, 422, 500)}
    options = faulty_repo(forge, room, faulty, "fault/errors", {**files, "good.bin": blob("errgood")})
    faulty.errors = {sha256(data): int(path[:3]) for path, data in files.items()}
    answer = room.lfs("fault/errors", *options)
    assert outcomes(answer) == {"404.bin": "lost", "410.bin": "lost", "403.bin": "failed", "422.bin": "failed", "500.bin": "failed",
                                "good.bin": "fetched"}
    assert {o["path"]: o["retryable"] for o in answer["objects"] if o["outcome"] == "failed"} == {"403.bin": 0, "422.bin": 0, "500.bin": 1}
    assert (answer["wanted"], answer["lost"], answer["failed"], answer["fetched"]) == (6, 2, 3, 1)
    assert room.git("fault/errors", "status", "--porcelain") == ""


def test_interrupt_keeps_what_is_there_and_the_next_run_resumes(forge, room):
    data = blob("slow", 3_000_000)
    served(forge, "slow/model", {}, {"x.bin": data})
    room.clone("slow/model")
    part = room.root / ".ptm/tmp" / f"{sha256(data)}.part"
    process = room.start("lfs", forge.url("slow/model"), room.dest("slow/model"))
    end = time.monotonic() + 60
    while time.monotonic() < end and not (part.exists() and part.stat().st_size > 500_000):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert json.loads(process.communicate(timeout=60)[0])["rc"] == "interrupted"
    assert part.stat().st_size > 500_000
    answer = room.lfs("slow/model")
    assert outcomes(answer) == {"x.bin": "fetched"} and answer["bytes_fetched"] < len(data)
    room.judge("slow/model")


@pytest.fixture
def small_disk(room):
    """room.root on a file system of 6 MB."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", room.root], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a small file system: {done.stderr.decode().strip()}")
    yield
    subprocess.run(["umount", room.root], check=True)


def test_full_disk_ends_the_call_and_leaves_no_half_things(forge, room, small_disk):
    work, _ = served(forge, "full/git", {"big.dat": blob("big", 5_000_000)}, {})
    served(forge, "full/lfs", {}, {"x.bin": blob("fullx", 8_000_000), "y.bin": blob("fully", 9_000_000)})
    assert "space" in room.clone("full/git", rc="disk_full")["message"]
    assert not room.dest("full/git").exists() and list((room.root / ".ptm/tmp").iterdir()) == []
    room.clone("full/lfs")
    room.lfs("full/lfs", rc="disk_full")
    assert not room.object(sha256(blob("fullx", 8_000_000))).exists()
    assert room.git("full/lfs", "status", "--porcelain") == ""
    # With room again, the same call goes on.
    subprocess.run(["mount", "-o", "remount,size=60m", room.root], check=True)
    assert room.lfs("full/lfs")["fetched"] == 2
    room.clone("full/git")
    room.judge("full/lfs")


def test_update_on_a_full_disk_can_be_finished_later(forge, room, small_disk):
    work, _ = served(forge, "full/update", {f"{i}.dat": blob(f"s{i}", 100_000) for i in range(15)}, {})
    room.clone("full/update")
    sha = forge.commit(work, {f"{i}.dat": blob(f"t{i}", 130_000) for i in range(15)})
    filler = room.root / "filler"
    free = os.statvfs(room.root).f_bavail * os.statvfs(room.root).f_frsize
    filler.write_bytes(b"x" * (free - 2_200_000))  # enough for the pack, not for the files
    answer = room.update("full/update", rc=None)
    assert answer["rc"] == "disk_full", answer
    filler.unlink()
    assert room.update("full/update")["sha"] == sha
    room.judge("full/update")


def test_damage_is_found(forge, room):
    served(forge, "acme/damaged", {"a": blob("dmg", 50_000)}, {"x.bin": blob("dmgx")})
    room.mirror("acme/damaged")
    here = room.dest("acme/damaged")
    room.run("verify", here)
    pack = next((here / ".git/objects/pack").glob("*.pack"))
    pack.chmod(0o644)
    with open(pack, "r+b") as f:
        f.seek(pack.stat().st_size // 2)
        f.write(b"\0damage\0")
    room.run("verify", here, rc="corrupt")


@pytest.mark.parametrize("how", ["edited", "rotten"])
def test_damaged_large_file_is_put_right_when_its_object_comes_again(forge, room, how):
    """What happens when `verify` has thrown a damaged object out of the store. Rot leaves the times as they were."""
    name, data = f"acme/{how}", blob(how)
    served(forge, name, {}, {"x.bin": data})
    room.mirror(name)
    path = room.dest(name) / "x.bin"
    if path.stat().st_nlink == 1:
        pytest.skip("large files are no hard links on this file system")
    before = path.stat()
    path.chmod(0o644)
    with open(path, "r+b") as f:
        f.seek(1000)
        f.write(b"damaged")
    if how == "rotten":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        room.run("clean", room.dest(name), rc="modified")
    room.object(sha256(data)).unlink()
    room.update(name)
    assert outcomes(room.lfs(name)) == {"x.bin": "fetched"}
    assert path.read_bytes() == data
    room.judge(name)
