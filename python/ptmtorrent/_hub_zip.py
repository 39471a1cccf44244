# SPDX-License-Identifier: MIT
"""Zip files around one checkpoint, as people made them by hand before torch.save wrote zip files itself (torch < 1.6)."""
from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import uuid
import zipfile
from typing import Any

# A member that unpacks to more than this and to more than so many times its packed size was made to fill the disk.
_FREE, _TIMES = 1 << 30, 100
_DRIVE = re.compile(r"[A-Za-z]:")


def is_legacy(filename: Any) -> bool:
    """One file in it, and no folder: torch's rule. Zip files of torch.save have several."""
    if not zipfile.is_zipfile(filename):
        return False
    with zipfile.ZipFile(filename) as archive:
        members = archive.infolist()
    return len(members) == 1 and not members[0].is_dir()


def check_member(member: zipfile.ZipInfo, folder: str) -> str:
    """Where a member goes below folder. ValueError, with torch's words, when it would go elsewhere."""
    name = member.filename
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise ValueError(f"Archive entry has absolute path: {name}")
    plain = os.path.normpath(name.replace("\\", "/"))
    if plain.split("/")[0] == "..":
        raise ValueError(f"Archive entry contains directory traversal: {name}")
    root = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(root, plain))
    if os.path.commonpath([root, target]) != root:
        raise ValueError(f"Archive entry escapes target directory: {name}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ValueError(f"Archive entry is a symbolic link: {name}")
    if member.file_size > max(_FREE, _TIMES * member.compress_size):
        raise ValueError(f"Archive entry unpacks to {member.file_size} bytes out of {member.compress_size}: {name}")
    return target


def _write_whole(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: str) -> None:
    """Under another name until all of it is there and its checksum was right."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    part = os.path.join(os.path.dirname(target), f".ptm-{uuid.uuid4().hex}")
    try:
        with open(part, "xb") as file, archive.open(member) as source:  # not mkstemp: its files are not the umask's
            shutil.copyfileobj(source, file, 1 << 20)
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        raise


def extract(archive: zipfile.ZipFile, folder: str) -> None:
    """All members below folder, or ValueError and none: each is checked before the first is written."""
    targets = [(member, check_member(member, folder)) for member in archive.infolist()]
    for member, target in targets:
        if member.is_dir():
            os.makedirs(target, exist_ok=True)
        else:
            _write_whole(archive, member, target)
