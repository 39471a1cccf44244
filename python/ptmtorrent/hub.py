# SPDX-License-Identifier: MIT
"""torch.hub: the same seven functions, on the C core, with or without torch.

    from ptmtorrent import hub as torch_hub      # is enough to switch
    model = torch_hub.load("pytorch/vision", "resnet18", pretrained=True)

The cache is shared with torch: the same folders, checkpoints and list of trusted repositories. Functions, exceptions, warnings and messages
are those of torch >= 2.11 (https://pytorch.org/docs/stable/hub.html). What differs on purpose:

- load_state_dict_from_url has weights_only=True: nothing in the file is run. check_hash looks at files that are there already, too, and
  says when a name holds no hash of 8 or more digits.
- Without a ref, a copy in the cache is used without asking the network.
- Where nobody can answer a question about trust, UntrustedError says what to do (it is an EOFError, which torch.hub dies of there).
- load, list and help take isolate="auto"|True|False: whether a repository's own modules live under a private name (_repos.py), and
  profile="2.11"|"2.10": whose default trust_repo has. $PTM_TORCH_PROFILE is the default of that.

What the C core reports is of torch.hub's kinds (ValueError, RuntimeError, urllib's, ..) and a ptmtorrent.Error too; by name in this module:
UntrustedError, RefError, StatusError, UrlError, DamagedError, UnsafeError.

What needs no Python, as listing without running anything, is in the command `ptm torch`.
"""
from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional, Tuple, TypeVar, Union
from urllib.parse import urlparse

from . import _hub_core, _hub_isolate
from ._core import Error

if TYPE_CHECKING:
    from tqdm import tqdm as tqdm

    from ._hub_errors import (DamagedError as DamagedError, RefError as RefError, StatusError as StatusError, UnsafeError as UnsafeError,
                              UntrustedError as UntrustedError, UrlError as UrlError)

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

# As in resnet18-bfd8deac.pth. torch's own expression, which also matches fewer digits than are a check.
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_HASH_DIGITS = 8

_BUILT_IN_OWNERS = _TRUSTED_REPO_OWNERS = ("facebookresearch", "facebookincubator", "pytorch", "fairinternal")
ENV_GITHUB_TOKEN = "GITHUB_TOKEN"
ENV_TORCH_HOME = "TORCH_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
ENV_PROFILE = "PTM_TORCH_PROFILE"
DEFAULT_CACHE_DIR = "~/.cache"
VAR_DEPENDENCY = "dependencies"
MODULE_HUBCONF = "hubconf.py"
READ_DATA_CHUNK = 128 * 1024
_hub_dir: Optional[str] = None
_told: Optional[str] = None  # the folder torch was told last

_PROFILES = ("2.11", "2.10")
_Function = TypeVar("_Function", bound=Callable[..., Any])
_add_to_sys_path = _hub_isolate.add_to_sys_path


class _Given(str):
    """The default of trust_repo, which is told from the same text given by the caller."""


_DEFAULT_TRUST: Union[bool, str, None] = _Given("check")


class _Faketqdm:
    """Shows progress where tqdm is not installed."""

    def __init__(self, total: Optional[int] = None, disable: bool = False, unit: Any = None, *args: Any, **kwargs: Any):
        self.total, self.disable, self.n = total, disable, 0

    def update(self, n: int) -> None:
        if self.disable:
            return
        self.n += n
        sys.stderr.write(f"\r{100 * self.n / self.total:.1f}%" if self.total else f"\r{self.n:.1f} bytes")
        sys.stderr.flush()

    def set_description(self, *args: Any, **kwargs: Any) -> None:
        pass

    def write(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def close(self) -> None:
        self.disable = True

    def __enter__(self) -> "_Faketqdm":
        return self

    def __exit__(self, *_: Any) -> None:
        if not self.disable:
            sys.stderr.write("\n")


def _lazy(name: str) -> Any:
    # Costs more than all the rest of this module: imported by who shows a bar, or meets an error.
    if name == "tqdm":
        try:
            from tqdm import tqdm
        except ImportError:
            return _Faketqdm
        return tqdm
    if name in ("UntrustedError", "RefError", "StatusError", "UrlError", "DamagedError", "UnsafeError"):
        from . import _hub_errors
        return getattr(_hub_errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # with it, checkers would take any name for one of this module
    __getattr__ = _lazy


def _old_name(old: str, new: str) -> Callable[[_Function], _Function]:
    """Takes the first argument under the name it had before torch 1.6, too."""
    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def renamed(*args: Any, **kwargs: Any) -> Any:
            if not args and old in kwargs and new not in kwargs:
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)
        return renamed  # type: ignore[return-value]
    return decorate


def _callers_level() -> int:
    """The stacklevel of the line that called this module, for a warning of the function that asks."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals is globals():
        frame, level = frame.f_back, level + 1
    return level


# --- folders ---

def _get_torch_home() -> str:
    cache = os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR)
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, os.path.join(cache, "torch")))


def get_dir() -> str:
    """The hub folder: what set_dir() was given, else $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub, else ~/.cache/torch/hub.

    https://pytorch.org/docs/stable/hub.html#where-are-my-downloaded-models-saved
    """
    if os.getenv("TORCH_HUB"):
        warnings.warn("TORCH_HUB is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    return _hub_dir if _hub_dir is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d: Union[str, os.PathLike[str]]) -> None:
    """Sets the hub folder for this process; "~" at the beginning is the home folder. It is made when something is put there."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)
    _tell_torch()


def _tell_torch() -> None:
    """Repositories fetch their weights by torch.hub: into the same folder, unless the program gave torch another one."""
    global _told
    torch_hub = sys.modules.get("torch.hub")
    if _hub_dir is not None and torch_hub is not None and getattr(torch_hub, "_hub_dir", _hub_dir) in (None, _told):
        torch_hub._hub_dir = _told = _hub_dir  # type: ignore[attr-defined]


# --- repositories ---

def _remove_if_exists(path: Union[str, os.PathLike[str]]) -> None:
    """Removes a file, or a folder with all that is in it."""
    import shutil
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def _git_archive_link(repo_owner: str, repo_name: str, ref: str) -> str:
    # https://docs.github.com/en/repositories/working-with-files/using-files/downloading-source-code-archives
    return f"https://github.com/{repo_owner}/{repo_name}/zipball/{ref}"


def _read_url(url: Any) -> str:
    """The text at a URL; a urllib Request goes with its headers."""
    headers = [f"{name}: {value}" for name, value in getattr(url, "header_items", lambda: [])()]
    return _hub_core.request(getattr(url, "full_url", url), headers).decode("utf-8", "replace")


def _split_repo_info(github: str) -> Tuple[str, str, Optional[str]]:
    try:
        repo_info, ref = github.split(":") if ":" in github else (github, None)
        repo_owner, repo_name = repo_info.split("/")
    except ValueError as error:
        raise ValueError(f'"{github}" is not OWNER/NAME[:REF]: {error}') from None
    return repo_owner, repo_name, ref


def _parse_repo_info(github: str, fresh: bool = False) -> Tuple[str, str, str]:
    """(owner, name, ref) of "owner/name[:ref]". Without a ref: that of the newest copy in the cache, and where there is none (or fresh is
    asked for) the default branch: main, else master, else what the server says."""
    repo_owner, repo_name, ref = _split_repo_info(github)
    if ref is not None:
        return repo_owner, repo_name, ref
    hub_dir = get_dir()
    copy = _hub_core.look(hub_dir, github)
    if copy is not None and not fresh:
        return repo_owner, repo_name, copy.ref
    from . import _hub_errors
    try:
        return repo_owner, repo_name, _hub_core.resolve(github).ref
    except _hub_errors.UrlError as error:
        if copy is not None:
            return repo_owner, repo_name, copy.ref
        raise RuntimeError("It looks like there is no internet connection and the repo could not be found in the cache "
                           f"({hub_dir}): {error}") from error


def _validate_not_a_forked_repo(repo_owner: str, repo_name: str, ref: str) -> None:
    """ValueError unless ref is a branch or tag of this repository, or a commit that one of them reaches. A program that replaces this
    function (to save requests to GitHub's API, which are not made here) has its own called instead of the C core's check."""
    _hub_core.resolve(f"{repo_owner}/{repo_name}:{ref}")


_OWN_VALIDATION = _validate_not_a_forked_repo


def _download_repo(hub_dir: str, owner: str, name: str, ref: str, force_reload: bool, skip_validation: bool) -> str:
    if not skip_validation and _validate_not_a_forked_repo is not _OWN_VALIDATION:
        _validate_not_a_forked_repo(owner, name, ref)
        skip_validation = True
    cached_file = os.path.join(hub_dir, ref.replace("/", "_") + ".zip")
    print(f'Downloading: "{_git_archive_link(owner, name, ref)}" to {cached_file}')
    copy = _hub_core.fetch(hub_dir, f"{owner}/{name}:{ref}", force_reload, skip_validation)
    if copy.tag_too:
        warnings.warn(f"The ref {ref} is ambiguous. Perhaps it is both a tag and a branch in the repo? The branch is taken here; "
                      f"to say which is meant, write refs/heads/{ref} or refs/tags/{ref}.", stacklevel=_callers_level())
    return copy.dir


def _get_cache_or_reload(github: str, force_reload: bool, trust_repo: Any, verbose: bool = True, skip_validation: bool = False, *,
                         calling_fn: str = "load", profile: Optional[str] = None) -> str:
    """The folder of the repository, fetched where it is not in the cache."""
    hub_dir = get_dir()
    os.makedirs(hub_dir, exist_ok=True)
    owner, name, ref = _parse_repo_info(github, force_reload) if force_reload else _parse_repo_info(github)
    copy = _hub_core.look(hub_dir, f"{owner}/{name}:{ref}")
    folder = "_".join([owner, name, ref.replace("/", "_")])
    _check_repo_is_trusted(owner, name, folder, trust_repo, calling_fn, profile=profile, ref=ref)
    if copy is not None and not force_reload:
        if copy.ambiguous:
            _hub_core.settle(hub_dir, f"{owner}/{name}:{ref}", _yes_to(_default_trust(trust_repo, profile)))
        if verbose:
            sys.stderr.write(f"Using cache found in {copy.dir}\n")
        return copy.dir
    return _download_repo(hub_dir, owner, name, ref, force_reload, skip_validation)


# --- trust ---

def _default_trust(trust_repo: Any, profile: Optional[str]) -> Any:
    """trust_repo where none was given: "check" since torch 2.11, None before. None given to 2.11 is as True there."""
    profile = profile or os.environ.get(ENV_PROFILE) or _PROFILES[0]
    if profile not in _PROFILES:
        raise ValueError(f'Unknown profile: "{profile}". Allowed values: "2.11" | "2.10".')
    if trust_repo is _DEFAULT_TRUST:
        return "check" if profile == "2.11" else None
    return True if trust_repo is None and profile == "2.11" else trust_repo


def _is_trusted(hub_dir: str, owner: str, name: str, ref: str) -> bool:
    """By its owner, by the list, or by a copy in the cache (torch's rule): the C core tells repositories apart whose names join alike."""
    public = _hub_core.host() == "github.com"  # elsewhere these names are anybody's
    if public and owner in _TRUSTED_REPO_OWNERS:
        return True
    if public and owner in _BUILT_IN_OWNERS:  # taken off the tuple: only the list speaks for it
        with contextlib.suppress(OSError), open(os.path.join(hub_dir, "trusted_list"), encoding="utf-8", errors="surrogateescape") as file:
            return f"{owner}_{name}" in {line.strip() for line in file}
        return False
    return _hub_core.trusted(hub_dir, f"{owner}/{name}:{ref}")


def _ask(question: str) -> str:
    try:
        return input(question)
    except (EOFError, RuntimeError) as error:  # RuntimeError: sys.stdin is None, as in daemons
        from ._hub_errors import UntrustedError
        raise UntrustedError(f"{question} Nobody can answer: there is no terminal. If you trust it, pass trust_repo=True once, or run "
                             "`ptm torch trust add OWNER/NAME`.", "credentials") from error


def _yes_to(trust_repo: Any) -> Callable[[str], bool]:
    """Who answers whether a folder that torch made is of the repository its name can be read as: who trusts it anyway, or the user."""
    if trust_repo is False or trust_repo == "check":
        return lambda question: _ask(question).lower() in ("y", "yes")
    return lambda question: True


def _check_repo_is_trusted(repo_owner: str, repo_name: str, owner_name_branch: str, trust_repo: Any, calling_fn: str = "load", *,
                           profile: Optional[str] = None, ref: Optional[str] = None) -> None:
    """May code of this repository run? Asks by input() where trust_repo says so, raises Exception("Untrusted repository.") for a no."""
    trust_repo = _default_trust(trust_repo, profile)
    hub_dir, owner_name = get_dir(), "_".join([repo_owner, repo_name])
    with contextlib.suppress(OSError), open(os.path.join(hub_dir, "trusted_list"), "a", encoding="utf-8"):
        pass  # torch makes the file at each call
    is_trusted = _is_trusted(hub_dir, repo_owner, repo_name, ref or owner_name_branch[len(owner_name) + 1:])
    if trust_repo is None:
        if not is_trusted:
            warnings.warn("You are about to download and run code from an untrusted repository. torch 2.11 no longer allows that. To add it "
                          f"to your trusted list, use {calling_fn}(..., trust_repo=False), which asks you, or {calling_fn}(..., "
                          f"trust_repo=True), which takes the answer to be yes; {calling_fn}(..., trust_repo='check') asks only where the "
                          "repository is not trusted yet.", stacklevel=_callers_level())
        return
    if trust_repo is False or (trust_repo == "check" and not is_trusted):
        response = _ask(f"The repository {owner_name} does not belong to the list of trusted repositories and as such cannot be downloaded. "
                        "Do you trust this repository and wish to add it to the trusted list of repositories (y/N)?")
        if response.lower() in ("n", "no", ""):
            raise Exception("Untrusted repository.")
        if response.lower() not in ("y", "yes"):
            raise ValueError(f"Unrecognized response {response}.")
        if is_trusted:
            print("The repository is already trusted.")
    if not is_trusted:
        _hub_core.trust(hub_dir, f"{repo_owner}/{repo_name}")


# --- hubconf.py ---

def _import_module(name: str, path: str) -> ModuleType:
    """Runs a file as a module that is not in sys.modules."""
    import importlib.util
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AssertionError(f"failed to load spec from {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_attr_from_module(module: ModuleType, func_name: str) -> Any:
    return getattr(module, func_name) if func_name in dir(module) else None


def _check_module_exists(name: str) -> bool:
    import importlib.util
    return importlib.util.find_spec(name) is not None


def _check_dependencies(m: ModuleType) -> None:
    dependencies: Optional[Iterable[str]] = _load_attr_from_module(m, VAR_DEPENDENCY)
    missing = [name for name in dependencies or () if not _hub_isolate.has_module(m, name)]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")


def _load_entry_from_hubconf(m: ModuleType, model: str) -> Callable[..., Any]:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    _check_dependencies(m)
    function: Optional[Callable[..., Any]] = _load_attr_from_module(m, model)
    if function is None or not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


_Result = TypeVar("_Result")


def _with_hubconf(directory: Union[str, os.PathLike[str]], isolate: Any, use: Callable[[ModuleType], _Result]) -> _Result:
    directory = os.fspath(directory)
    hubconf = os.path.join(directory, MODULE_HUBCONF)

    def use_it(module: ModuleType) -> _Result:
        _tell_torch()  # it may have imported torch only now
        return use(module)
    return _hub_isolate.run(directory, isolate, lambda: _import_module(MODULE_HUBCONF, hubconf), use_it, _add_to_sys_path)


def _load_local(hubconf_dir: str, model: str, *args: Any, **kwargs: Any) -> Any:
    """What the entry point gives, from a folder that has a hubconf.py."""
    return _with_hubconf(hubconf_dir, "auto", lambda m: _load_entry_from_hubconf(m, model)(*args, **kwargs))


def list(github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Union[bool, str, None] = _DEFAULT_TRUST,
         verbose: bool = True, *, isolate: Union[bool, str] = "auto", profile: Optional[str] = None) -> List[str]:
    """Names of the entry points in a repository: all callables of its hubconf.py, imported ones too, that do not begin with "_".

    github: "owner/name[:ref]". Runs hubconf.py, as torch.hub.list does (https://pytorch.org/docs/stable/hub.html#torch.hub.list);
    `ptm torch list` runs nothing. The other arguments are those of load().
    """
    repo_dir = _get_cache_or_reload(github, force_reload, trust_repo, verbose, skip_validation, calling_fn="list", profile=profile)
    return _with_hubconf(repo_dir, isolate, lambda m: [name for name in dir(m) if callable(getattr(m, name)) and not name.startswith("_")])


def help(github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Union[bool, str, None] = _DEFAULT_TRUST, *,
         isolate: Union[bool, str] = "auto", profile: Optional[str] = None) -> Optional[str]:
    """The docstring of an entry point; None where it has none.

    Runs hubconf.py, as torch.hub.help does (https://pytorch.org/docs/stable/hub.html#torch.hub.help); `ptm torch help` runs nothing. The
    arguments are those of load().
    """
    repo_dir = _get_cache_or_reload(github, force_reload, trust_repo, True, skip_validation, calling_fn="help", profile=profile)
    return _with_hubconf(repo_dir, isolate, lambda m: _load_entry_from_hubconf(m, model).__doc__)


@_old_name("github", "repo_or_dir")
def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", trust_repo: Union[bool, str, None] = _DEFAULT_TRUST,
         force_reload: bool = False, verbose: bool = True, skip_validation: bool = False, isolate: Union[bool, str] = "auto",
         profile: Optional[str] = None, **kwargs: Any) -> Any:
    """What the entry point `model` of a repository gives, called with args and kwargs.

    As torch.hub.load (https://pytorch.org/docs/stable/hub.html#torch.hub.load):
    repo_or_dir: "owner/name[:ref]" of GitHub, or with source="local" a folder that has a hubconf.py.
    trust_repo: "check" asks unless the repository is trusted, True trusts it from now on, False always asks.
    force_reload: replaces the copy in the cache; weights it downloads stay. verbose: say when a copy is used.
    skip_validation: do not look whether ref is the repository's own.
    And ours: isolate: "auto" gives the repository's own modules a private name where others of their names are loaded already, True always,
    False never. profile: "2.11" or "2.10", whose default trust_repo has.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        repo_or_dir = _get_cache_or_reload(repo_or_dir, force_reload, trust_repo, verbose, skip_validation, profile=profile)
    if isolate == "auto":
        return _load_local(repo_or_dir, model, *args, **kwargs)
    return _with_hubconf(repo_or_dir, isolate, lambda m: _load_entry_from_hubconf(m, model)(*args, **kwargs))


# --- weights ---

def _progress_bar(progress: bool) -> Optional[Callable[[Optional[int]], Any]]:
    if not progress:
        return None
    bar = globals().get("tqdm") or _lazy("tqdm")
    return lambda total: bar(total=total, disable=False, unit="B", unit_scale=True, unit_divisor=1024)


def _download_otherwise(url: str, dst: str, hash_prefix: Optional[str]) -> None:
    """ftp and data URLs, which torch.hub takes: through urllib, which also has torch.hub's exceptions for what is no URL."""
    import hashlib
    import urllib.request
    part = f"{dst}.ptm-part"
    try:
        digest = hashlib.sha256()
        with urllib.request.urlopen(url) as source, open(part, "wb") as file:
            for data in iter(lambda: source.read(READ_DATA_CHUNK), b""):
                file.write(data)
                digest.update(data)
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        os.replace(part, dst)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _is_there(path: str, hash_prefix: Optional[str]) -> bool:
    """Is the file there, with the hash that is asked for?"""
    if not hash_prefix or not os.path.exists(path):
        return os.path.exists(path)
    import hashlib
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for data in iter(lambda: file.read(READ_DATA_CHUNK), b""):
            digest.update(data)
    return digest.hexdigest().startswith(hash_prefix)


def _download(url: str, dst: str, hash_prefix: Optional[str], progress: bool, weights: bool) -> None:
    if urlparse(url).scheme not in ("http", "https", "file"):
        if not weights or not _is_there(dst, hash_prefix):
            _download_otherwise(url, dst, hash_prefix)
    else:
        _hub_core.download(url, dst, hash_prefix, weights, _progress_bar(progress))


def download_url_to_file(url: str, dst: Union[str, os.PathLike[str]], hash_prefix: Optional[str] = None, progress: bool = True) -> None:
    """Fetches a URL to the file dst, which appears whole, and replaces what is there.

    As torch.hub.download_url_to_file (https://pytorch.org/docs/stable/hub.html#torch.hub.download_url_to_file), and: an interrupted
    download is gone on with by the next call, and one that ends too early is an error. Any content will do, as with torch:
    load_state_dict_from_url() tells a web page in place of a checkpoint.
    hash_prefix: leading hex digits of the file's SHA-256; RuntimeError when it has others. progress: a bar on stderr.
    """
    _download(url, os.path.expanduser(os.fspath(dst)), hash_prefix, progress, False)


def _is_legacy_zip_format(filename: Any) -> bool:
    from . import _hub_zip
    return _hub_zip.is_legacy(filename)


def _safe_extract_zip(zip_file: Any, extract_to: str) -> None:
    """Extracts an opened zipfile.ZipFile. ValueError for entries that would land outside of extract_to."""
    from . import _hub_zip
    _hub_zip.extract(zip_file, extract_to)


def _legacy_zip_load(filename: str, model_dir: str, map_location: Any, weights_only: bool = True) -> Any:
    import zipfile
    warnings.warn(f"{filename}: a zip file around one checkpoint, as made for torch < 1.6. Support of this format will be deprecated in favor "
                  "of default zipfile format of torch.save; load it and save it again.", FutureWarning, stacklevel=3)
    with zipfile.ZipFile(filename) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise RuntimeError("Only one file(not dir) is allowed in the zipfile")
        _safe_extract_zip(archive, model_dir)
    return _load_file(os.path.join(model_dir, members[0].filename), map_location, weights_only)


def _is_cpu(map_location: Any) -> bool:
    if isinstance(map_location, dict):
        return all(_is_cpu(place) for place in map_location.values())
    return map_location is None or map_location == "cpu"


def _load_file(path: str, map_location: Any, weights_only: bool) -> Any:
    if weights_only:
        import importlib.util
        from . import weights
        if _is_cpu(map_location) and importlib.util.find_spec("torch") is None:
            map_location = None  # where NumPy arrays are anyway
        return weights.load(path, map_location)
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"{path}: weights_only=False unpickles with torch, which is not installed") from error
    try:
        return torch.load(path, map_location=map_location, weights_only=False)
    except TypeError as error:  # before torch 1.13 there is only this way
        if "weights_only" not in str(error):
            raise
        return torch.load(path, map_location=map_location)


def _hash_prefix(filename: str, check_hash: bool) -> Optional[str]:
    if not check_hash:
        return None
    found = HASH_REGEX.search(filename)
    prefix = found.group(1) if found else ""
    if len(prefix) >= _HASH_DIGITS:
        return prefix
    warnings.warn(f"{filename}: not checked although check_hash=True, since its name holds no hash: '-', at least {_HASH_DIGITS} hex digits, "
                  "'.'", stacklevel=3)
    return None


def load_state_dict_from_url(url: str, model_dir: Union[None, str, os.PathLike[str]] = None, map_location: Any = None, progress: bool = True,
                             check_hash: bool = False, file_name: Optional[str] = None, weights_only: bool = True) -> Any:
    """The checkpoint at a URL, fetched unless it is there: torch tensors where torch is installed, else NumPy arrays.

    As torch.hub.load_state_dict_from_url (https://pytorch.org/docs/stable/hub.html#torch.hub.load_state_dict_from_url):
    model_dir: the folder it is kept in; None: checkpoints in the hub folder. file_name: its name there, instead of the URL's.
    map_location: as torch.load's. check_hash: the name is NAME-HASH.EXT, HASH the first 8 or more digits of its SHA-256; checked also when
    the file is there already, and fetched anew when it fails. weights_only: True reads it by ptmtorrent.weights, which runs nothing that is
    in the file, whichever of its formats it has (docs/python.md); False unpickles it with torch, which runs whatever the file says.
    """
    if os.getenv("TORCH_MODEL_ZOO"):
        warnings.warn("TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else os.fspath(model_dir)
    os.makedirs(folder, exist_ok=True)
    filename = os.path.basename(urlparse(url).path) if file_name is None else file_name
    cached_file = os.path.join(folder, filename)
    if os.path.isdir(cached_file):
        raise IsADirectoryError(errno.EISDIR, f"{url}: names no file; pass file_name. Is a folder", cached_file)
    hash_prefix = _hash_prefix(filename, check_hash)
    if not os.path.exists(cached_file):
        print(f'Downloading: "{url}" to {cached_file}')
        _download(url, cached_file, hash_prefix, progress, True)
    elif hash_prefix:
        _download(url, cached_file, hash_prefix, progress, True)
    if _is_legacy_zip_format(cached_file):
        return _legacy_zip_load(cached_file, folder, map_location, weights_only)
    return _load_file(cached_file, map_location, weights_only)
