# SPDX-License-Identifier: MIT
"""The C library for the modules of this package: errors as exceptions, one context, one network engine."""
from __future__ import annotations

import os
import threading
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type

from ._ptm import ffi, lib

__all__ = ["Error", "FormatError", "UnsupportedError", "check", "context", "ffi", "lib", "net", "text", "version", "word"]


class Error(Exception):
    """What the library could not do. `reason` is its short name (as `ptm failures` prints it), `retryable` whether the same call may
    succeed later, `http_status` the last answer of a server (0: none)."""

    def __init__(self, message: str, reason: str = "internal", retryable: bool = False, http_status: int = 0):
        super().__init__(message)
        self.reason, self.retryable, self.http_status = reason, retryable, http_status


class FormatError(Error, ValueError):
    """The file is damaged, or not what it says it is; the message names the byte."""


class UnsupportedError(Error, NotImplementedError):
    """Nothing is wrong with the file, but this cannot be done with it."""


class MissingError(Error, FileNotFoundError):
    """No such file. Also a FileNotFoundError."""

    def __init__(self, message: str, *args: Any):
        Error.__init__(self, message, *args)

    def __str__(self) -> str:  # OSError would print its errno
        return str(self.args[0])


_CLASSES: Dict[int, Type[Error]] = {lib.PTM_EFORMAT: FormatError, lib.PTM_ELIMIT: FormatError, lib.PTM_EUNSUPPORTED: UnsupportedError,
                                    lib.PTM_ENOENT: MissingError}


def text(pointer: Any) -> Optional[str]:
    """A C string, or None."""
    return None if pointer == ffi.NULL else ffi.string(pointer).decode("utf-8", "surrogateescape")


def word(pointer: Any) -> str:
    """A C string where there always is one."""
    return text(pointer) or ""


def check(rc: int, err: Any) -> int:
    """Raises what a call of the library reports; gives back its code otherwise."""
    if rc >= 0:
        return rc
    if rc == lib.PTM_ENOMEM:
        raise MemoryError(text(err.msg))
    raise _CLASSES.get(rc, Error)(word(err.msg), word(lib.ptm_rc_name(rc)), bool(err.retryable), err.http_status)


def new_err() -> Any:
    return ffi.new("struct ptm_err *")


_lock = threading.Lock()
_context: Any = None
_net: Any = None
_NET_VARIABLES = ("PTM_REWRITE", "HF_ENDPOINT", "HF_TOKEN", "GITHUB_TOKEN")
_net_state: List[Optional[str]] = []
_pid = 0


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_new_lock)


def _fresh() -> None:
    # A forked child has none of the engine's threads: it begins anew (and leaves the parent's alone).
    global _context, _net, _pid
    if _pid != os.getpid():
        _context, _net, _pid = None, None, os.getpid()


def context() -> Any:
    """The process's ptm_ctx, made at the first use."""
    global _context
    with _lock:
        _fresh()
        if _context is None:
            out, err = ffi.new("ptm_ctx **"), new_err()
            check(lib.ptm_ctx_new(ffi.NULL, out, err), err)
            _context = out[0]
        return _context


def _rewrites() -> List[str]:
    rules = os.environ.get("PTM_REWRITE", "").split()
    endpoint = os.environ.get("HF_ENDPOINT", "")
    if endpoint:
        rules.append(f"https://huggingface.co/={endpoint.rstrip('/')}/")
    return rules


def _token_file() -> Optional[str]:
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface")
    path = os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip() or None
    except OSError:
        return None


def net_opts(more_rewrites: Sequence[str] = (), offline: bool = False) -> Tuple[Any, List[Any]]:
    """(struct ptm_net_opts *, what must stay until it was copied): $PTM_REWRITE, $HF_ENDPOINT, $HF_TOKEN and $GITHUB_TOKEN as for the
    command. Of two rules for one address the later one holds: what the user wrote out is nearer than more_rewrites."""
    opts = ffi.new("struct ptm_net_opts *")
    opts.size, opts.offline = ffi.sizeof("struct ptm_net_opts"), offline
    rules = [ffi.new("char[]", rule.encode()) for rule in (*more_rewrites, *_rewrites())]
    array = ffi.new("char *[]", rules) if rules else ffi.NULL
    opts.rewrites, opts.n_rewrites = array, len(rules)
    kept = [array, *rules]
    for field, value in (("hf_token", os.environ.get("HF_TOKEN") or _token_file()), ("github_token", os.environ.get("GITHUB_TOKEN"))):
        if value:
            kept.append(ffi.new("char[]", value.encode()))
            setattr(opts, field, kept[-1])
    return opts, kept


def net() -> Any:
    """The process's ptm_net, made at the first use; another one when its variables changed, the old one may be in use."""
    global _net, _net_state
    ctx, state = context(), [os.environ.get(name) for name in _NET_VARIABLES]
    with _lock:
        if _net is None or _net_state != state:
            opts, _kept = net_opts()
            out, err = ffi.new("ptm_net **"), new_err()
            check(lib.ptm_net_open(ctx, opts, out, err), err)
            _net, _net_state = out[0], state
        return _net


def version() -> str:
    return word(lib.ptm_version())


def _called_by_c(function: Callable[..., Any]) -> Callable[..., Any]:
    ffi.def_extern(onerror=None)(function)
    return function


@_called_by_c
def ptm_py_skipped(arg: Any, tensor: Any, why: Any) -> None:
    ffi.from_handle(arg)(text(tensor), text(why))


@_called_by_c
def ptm_py_progress(arg: Any, done: int, total: int) -> None:
    ffi.from_handle(arg)(done, total)


@_called_by_c
def ptm_py_ask(arg: Any, question: Any, out_yes: Any, err: Any) -> int:
    out_yes[0] = ffi.from_handle(arg)(text(question))
    return int(lib.PTM_OK)


@_called_by_c
def ptm_py_log(arg: Any, level: int, module: Any, line: Any) -> None:
    import logging  # when there is something to say
    said = word(line)
    if "is ambiguous. Perhaps it is both a tag and a branch" in said:  # hub.py says it by warnings.warn, as torch does
        return
    names = {lib.PTM_LOG_ERROR: logging.ERROR, lib.PTM_LOG_WARN: logging.WARNING, lib.PTM_LOG_INFO: logging.INFO}
    logging.getLogger(f"ptmtorrent.{text(module)}").log(names.get(level, logging.DEBUG), "%s", said)
