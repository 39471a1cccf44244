# SPDX-License-Identifier: MIT
"""Where the modules of isolated repositories live: ptmtorrent._repos.COPY.MODULE, one COPY for each folder a repository was loaded from.

A repository's own `models` and `utils` are found here under private names, so that those of two repositories, of two branches of one, and
of the program itself do not meet in sys.modules. Its sources stay as they are: each of its modules runs with an __import__ of its own,
which takes the absolute imports of what is the repository's to the private name. Functions keep the builtins of the module they were
defined in, so imports inside them go the same way, however late they run. (Python looks __import__ up in the builtins of the running code:
https://docs.python.org/3/reference/simple_stmts.html#import)

It is a package that others can import from: unpickling a class by reference, in this process or another one, imports it by its private name.
A process that does not know the copy looks for it where a parent process had its own ($PTM_ISOLATED), and in the hub's cache.
"""
from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import threading
from types import ModuleType
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

__path__: List[str] = []  # a package, so that modules below it can be imported
_HUBCONF = "hubconf"
# Folders that were isolated, for child processes: a worker started by "spawn" unpickles what it is given before it runs anything else.
_ENVIRONMENT = "PTM_ISOLATED"

_copies: Dict[str, "Copy"] = {}
_lock = threading.RLock()


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_new_lock)


def below(path: Any, folder: str) -> bool:
    """Is path folder, or in it? Both with links resolved."""
    return path == folder or (isinstance(path, str) and path.startswith(folder + os.sep))


def _is_library(path: Any) -> bool:
    """Does a file belong to Python itself or to an installed package?"""
    path = os.path.realpath(path) if isinstance(path, str) else ""
    return "site-packages" in path or "dist-packages" in path or below(path, os.path.dirname(os.path.realpath(os.__file__)))


def is_stdlib(module: Any) -> bool:
    """Python's own: such modules are loaded before any repository, whose file of the same name nobody ever gets by importing."""
    name, file = getattr(module, "__name__", None), getattr(getattr(module, "__spec__", None), "origin", None)
    if name in sys.builtin_module_names or file in ("built-in", "frozen"):
        return True
    return isinstance(file, str) and "site-packages" not in file and "dist-packages" not in file and _is_library(file)


def installed_as(name: str) -> bool:
    """Is there an installed distribution of this very name? Then a loaded module of that name is that library, not somebody's `utils`."""
    import importlib.metadata
    try:
        importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


class _SourceLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        _prepare(module)
        super().exec_module(module)


class _BytecodeLoader(importlib.machinery.SourcelessFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        _prepare(module)
        super().exec_module(module)


class _RootLoader(importlib.abc.Loader):
    """Of the private package itself: nothing is run."""

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass


_LOADERS = [
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (_SourceLoader, importlib.machinery.SOURCE_SUFFIXES),
    (_BytecodeLoader, importlib.machinery.BYTECODE_SUFFIXES),
]


def _prepare(module: ModuleType) -> None:
    copy = _copies[module.__name__[len(__name__) + 1:].partition(".")[0]]
    module.__dict__["__builtins__"] = copy.builtins


def _find(fullname: str, folders: Sequence[str]) -> Optional[importlib.machinery.ModuleSpec]:
    """The spec of a module in these folders, by the rules of sys.path, past sys.path_importer_cache."""
    portions: List[str] = []
    for folder in folders:
        spec = importlib.machinery.FileFinder(folder, *_LOADERS).find_spec(fullname)
        if spec is None:
            continue
        if spec.loader is not None:
            return spec
        portions.extend(spec.submodule_search_locations or ())
    if not portions:
        return None
    namespace = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


# --- pickles that name the repository's classes as everybody does ---

# Checkpoints that hold whole modules (YOLOv5's) say "models.yolo.Model". torch.load derives its unpickler from pickle.Unpickler each time:
# while an isolated repository's code runs, that is one which looks the names up where this thread's repository has them.
_running = threading.local()
_unpicklers = 0
_patched: Any = None


def _unpickler(plain: Any) -> Any:
    class Unpickler(plain):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            copies = getattr(_running, "copies", None)
            if copies and copies[-1].owns(module.partition(".")[0]):
                with copies[-1].own_names_in_errors():
                    module = importlib.import_module(f"{copies[-1].name}.{module}").__name__
            return super().find_class(module, name)
    Unpickler.__qualname__, Unpickler.__module__ = plain.__qualname__, plain.__module__
    return Unpickler


@contextlib.contextmanager
def _unpickling(copy: "Copy") -> Iterator[None]:
    import pickle
    global _patched, _unpicklers
    _running.copies = [*getattr(_running, "copies", ()), copy]
    with _lock:
        if not _unpicklers:
            _patched = pickle.Unpickler = _unpickler(pickle.Unpickler)  # type: ignore[misc]
        _unpicklers += 1
    try:
        yield
    finally:
        _running.copies = _running.copies[:-1]
        with _lock:
            _unpicklers -= 1
            if not _unpicklers and pickle.Unpickler is _patched:
                pickle.Unpickler = _patched.__mro__[1]  # type: ignore[misc, assignment]


# --- one repository ---

class _Importlib(ModuleType):
    """importlib as the repository's code sees it: import_module() knows the private names, all else is importlib's."""

    def __init__(self, copy: "Copy"):
        super().__init__("importlib")
        self.__dict__["_copy"] = copy

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)

    def import_module(self, name: str, package: Optional[str] = None) -> ModuleType:
        copy: Copy = self.__dict__["_copy"]
        if package and copy.owns(package.partition(".")[0]):
            package = f"{copy.name}.{package}"
        if name.startswith(".") or not copy.owns(name.partition(".")[0]):
            return importlib.import_module(name, package)
        with copy.own_names_in_errors():
            return importlib.import_module(f"{copy.name}.{name}")

    def invalidate_caches(self) -> None:
        self.__dict__["_copy"].look_again()
        importlib.invalidate_caches()


class Copy:
    """A repository's folder, under its private name."""

    def __init__(self, key: str, directory: str):
        self.name = f"{__name__}.{key}"
        self.directory = directory
        self.identity = _identity(directory)
        self.folders = [directory]  # where its own modules are; also the __path__ of the private package
        self.by_auto = False  # isolated because something clashed: then it stays so
        self.keep_installed = False  # a loaded library that is installed under its own name is used, as upstream does
        self.builtins = dict(vars(builtins))
        self.builtins["__import__"] = self.import_
        self.importlib = _Importlib(self)
        self._own: Dict[str, bool] = {}
        self._times: List[int] = []  # when its folders last changed
        self._seen: Set[str] = set()

    def _look_at_path(self) -> None:
        """Folders of its own that the repository put on sys.path count from then on, also after they are taken off again."""
        for entry in [entry for entry in sys.path if isinstance(entry, str) and entry not in self._seen]:
            self._seen.add(entry)
            real = os.path.realpath(entry)
            if below(real, self.directory) and real not in self.folders:
                self.folders.insert(0 if sys.path[0] == entry else len(self.folders), real)
                self._own.clear()

    def look_again(self) -> None:
        """Modules that were not there may be by now: repositories build some (setup.py build_ext) when importing them has failed. What was
        found stays the repository's."""
        self._own = {top: True for top, own in list(self._own.items()) if own}

    def _look_at_times(self) -> None:
        times = [_changed(folder) for folder in self.folders]
        if times != self._times:
            self._times = times
            self.look_again()

    def owns(self, top: str) -> bool:
        """Is a top-level name one of the repository's own modules?"""
        self._look_at_path()
        self._look_at_times()
        own = self._own.get(top)
        if own is None:
            own = self._own[top] = self._is_own(top)
        return own

    def _is_own(self, top: str) -> bool:
        if top in sys.builtin_module_names or is_stdlib(sys.modules.get(top)):
            return False
        if self.keep_installed and top in sys.modules and installed_as(top):
            return False
        spec = _find(f"{self.name}.{top}", self.folders)
        # A folder without __init__.py is a module only where no library has the name: `wandb/` and `data/` are often just folders.
        return spec is not None and (spec.loader is not None or not self._is_library_name(top))

    def _is_library_name(self, top: str) -> bool:
        others = [entry for entry in sys.path if isinstance(entry, str) and not below(os.path.realpath(entry), self.directory)]
        spec = importlib.machinery.PathFinder.find_spec(top, others)
        return spec is not None and spec.loader is not None and _is_library(spec.origin)

    def import_(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """__import__ for the repository's code."""
        if level != 0 or not self.owns(name.partition(".")[0]):
            module = builtins.__import__(name, globals, locals, fromlist, level)
            return self.importlib if module is importlib else module
        with self.own_names_in_errors():
            if fromlist:
                return builtins.__import__(f"{self.name}.{name}", globals, locals, fromlist, 0)
            importlib.import_module(f"{self.name}.{name}")
            return sys.modules[f"{self.name}.{name.partition('.')[0]}"]

    @contextlib.contextmanager
    def own_names_in_errors(self) -> Iterator[None]:
        """A module that is not there is called what the repository calls it."""
        try:
            yield
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(self.name + "."):
                raise
            short = str(error.name)[len(self.name) + 1:]
            raise ModuleNotFoundError(f"No module named {short!r}", name=short, path=error.path) from None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While its code runs; sys.path is as it was afterwards."""
        before = list(sys.path)
        try:
            with _unpickling(self):
                yield
        finally:
            self._look_at_path()
            for entry in list(sys.path):
                own = isinstance(entry, str) and entry != self.directory and below(os.path.realpath(entry), self.directory)
                if own and entry not in before:
                    with contextlib.suppress(ValueError):  # another thread that runs it took it off
                        sys.path.remove(entry)

    @contextlib.contextmanager
    def _first_in_path(self) -> Iterator[None]:
        """Code that looks at sys.path[0] finds the repository there, but nothing is imported through it: None means no finder."""
        cache, missing = sys.path_importer_cache, object()
        before: Any = cache.get(self.directory, missing)
        sys.path.insert(0, self.directory)
        cache[self.directory] = None
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(self.directory)
            cache.pop(self.directory, None)
            if before is not missing:
                cache[self.directory] = before

    def run_hubconf(self, path: str) -> ModuleType:
        """Runs hubconf.py anew, as torch.hub does at each call; other modules are run once."""
        importlib.import_module(self.name)
        fullname = f"{self.name}.{_HUBCONF}"
        spec = importlib.util.spec_from_file_location(fullname, path, loader=_SourceLoader(fullname, path))
        assert spec is not None
        module, before = importlib.util.module_from_spec(spec), sys.modules.get(fullname)
        sys.modules[fullname] = module
        try:
            with self._first_in_path():
                _SourceLoader(fullname, path).exec_module(module)
        except BaseException:
            sys.modules.pop(fullname)
            if before is not None:
                sys.modules[fullname] = before
            raise
        setattr(sys.modules[self.name], _HUBCONF, module)
        return module

    def forget(self) -> None:
        """Its modules are run anew when they are imported next."""
        for name in [name for name in sys.modules if name == self.name or name.startswith(self.name + ".")]:
            del sys.modules[name]


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _identity(directory: str) -> Any:
    """A folder that was replaced by another one is another repository's copy."""
    try:
        status = os.stat(directory)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _key(directory: str) -> str:
    """The folder's name to read, a hash of where it is to tell it from others of that name."""
    import hashlib
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return f"_{re.sub('[^0-9A-Za-z_]', '_', os.path.basename(directory))}_{digest}"


def known(directory: str) -> Optional[Copy]:
    """The copy for a folder that was isolated before and is still the same."""
    copy = _copies.get(_key(os.path.realpath(directory)))
    return copy if copy and copy.identity == _identity(copy.directory) else None


def copy_of(directory: str) -> Copy:
    """The private name for a folder; made at the first time, and anew when the folder was replaced."""
    with _lock:
        real = os.path.realpath(directory)
        key = _key(real)
        copy = known(real)
        if copy is None:
            if key in _copies:
                _copies[key].forget()
            copy = _copies[key] = Copy(key, real)
            _tell_children(real)
        return copy


def _told() -> List[str]:
    return [folder for folder in os.environ.get(_ENVIRONMENT, "").split(os.pathsep) if folder]


def _tell_children(folder: str) -> None:
    if os.pathsep not in folder and folder not in _told():
        os.environ[_ENVIRONMENT] = os.pathsep.join([*_told(), folder])


def _search(key: str) -> None:
    """Another process isolated it: which of the known folders has that name?"""
    from . import hub
    folders = _told()
    with contextlib.suppress(OSError):
        folders += [entry.path for entry in os.scandir(hub.get_dir()) if entry.is_dir()]
    for folder in folders:
        if _key(os.path.realpath(folder)) == key and os.path.isdir(folder):
            copy_of(folder)
            return


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules below this package, and no others."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Optional[importlib.machinery.ModuleSpec]:
        if not fullname.startswith(__name__ + "."):
            return None
        key, _, rest = fullname[len(__name__) + 1:].partition(".")
        if key not in _copies:
            _search(key)
        if key not in _copies:
            return None
        if rest:
            return _find(fullname, path or ())
        spec = importlib.machinery.ModuleSpec(fullname, _RootLoader(), is_package=True)
        spec.submodule_search_locations = _copies[key].folders
        return spec


sys.meta_path.insert(0, _Finder())
