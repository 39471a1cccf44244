# SPDX-License-Identifier: MIT
"""What the library reports, as the exceptions that torch.hub raises: programs that catch urllib's errors, ValueError or RuntimeError go on
working, and each is also a ptmtorrent.Error. Imported when the first error comes: urllib.error costs more than all the rest."""
from __future__ import annotations

import io
from typing import Any, Dict, Type
from urllib.error import HTTPError, URLError

from ._core import Error, MissingError, _CLASSES, lib, word


class UrlError(Error, URLError):
    """No answer from the server. `reason` is the library's short name ("network", "offline", ..)."""
    reason: str

    def __init__(self, message: str, *args: Any):
        Error.__init__(self, message, *args)

    def __str__(self) -> str:
        return str(self.args[0])


class StatusError(Error, HTTPError):
    """The server's answer was no: `code` is its status, as in urllib's HTTPError."""
    reason = ""  # HTTPError has a property of this name, which could not be set

    def __init__(self, message: str, reason: str = "http", retryable: bool = False, http_status: int = 0, url: str = ""):
        HTTPError.__init__(self, url, http_status, message, {}, io.BytesIO())  # type: ignore[arg-type]
        self.reason, self.retryable, self.http_status = reason, retryable, http_status  # Error's would call HTTPError's again

    def __str__(self) -> str:
        return str(self.msg)


class RefError(Error, ValueError):
    """The repository has no such branch, tag or commit of its own; or the name is none."""


class DamagedError(Error, RuntimeError):
    """What came is not what was asked for: another hash or another size."""


class UnsafeError(Error, ValueError):
    """An archive that would reach out of its folder, or names that may not become paths."""


class FileError(Error, OSError):
    """The disk did not do it. `errno` says why."""

    def __init__(self, message: str, *args: Any):
        Error.__init__(self, message, *args)

    def __str__(self) -> str:
        return str(self.args[0])


class PermissionRefused(FileError, PermissionError):
    """The permissions of a file or folder forbid it."""


class MissingUrlError(UrlError, FileNotFoundError):
    """A file URL of what is not there: in urllib a URLError, not a FileNotFoundError."""


class UntrustedError(Error, EOFError):
    """Nobody could be asked whether a repository is to be trusted. torch.hub dies of the EOFError of input() here."""


_KINDS: Dict[int, Type[Error]] = {
    lib.PTM_EINVAL: RefError, lib.PTM_ENOTFOUND: RefError, lib.PTM_EUNSAFE: UnsafeError,
    lib.PTM_EHASH: DamagedError, lib.PTM_ESIZE: DamagedError,
    lib.PTM_EIO: FileError, lib.PTM_ENOSPC: FileError, lib.PTM_EPERM: PermissionRefused, lib.PTM_EEXIST: FileError,
    lib.PTM_ENET: UrlError, lib.PTM_ETIMEOUT: UrlError, lib.PTM_ETLS: UrlError, lib.PTM_EOFFLINE: UrlError,
    lib.PTM_ENOENT: MissingError, **_CLASSES,
}


def exception(rc: int, err: Any, url: str = "") -> BaseException:
    """The exception for what a call reported."""
    message = word(err.msg)
    if rc == lib.PTM_ENOMEM:
        return MemoryError(message)
    own_words = "Cannot find" in message  # torch's, of a ref: a ValueError
    # What git does not find has no status of its own: torch's programs catch the 404.
    status = err.http_status or (404 if rc == lib.PTM_ENOTFOUND and not own_words else 0)
    told = (message, word(lib.ptm_rc_name(rc)), bool(err.retryable), status)
    if status >= 300 and not own_words:
        return StatusError(*told, url)
    kind = MissingUrlError if rc == lib.PTM_ENOENT and url.startswith("file:") else _KINDS.get(rc, Error)
    made = kind(*told)
    if isinstance(made, FileError):
        made.errno = err.sys_errno or None
    return made
