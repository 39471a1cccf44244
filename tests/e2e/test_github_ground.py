# SPDX-License-Identifier: MIT
"""The loopback GitHub answers as GitHub does, as far as torch.hub and git see it: a test ground that lies would prove nothing."""
import io
import subprocess
import urllib.error
import urllib.request
import zipfile

import pytest

from conftest import git
from github import CODELOAD_TOKEN, TOKEN, GitHub, Link, Program, missing
from servers import pointer

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with GitHub(tmp_path_factory.mktemp("github")) as server:
        yield server


class Redirect(urllib.request.HTTPRedirectHandler):
    """Follows to where the public hosts are on loopback, and shows the credential to nobody else."""

    def __init__(self, github):
        self.github = github

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return urllib.request.Request(self.github.rewritten(newurl), method=req.get_method())


def get(github, url, method="GET", **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Redirect(github))
    try:
        with opener.open(urllib.request.Request(github.rewritten(url), method=method, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def archive(github, name, ref, **headers):
    status, answer, body = get(github, f"https://github.com/{name}/zipball/{ref}", **headers)
    if status != 200:
        return status
    assert answer["Content-Length"] is None and answer["Transfer-Encoding"] == "chunked"
    return zipfile.ZipFile(io.BytesIO(body))


def test_archives_by_branch_tag_and_commit(github):
    sha = github.publish("acme/model", {"hubconf.py": "def a(): pass\n", "run": Program(b"#!/bin/sh\n"), "link": Link("hubconf.py")}, tags=["v1"])
    side = github.publish("acme/model", {"side": "side\n"}, branch="ci/test_slash", tags={"v2": "annotated"})
    root = f"acme-model-{sha[:7]}/"
    for ref in ("main", "v1", sha, sha[:7], "refs/heads/main", "refs/tags/v1"):
        zipped = archive(github, "acme/model", ref)
        assert zipped.comment.decode() == sha and zipped.namelist()[0] == root, ref
        assert set(zipped.namelist()) == {root, root + "hubconf.py", root + "run", root + "link"}
    assert zipped.getinfo(root + "run").external_attr >> 16 & 0o111 and zipped.getinfo(root + "link").external_attr >> 16 == 0o120777
    assert archive(github, "acme/model", "ci/test_slash").comment.decode() == archive(github, "acme/model", "v2").comment.decode() == side
    for ref in ("absent", "main~1", "0" * 40, "refs/heads/absent", "ci/test_slash~1", "main^{tree}"):
        assert archive(github, "acme/model", ref) == 404, ref
    assert archive(github, "acme/absent", "main") == 404


def test_a_branch_that_is_a_tag_too_is_300(github):
    first = github.publish("acme/both", {"x": "1"}, tags=["twin"])
    second = github.publish("acme/both", {"x": "2"}, branch="twin")
    assert archive(github, "acme/both", "twin") == 300
    assert archive(github, "acme/both", "refs/heads/twin").comment.decode() == second
    assert archive(github, "acme/both", "refs/tags/twin").comment.decode() == first


def test_pages_of_branches_and_the_api(github):
    github.publish("acme/old", {"x": "1"}, branch="master", tags={"v1": "one"})
    assert get(github, "https://github.com/acme/old/tree/main/")[0] == 404
    assert get(github, "https://github.com/acme/old/tree/master/", method="HEAD")[0] == 200
    status, _, body = get(github, "https://api.github.com/repos/acme/old/branches?per_page=100&page=1")
    assert status == 200 and body.decode() == f'[{{"name": "master", "commit": {{"sha": "{github.sha("acme/old")}"}}}}]'
    assert get(github, "https://api.github.com/repos/acme/old/branches?per_page=100&page=2")[2] == b"[]"
    assert github.sha("acme/old").encode() in get(github, "https://api.github.com/repos/acme/old/tags?per_page=100&page=1")[2]
    assert b'"default_branch": "master"' in get(github, "https://api.github.com/repos/acme/old")[2]
    github.no_api()
    assert get(github, "https://api.github.com/repos/acme/old/tags")[0] == 403
    github.no_api(False)


def test_commits_of_forks_are_served_but_no_branch_has_them(github):
    github.publish("acme/forked", {"x": "1"})
    unseen = github.fork_commit("acme/forked", {"x": "evil"})
    pulled = github.fork_commit("acme/forked", {"x": "more evil"}, pull=7)
    for sha in (unseen, pulled):
        assert archive(github, "acme/forked", sha).comment.decode() == sha
    refs = git(".", "ls-remote", github.url("acme/forked"))
    assert f"{pulled}\trefs/pull/7/head" in refs and unseen not in refs and refs.count("refs/heads/") == 1


def test_commits_without_trees_can_be_fetched(github, tmp_path):
    github.publish("acme/deep", {"x": "1"})
    sha = github.publish("acme/deep", {"x": "2"})
    git(tmp_path, "init", "-q", "--bare", ".")
    git(tmp_path, "fetch", "-q", "--filter=tree:0", github.url("acme/deep"), "+refs/heads/*:refs/heads/*")
    assert git(tmp_path, "rev-parse", "main").strip() == sha
    assert f"{sha}^{{tree}}" and subprocess.run(["git", "-C", tmp_path, "cat-file", "--batch-check", "--batch-all-objects"], text=True,
                                                stdout=subprocess.PIPE, check=True).stdout.count(" commit ") == 2


def test_a_private_repository_wants_the_token_and_codeload_its_ticket(github, tmp_path):
    sha = github.publish("secret/model", {"x": "1"})
    assert archive(github, "secret/model", "main") == 404
    assert archive(github, "secret/model", "main", Authorization="token wrong") == 404
    for kind in ("token", "Bearer"):
        assert archive(github, "secret/model", "main", Authorization=f"{kind} {TOKEN}").comment.decode() == sha
    assert get(github, "https://codeload.github.com/secret/model/legacy.zip/main")[0] == 404
    assert get(github, f"https://codeload.github.com/secret/model/legacy.zip/main?token={CODELOAD_TOKEN}")[0] == 200
    url = github.url("secret/model")
    refused = git(tmp_path, "-c", "credential.helper=", "ls-remote", url, check=False, env={"GIT_TERMINAL_PROMPT": "0"})
    assert "could not read Username" in refused
    assert sha in git(tmp_path, "ls-remote", url.replace("://", f"://x-access-token:{TOKEN}@"))


def test_files_assets_and_what_was_asked_for(github):
    before = github.count("GET", "/weights")
    url = github.file("weights/x.pth", bytes(range(100)))
    assert get(github, url, Range="bytes=10-19")[::2] == (206, bytes(range(10, 20)))
    assert get(github, url.replace(".org/", ".org/whole/"), Range="bytes=10-19")[::2] == (200, bytes(range(100)))
    assert b"<html>" in get(github, "https://files.example.org/page/x.pth")[2]
    assert get(github, github.asset("acme/model", "v1", "a.pth", b"asset"))[2] == b"asset"
    assert get(github, "https://files.example.org/weights/absent")[0] == 404
    assert github.count("GET", "/weights") - before == 2 and github.count("GET", "/weights/", host="files.example.org", status=206) >= 1
    github.forget()
    assert github.requests() == []


def test_a_repository_that_was_renamed_is_found(github, tmp_path):
    sha = github.publish("acme/moved", {"x": "1"})
    assert archive(github, "renamed/moved", "main").comment.decode() == sha
    assert sha in git(tmp_path, "ls-remote", github.url("renamed/moved"))
    assert sha.encode() in get(github, "https://api.github.com/repos/renamed/moved/branches?per_page=100&page=1")[2]


def test_hostile_archives_stand_in_for_ours(github):
    github.publish("acme/hostile", {"x": "1"})
    github.hostile("acme/hostile", "main", b"PK not really")
    assert get(github, "https://github.com/acme/hostile/zipball/main")[2] == b"PK not really"


def test_large_files_come_from_giftless(tmp_path):
    if missing(lfs=True):
        pytest.skip(f"not installed: {missing(lfs=True)}")
    data = b"large" * 1000
    with GitHub(tmp_path / "github", lfs=True) as github:
        github.large("acme/large", data)
        github.publish("acme/large", {".gitattributes": ATTRIBUTES, "x.bin": pointer(data)})
        zipped = archive(github, "acme/large", "main")
        assert zipped.read(zipped.namelist()[-1]) == pointer(data)
        batch = b'{"operation": "download", "transfers": ["basic"], "objects": [{"oid": "%s", "size": %d}]}' % (pointer(data)[50:].split(b":")[1][:64], len(data))
        request = urllib.request.Request(github.url("acme/large.git/info/lfs/objects/batch"), data=batch, headers={
            "Content-Type": "application/vnd.git-lfs+json", "Accept": "application/vnd.git-lfs+json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            assert b"/info/lfs/objects/storage/" in answer.read()
