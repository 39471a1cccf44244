# SPDX-License-Identifier: MIT
"""Branches and tags of a repository, asked of its server by git's own protocol: one small request, and none of GitHub's API, of which an
address has 60 an hour.

The request is `ls-refs` of protocol version 2 (https://git-scm.com/docs/protocol-v2, https://git-scm.com/docs/protocol-common for the
lines that begin with their length): only what begins with one of the prefixes comes back.
"""
from __future__ import annotations

import base64
import os
from typing import Dict, List, Optional, Sequence, Tuple

from . import _hub_core
from ._core import Error
from ._hub_errors import StatusError

_HEADERS = ("Content-Type: application/x-git-upload-pack-request", "Accept: application/x-git-upload-pack-result", "Git-Protocol: version=2")
_FLUSH, _DELIMITER = b"0000", b"0001"


def _headers() -> List[str]:
    """git's own way to show a token: GitHub takes no other for this address."""
    token = os.environ.get("GITHUB_TOKEN")
    if not token:
        return [*_HEADERS]
    return [*_HEADERS, f"Authorization: Basic {base64.b64encode(f'x-access-token:{token}'.encode()).decode()}"]


def _line(text: str) -> bytes:
    data = text.encode() + b"\n"
    return b"%04x" % (len(data) + 4) + data


def _question(prefixes: Sequence[str]) -> bytes:
    wanted = [_line(f"ref-prefix {prefix}") for prefix in prefixes]
    return b"".join([_line("command=ls-refs"), _DELIMITER, _line("symrefs"), _line("peel"), *wanted, _FLUSH])


def _lines(answer: bytes, what: str) -> List[str]:
    lines, at = [], 0
    while at < len(answer):
        try:
            size = int(answer[at:at + 4], 16)
        except ValueError:
            size = -1
        if size == 0:
            return lines
        if size < 5 or at + size > len(answer):
            raise Error(f"{what}: this is no answer of a git server", "malformed")
        lines.append(answer[at + 4:at + size].decode("utf-8", "surrogateescape").rstrip("\n"))
        at += size
    raise Error(f"{what}: the answer ends too early", "malformed", True)


def ls_refs(owner: str, name: str, prefixes: Sequence[str]) -> Tuple[Dict[str, List[str]], Optional[str]]:
    """({"refs/heads/main": [commit], "refs/tags/v1": [tag object, commit], ..}, where HEAD points: "refs/heads/main" or None)."""
    url = f"https://github.com/{owner}/{name}.git/git-upload-pack"
    refs: Dict[str, List[str]] = {}
    head = None
    try:
        answer = _hub_core.request(url, _headers(), _question(prefixes))
    except StatusError as error:
        if error.http_status not in (401, 404):
            raise
        told = f"https://github.com/{owner}/{name}: no such repository, or a private one; set GITHUB_TOKEN if you may see it"
        raise StatusError(told, error.reason, error.retryable, error.http_status, f"https://github.com/{owner}/{name}") from None
    for line in _lines(answer, url):
        oid, ref, *attributes = line.split(" ")
        refs[ref] = [oid] + [attribute[7:] for attribute in attributes if attribute.startswith("peeled:")]
        if ref == "HEAD":
            head = next((attribute[14:] for attribute in attributes if attribute.startswith("symref-target:")), None)
    return refs, head


def default_branch(owner: str, name: str) -> str:
    """main, else master, else where the server's HEAD points."""
    refs, head = ls_refs(owner, name, ("HEAD", "refs/heads/main", "refs/heads/master"))
    for branch in ("main", "master"):
        if f"refs/heads/{branch}" in refs:
            return branch
    return head[len("refs/heads/"):] if head and head.startswith("refs/heads/") else "master"


def is_ambiguous(owner: str, name: str, ref: str) -> bool:
    """Is it a branch as well as a tag?"""
    refs, _ = ls_refs(owner, name, (f"refs/heads/{ref}", f"refs/tags/{ref}"))
    return f"refs/heads/{ref}" in refs and f"refs/tags/{ref}" in refs


def is_own(owner: str, name: str, ref: str) -> bool:
    """Is ref the name of a branch or tag, or does the commit of one begin with it? torch.hub's rule."""
    refs, _ = ls_refs(owner, name, ("refs/heads/", "refs/tags/"))
    return any(full.split("/", 2)[2] == ref or any(oid.startswith(ref) for oid in oids) for full, oids in refs.items() if full.count("/") > 1)
