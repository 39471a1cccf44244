# SPDX-License-Identifier: MIT
"""The C library's torchhub.h for ptmtorrent.hub: handles, calls that Ctrl-C can end, progress."""
from __future__ import annotations

import collections
import os
import threading
import weakref
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from ._core import check, ffi, lib, net_opts, new_err, word

# Handles are kept for the next call, each with the connections it has: a program uses one hub folder, a test suite many.
_KEPT = 4
_ENVIRONMENT = ("PTM_REWRITE", "HF_ENDPOINT", "HF_TOKEN", "GITHUB_TOKEN", "GH_HOST")
_MAX_ANSWER = 64 << 20  # bytes of what a page or an API says

_lock = threading.Lock()
_handles: collections.OrderedDict[Tuple[Any, ...], Handle] = collections.OrderedDict()


def _forget_all() -> None:
    # A forked child has none of the threads behind the handles, and another thread may have held the lock.
    global _lock
    _lock = threading.Lock()
    _handles.clear()


os.register_at_fork(after_in_child=_forget_all)


class Copy(NamedTuple):
    """A repository in the cache (struct ptm_torchhub_repo)."""
    owner: str
    name: str
    ref: str
    dir: str
    cached: bool
    by_torch: bool
    ambiguous: bool
    tag_too: bool


def _close(pid: int, ctx: Any, hub: Any, nets: List[Any]) -> None:
    if pid == os.getpid():
        lib.ptm_torchhub_close(hub)
        for net in nets:
            lib.ptm_net_close(net)
        lib.ptm_ctx_free(ctx)


def host() -> str:
    """Where repositories are: github.com, or GitHub Enterprise at $GH_HOST."""
    return os.environ.get("GH_HOST") or "github.com"


def _net_opts(offline: bool) -> Tuple[Any, List[Any]]:
    rules = [f"https://github.com/=https://{host()}/", f"https://api.github.com/=https://{host()}/api/v3/"]
    return net_opts([] if host() == "github.com" else rules, offline)


class Handle:
    """A ptm_torchhub with a context of its own, so that cancelling ends its calls alone."""

    def __init__(self, directory: Optional[str], offline: bool):
        ctx, hub, err = ffi.new("ptm_ctx **"), ffi.new("ptm_torchhub **"), new_err()
        opts = ffi.new("struct ptm_torchhub_opts *")
        net, kept = _net_opts(offline)
        kept += [ffi.new("char[]", host().encode()), ffi.new("char[]", os.fsencode(directory)) if directory else ffi.NULL]
        opts.size, opts.net, opts.host, opts.dir = ffi.sizeof("struct ptm_torchhub_opts"), net, kept[-2], kept[-1]
        told = ffi.new("struct ptm_ctx_opts *")
        told.size = ffi.sizeof("struct ptm_ctx_opts")
        told.log = ffi.NULL if offline else lib.ptm_py_log  # a look at the cache has nothing to say that the call after it does not
        check(lib.ptm_ctx_new(told, ctx, err), err)
        rc = lib.ptm_torchhub_open(ctx[0], opts, hub, err)
        if rc < 0:
            lib.ptm_ctx_free(ctx[0])
        check(rc, err)
        self.ctx, self.pointer = ctx[0], hub[0]
        # Not at exit: a thread may still be in a call.
        self._nets: List[Any] = []
        weakref.finalize(self, _close, os.getpid(), self.ctx, self.pointer, self._nets).atexit = False

    def net(self) -> Any:
        """A ptm_net for requests of our own, by the same rules; made at the first use."""
        with _lock:
            if not self._nets:
                out, err = ffi.new("ptm_net **"), new_err()
                opts, _kept = _net_opts(False)
                check(lib.ptm_net_open(self.ctx, opts, out, err), err)
                self._nets.append(out[0])
            return self._nets[0]

    def cancel(self) -> None:
        """Ends what is under way; the handle is of no use afterwards."""
        with _lock:
            for key in [key for key, handle in _handles.items() if handle is self]:
                del _handles[key]
        lib.ptm_ctx_cancel(self.ctx, 2)


def handle(directory: Optional[str] = None, offline: bool = False) -> Handle:
    """A handle for this hub folder; None: any will do, for what does not look at the folder. Who calls C with its pointer holds on to it:
    other threads' calls may put it out of those that are kept, and then it is closed."""
    state = (offline, *(os.environ.get(name) for name in _ENVIRONMENT))
    with _lock:
        for key in reversed(_handles):
            if key[1:] == state and directory in (None, key[0]):
                _handles.move_to_end(key)
                return _handles[key]
        key = (directory, *state)
        made = _handles[key] = Handle(directory, offline)
        while len(_handles) > _KEPT:
            _handles.popitem(last=False)
        return made


def _start(thread: threading.Thread) -> bool:
    try:
        thread.start()
    except RuntimeError:  # no more threads, or the interpreter is about to end
        return False
    return True


def _interruptible(use: Handle, call: Callable[[], Any]) -> Any:
    """call(), which waits in C for the network. Python acts on Ctrl-C only between its own steps: so the main thread leaves the call to
    another one, and ends it when it is interrupted. What was fetched stays for the next call to go on with. Who presses Ctrl-C twice does
    not wait for that end: call itself must hold all that C is given."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    done, result, errors = threading.Event(), [], []

    def work() -> None:
        try:
            result.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()
    thread = threading.Thread(target=work, name="ptmtorrent", daemon=True)
    try:
        alone = not _start(thread)
        if not alone:
            done.wait()
    except BaseException:
        use.cancel()  # a thread that had not begun finds its call ended
        if thread.is_alive():
            done.wait()
        raise
    if alone:
        return call()
    if errors:
        raise errors[0]
    return result[0]


def _check(rc: int, err: Any, url: str = "") -> int:
    if rc >= 0:
        return rc
    from . import _hub_errors
    raise _hub_errors.exception(rc, err, url)


def _fetch(use: Handle, repo: str, force_reload: bool, skip_validation: bool) -> Callable[[], Any]:
    opts = ffi.new("struct ptm_torchhub_fetch_opts *")
    opts.size, opts.trust = ffi.sizeof("struct ptm_torchhub_fetch_opts"), lib.PTM_TRUST_SKIP
    opts.force_reload, opts.skip_validation = force_reload, skip_validation

    def call() -> Any:
        out, err = ffi.new("struct ptm_torchhub_repo *"), new_err()
        return lib.ptm_torchhub_fetch(use.pointer, repo.encode(), opts, out, err), out, err
    return call


def _copy(out: Any) -> Copy:
    try:
        return Copy(word(out.owner), word(out.name), word(out.ref), word(out.dir), bool(out.cached), bool(out.by_torch),
                    bool(out.ambiguous), bool(out.tag_too))
    finally:
        lib.ptm_torchhub_repo_clear(out)


def look(directory: str, repo: str) -> Optional[Copy]:
    """The copy of a repository that is in the cache; None: there is none. Never asks the network."""
    use = handle(directory, offline=True)
    rc, out, err = _fetch(use, repo, False, True)()
    if rc in (lib.PTM_EOFFLINE, lib.PTM_ENOENT, lib.PTM_ENOTFOUND):
        return None
    _check(rc, err)
    return _copy(out)


def fetch(directory: str, repo: str, force_reload: bool = False, skip_validation: bool = False) -> Copy:
    """Makes sure that a repository is in the cache. Trust is not asked about here."""
    use = handle(directory)
    rc, out, err = _interruptible(use, _fetch(use, repo, force_reload, skip_validation))
    _check(rc, err, f"https://github.com/{repo}")
    return _copy(out)


def resolve(repo: str) -> Copy:
    """What the server says that "owner/name[:ref]" is: its ref, without one the default branch."""
    use = handle()
    out, err = ffi.new("struct ptm_torchhub_repo *"), new_err()
    rc = _interruptible(use, lambda: lib.ptm_torchhub_resolve(use.pointer, repo.encode(), out, err))
    _check(rc, err, f"https://github.com/{repo}")
    return _copy(out)


def settle(directory: str, repo: str, ask: Callable[[str], bool]) -> None:
    """Is a copy that torch made of this repository, though its folder could be another's? The answer is kept beside it; FileError for no."""
    answers: List[BaseException] = []

    def answer(question: str) -> bool:
        try:
            return ask(question)
        except BaseException as error:  # nothing may pass through C
            answers.append(error)
            return False
    err, out, keep = new_err(), ffi.new("struct ptm_torchhub_repo *"), ffi.new_handle(answer)
    opts = ffi.new("struct ptm_torchhub_fetch_opts *")
    opts.size, opts.trust = ffi.sizeof("struct ptm_torchhub_fetch_opts"), lib.PTM_TRUST_ALWAYS
    opts.ask, opts.ask_arg = lib.ptm_py_ask, keep
    use = handle(directory, offline=True)
    rc = lib.ptm_torchhub_fetch(use.pointer, repo.encode(), opts, out, err)
    if answers:
        raise answers[0]
    _check(rc, err)
    lib.ptm_torchhub_repo_clear(out)


def trusted(directory: str, repo: str) -> bool:
    """Is it trusted by its owner, by the list, or by a copy in the cache?"""
    use, out, err = handle(directory), ffi.new("bool *"), new_err()
    _check(lib.ptm_torchhub_trusted(use.pointer, repo.encode(), out, err), err)
    return bool(out[0])


def trust(directory: str, repo: str) -> None:
    """Adds "owner/name" to the list of trusted repositories."""
    use, err = handle(directory), new_err()
    _check(lib.ptm_torchhub_trust(use.pointer, repo.encode(), err), err)


class _Progress:
    """Feeds a bar that is made when the size is known; what goes wrong in it ends the download."""

    def __init__(self, use: Handle, bar: Callable[[Optional[int]], Any]):
        self.use, self.make, self.done = use, bar, 0
        self.bar: Any = None
        self.error: Optional[BaseException] = None

    def __call__(self, done: int, total: int) -> None:
        if self.error is not None:
            return
        try:
            if self.bar is None:
                self.bar = self.make(total if total >= 0 else None)
                self.bar.__enter__()
            if done < self.done:  # a try that began anew
                self.done = done
            self.bar.update(done - self.done)
            self.done = done
        except BaseException as error:  # nothing may pass through C
            self.error = error
            self.use.cancel()

    def finish(self) -> None:
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
        if self.error is not None:
            raise self.error


def download(url: str, dst: str, hash_prefix: Optional[str], weights: bool, bar: Optional[Callable[[Optional[int]], Any]]) -> None:
    """url to the file dst, which appears whole. weights: a web page is none, and what is there already need not be fetched; else any
    content will do, and replaces what is there. bar(total) makes what shows the progress: a context manager with update(n)."""
    use = handle()
    opts, err = ffi.new("struct ptm_torchhub_download_opts *"), new_err()
    opts.size, opts.replace, opts.any_content = ffi.sizeof("struct ptm_torchhub_download_opts"), not weights, not weights
    prefix = ffi.new("char[]", hash_prefix.encode()) if hash_prefix else ffi.NULL
    opts.hash_prefix = prefix
    progress = _Progress(use, bar) if bar else None
    keep = ffi.new_handle(progress)
    if progress:
        opts.progress, opts.progress_arg = lib.ptm_py_progress, keep

    def call(_held: Any = (prefix, keep)) -> Any:
        return lib.ptm_torchhub_download_url_to_file(use.pointer, url.encode(), os.fsencode(dst), opts, ffi.NULL, err)
    try:
        rc = _interruptible(use, call)
    finally:
        if progress:
            progress.finish()
    _check(rc, err, url)


def request(url: str, headers: Sequence[str] = ()) -> bytes:
    """The body of a small answer, by the rules for rewriting and credentials of the library."""
    use = handle()
    ask, out, err = ffi.new("struct ptm_net_request *"), ffi.new("struct ptm_net_response *"), new_err()
    lines = [ffi.new("char[]", header.encode()) for header in headers]
    array, where = ffi.new("char *[]", lines) if lines else ffi.NULL, ffi.new("char[]", url.encode())
    ask.size, ask.url, ask.max_body = ffi.sizeof("struct ptm_net_request"), where, _MAX_ANSWER
    ask.headers, ask.n_headers = array, len(lines)

    def call(_held: Any = (lines, array, where)) -> Tuple[int, bytes]:
        rc = lib.ptm_net_perform(use.net(), ask, out, err)
        try:
            return rc, bytes(ffi.buffer(out.body, out.body_len)) if out.body != ffi.NULL else b""
        finally:
            lib.ptm_net_response_clear(out)
    rc, answer = _interruptible(use, call)
    _check(rc, err, url)
    return bytes(answer)
