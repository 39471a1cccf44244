# SPDX-License-Identifier: MIT
"""Whether a repository is loaded as torch.hub does, its modules under their public names, or isolated, under private ones (_repos.py).

torch.hub's known limitation (https://pytorch.org/docs/stable/hub.html#known-limitations): what a repository imports stays in sys.modules,
so the next one that has a `models`, too, gets the wrong one.
"""
from __future__ import annotations

import contextlib
import os
import sys
import threading
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List, Set, TypeVar

T = TypeVar("T")

# What stands in a repository's root and is not what its hubconf.py imports.
_NOT_IMPORTED = {"hubconf", "setup", "conftest", "__init__", "__main__", "__pycache__"}
# How deep folders are looked into for modules of a repository that puts folders of its own on sys.path, and how many.
_DEPTH, _FOLDERS = 3, 2000

_lock = threading.RLock()  # of sys.path, while hubconf.py runs, and of what follows
_loading: Dict[str, List[str]] = {}  # public name -> folders whose load is under way
_published: Set[str] = set()  # names that loads put into sys.modules


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _loading.clear()


os.register_at_fork(after_in_child=_after_fork)


def _has_python(folder: str, depth: int = 2) -> bool:
    with contextlib.suppress(OSError):
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        return (any(entry.name.endswith(".py") for entry in entries)
                or depth > 1 and any(entry.is_dir() and _has_python(entry.path, depth - 1) for entry in entries))
    return False


def _modules_in(folder: str) -> Iterator[str]:
    """Top-level names that a folder on sys.path offers; folders only when there is Python in them."""
    for entry in os.scandir(folder):
        stem, dot, suffix = entry.name.partition(".")
        if dot and (suffix in ("py", "pyc") or suffix.endswith("so")) and entry.is_file():
            yield stem
        elif not dot and entry.name.isidentifier() and entry.is_dir() and _has_python(entry.path):
            yield entry.name


def _edits_path(directory: str) -> bool:
    try:
        with open(os.path.join(directory, "hubconf.py"), "rb") as file:
            return b"sys.path" in file.read(1 << 20)
    except OSError:
        return False


def _own_folders(directory: str) -> List[str]:
    if not _edits_path(directory):
        return [directory]
    found = []
    for at, folders, _ in os.walk(directory):
        found.append(at)
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        if len(found) >= _FOLDERS:
            break
        if at.count(os.sep) - directory.count(os.sep) >= _DEPTH:
            folders.clear()
    return found


def own_names(directory: str) -> Set[str]:
    """Top-level names of the modules a repository has."""
    names: Set[str] = set()
    for folder in _own_folders(directory):
        with contextlib.suppress(OSError):
            names.update(_modules_in(folder))
    return names - _NOT_IMPORTED


def _is_elsewhere(module: Any, directory: str) -> bool:
    """Was a module loaded from outside of directory?"""
    from ._repos import below
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return module is not None and not any(isinstance(place, str) and below(os.path.realpath(place), directory) for place in places)


def _clashes(directory: str, names: Set[str]) -> bool:
    from ._repos import installed_as, is_stdlib
    if any(folder != directory for name in names for folder in _loading.get(name, ())):
        return True
    foreign = {fullname.partition(".")[0] for fullname, module in list(sys.modules.items())
               if fullname.partition(".")[0] in names and not is_stdlib(module) and _is_elsewhere(module, directory)}
    return any(not installed_as(name) for name in foreign)


@contextlib.contextmanager
def add_to_sys_path(path: str) -> Iterator[None]:
    """path first in sys.path; afterwards it is off again, and with it what sys.path_importer_cache learned of it."""
    from ._repos import below
    known = set(sys.path_importer_cache)
    sys.path.insert(0, path)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the code took it off itself
            sys.path.remove(path)
        real = os.path.realpath(path)
        for entry in [entry for entry in sys.path_importer_cache if entry not in known]:
            if entry == path or below(os.path.realpath(entry), real):
                sys.path_importer_cache.pop(entry, None)


@contextlib.contextmanager
def _as_upstream(directory: str, names: Set[str]) -> Iterator[None]:
    for name in names:
        _loading.setdefault(name, []).append(directory)
    try:
        yield
    finally:
        with _lock:
            for name in names:
                with contextlib.suppress(KeyError, ValueError):  # a child forked meanwhile has forgotten it
                    _loading[name].remove(directory)
                if name in sys.modules and not _is_elsewhere(sys.modules[name], directory):
                    _published.add(name)


def _replace_removed(copy: Any, names: Set[str]) -> None:
    """Programs that follow torch's advice remove a repository's packages from sys.modules after each load. What they removed once, they
    will remove again: it must be there."""
    for name in names & _published:
        module = sys.modules.get(f"{copy.name}.{name}")
        if name not in sys.modules and module is not None:
            sys.modules[name] = module


def run(directory: str, isolate: Any, import_hubconf: Callable[[], ModuleType], use: Callable[[ModuleType], T],
        add_to_path: Callable[[str], Any]) -> T:
    """use(hubconf.py's module), with the repository's modules at hand. isolate: "auto", True, False. import_hubconf and add_to_path are
    what torch.hub does."""
    if isolate not in ("auto", True, False):
        raise ValueError(f'Unknown isolate: {isolate!r}. Allowed values: "auto" | True | False.')
    real = os.path.realpath(directory)
    with contextlib.ExitStack() as stack:
        with _lock:
            names = own_names(real)
            copy = _choose(real, isolate, names)
            if copy is None:
                stack.enter_context(_as_upstream(real, names))
                stack.enter_context(add_to_path(directory))
                module = import_hubconf()
            else:
                if isolate == "auto":
                    stack.callback(_replace_removed, copy, names)
                stack.enter_context(copy.running())
                module = copy.run_hubconf(os.path.join(directory, "hubconf.py"))
        return use(module)


def _choose(real: str, isolate: Any, names: Set[str]) -> Any:
    """The private copy to load it as; None: as upstream."""
    if isolate is False:
        return None
    from . import _repos
    if isolate == "auto":
        before = _repos.known(real)
        if not (before and before.by_auto) and not _clashes(real, names):
            return None
    copy = _repos.copy_of(real)
    if isolate == "auto":
        copy.by_auto = copy.keep_installed = True
    return copy


def has_module(module: ModuleType, name: str) -> bool:
    """Can hubconf.py's module import this? As importlib.util.find_spec, which sees nothing of an isolated repository."""
    import importlib.util
    private, _, _ = module.__name__.rpartition(".")
    if private:
        from . import _repos
        copy = _repos._copies.get(private.rpartition(".")[2])
        if copy is not None and copy.owns(name.partition(".")[0]):
            name = f"{copy.name}.{name}"
    return importlib.util.find_spec(name) is not None
