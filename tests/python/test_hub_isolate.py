# SPDX-License-Identifier: MIT
"""Isolation: repositories whose modules have the same names, and the program's own, live in one process."""
import importlib
import multiprocessing
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import types

import pytest

from hub_ground import hub, write_tree  # noqa: F401

PRIVATE = "ptmtorrent._repos."


def repository(whose):
    """A repository with a package `models`, a module `utils` and every way to import them."""
    return {
        "models/__init__.py": "from .net import Net\n",
        "models/net.py": f"from utils import *\n\n\nclass Net:\n    whose = '{whose}'\n    utils = NAME\n\n    def late(self):\n"
                         "        import models.extra as extra\n        from models import extra as again\n"
                         "        from utils import public as ask\n        assert again is extra and ask() == public() == NAME\n        return extra.WHOSE\n",
        "models/extra.py": f"WHOSE = '{whose}'\n",
        "utils.py": f"__all__ = ['public', 'NAME']\nNAME = '{whose}'\n\n\ndef public():\n    return NAME\n",
        "hubconf.py": "dependencies = ['json', 'utils']\nimport json\nimport os.path\nfrom models import Net\n\n\ndef net():\n    return Net()\n\n\n"
                      "def lazy():\n    def later():\n        import utils\n        from models.extra import WHOSE\n        return utils.NAME, WHOSE\n    return later\n",
    }


@pytest.fixture
def repos(tmp_path):
    """Folders a and b, whose modules have the same names."""
    return [write_tree(tmp_path / name, repository(name)) for name in "ab"]


def load(hub, folder, entry="net", **how):  # noqa: F811
    return hub.load(folder, entry, source="local", **how)


def public(*names):
    return [name for name in sys.modules if name.partition(".")[0] in (names or ("models", "utils"))]


def test_auto__is_as_upstream_where_nothing_clashes(hub, repos):  # noqa: F811
    net = load(hub, repos[0])
    assert type(net).__module__ == "models.net" and sys.modules["models.net"].Net is type(net)


def test_auto__isolates_what_clashes(hub, repos):  # noqa: F811
    a, b = (load(hub, folder) for folder in repos)
    assert (a.whose, a.utils, b.whose, b.utils) == ("a", "a", "b", "b")
    assert type(a).__module__ == "models.net" and type(b).__module__.startswith(PRIVATE) and type(b).__module__.endswith(".models.net")
    assert b.late() == "b"
    assert sys.modules["models"].__file__.startswith(repos[0])
    assert type(load(hub, repos[0])) is type(a) and type(load(hub, repos[1])) is type(b)


def test_auto__isolates_from_the_programs_own_modules(hub, repos, tmp_path, monkeypatch):  # noqa: F811
    write_tree(tmp_path / "program", {"utils.py": "MINE = True\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "program"))
    mine = importlib.import_module("utils")
    net = load(hub, repos[0])
    assert net.utils == "a" and sys.modules["utils"] is mine and not public("models")


def test_true__puts_only_private_names_into_sys_modules(hub, repos):  # noqa: F811
    before = set(sys.modules)
    net = load(hub, repos[0], isolate=True)
    new = set(sys.modules) - before
    assert net.late() == "a" and not public() and all(name.startswith(PRIVATE[:-1]) for name in new), new


def test_false__is_as_upstream_even_when_that_is_wrong(hub, repos):  # noqa: F811
    load(hub, repos[0], isolate=False)
    assert load(hub, repos[1], isolate=False).whose == "a"


def test_imports__inside_functions_work_after_load_returned(hub, repos):  # noqa: F811
    later = [load(hub, folder, "lazy", isolate=True) for folder in repos]
    assert [function() for function in later] == [("a", "a"), ("b", "b")]


def test_list_and_help__are_isolated_too(hub, tmp_path):  # noqa: F811
    for name in "ab":
        write_tree(tmp_path / f"hub/acme_{name}_main", repository(name))
    assert hub.list("acme/a:main") == ["Net", "lazy", "net"]
    assert hub.list("acme/b:main") == ["Net", "lazy", "net"]
    assert sys.modules["models"].__file__.startswith(str(tmp_path / "hub/acme_a_main"))
    assert hub.help("acme/b:main", "net") is None and hub.load("acme/b:main", "net").whose == "b"


def test_two_branches__of_one_repository(hub, tmp_path):  # noqa: F811
    for ref in ("v1", "v2"):
        write_tree(tmp_path / f"hub/acme_r_{ref}", repository(ref))
    assert [hub.load(f"acme/r:{ref}", "net").late() for ref in ("v1", "v2", "v1")] == ["v1", "v2", "v1"]


def test_third_party__modules_are_never_touched(hub, repos, tmp_path, monkeypatch):  # noqa: F811
    write_tree(tmp_path / "site-packages", {"thirdparty.py": "def ask():\n    import utils\n    return utils.WHO\n", "utils.py": "WHO = 'third'\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    write_tree(tmp_path / "a", {"hubconf.py": "import thirdparty\nimport utils\n\n\ndef both():\n    return thirdparty.ask(), utils.NAME\n"})
    assert load(hub, repos[0], "both", isolate=True) == ("third", "a")
    assert sys.modules["utils"].WHO == "third" and sys.modules["thirdparty"].__dict__["__builtins__"]["__import__"] is __import__


def test_stdlib__is_never_the_repositorys(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"types.py": "raise SystemExit('shadowed')\n", "json/data.txt": "", "logging/x.py": "",
                                         "hubconf.py": "import json, logging, types\n\n\ndef net():\n    return types.SimpleNamespace(x=json.dumps(1))\n"})
    assert load(hub, folder, isolate=True).x == "1"
    assert load(hub, folder).x == "1"


def test_folders__that_are_no_packages_hide_no_installed_library(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"pytest/notes.txt": "", "pytest/own.py": "", "hubconf.py": "import pytest\n\n\ndef net():\n    return pytest\n"})
    assert load(hub, folder, isolate=True) is pytest


def test_namespace_packages__are_the_repositorys(hub, tmp_path):  # noqa: F811
    for name in "ab":
        write_tree(tmp_path / name, {"lib/sub/mod.py": f"W = '{name}'\n", "hubconf.py": "import lib.sub.mod\n\n\ndef net():\n    return lib.sub.mod.W\n"})
    assert [load(hub, str(tmp_path / name)) for name in "abab"] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("isolate", [False, True])
def test_modules__that_the_repository_makes_itself_are_found(hub, tmp_path, isolate):  # noqa: F811
    folder = write_tree(tmp_path / "r", {
        "hubconf.py": "import importlib, os\nHERE = os.path.dirname(__file__)\n\n\ndef make(name):\n"
                      "    with open(os.path.join(HERE, name + '.py'), 'w') as file:\n        file.write('W = 1')\n\n\n"
                      "try:\n    import made_now\nexcept ImportError:\n    make('made_now')\n    importlib.invalidate_caches()\n    import made_now\n\n\n"
                      "def net():\n    try:\n        import made_late\n    except ImportError:\n        make('made_late')\n"
                      "        os.utime(HERE, (1, 1))\n        import made_late\n    return made_now.W, made_late.W\n"})
    assert load(hub, folder, isolate=isolate) == (1, 1)


def test_folders__that_the_repository_puts_on_sys_path(hub, tmp_path):  # noqa: F811
    for name in "ab":
        write_tree(tmp_path / name, {
            "src/inner.py": f"W = '{name}'\n", "more/outer.py": f"W = '{name}'\n",
            "hubconf.py": "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'src'))\nimport inner\n\n\n"
                          "def net():\n    sys.path.append(os.path.join(os.path.dirname(__file__), 'more'))\n    import outer\n"
                          "    def later():\n        import inner, outer\n        return inner.W + outer.W\n    return later\n"})
    before = list(sys.path)
    assert load(hub, str(tmp_path / "a"), isolate=True)() == "aa" and sys.path == before
    assert load(hub, str(tmp_path / "b"), isolate=True)() == "bb" and sys.path == before
    load(hub, str(tmp_path / "a"), isolate=False)  # leaves `inner` in sys.modules
    assert load(hub, str(tmp_path / "b"))() == "bb"


def test_sys_path_0__is_the_repository_while_hubconf_runs(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"lib/deep.py": "W = 1\n", "hubconf.py": "import os, sys\nsys.path.append(os.path.join(sys.path[0], 'lib'))\n"
                                                                                "import deep\n\n\ndef net():\n    return deep.W\n"})
    assert load(hub, folder, isolate=True) == 1


@pytest.mark.parametrize("isolate", ["auto", True, False])
def test_caches__are_left_as_found(hub, repos, isolate):  # noqa: F811
    path, cache = list(sys.path), dict(sys.path_importer_cache)
    load(hub, repos[0], isolate=isolate).late() if isolate is True else load(hub, repos[0], isolate=isolate)
    assert sys.path == path and not [entry for entry in sys.path_importer_cache if entry not in cache and entry.startswith(repos[0])]


def test_workaround__of_removing_packages_from_sys_modules_works(hub, repos):  # noqa: F811
    for _ in range(2):
        for name, folder in zip("ab", repos):
            assert load(hub, folder).whose == name
            del sys.modules["models"]
            sys.modules.pop("utils", None)


def test_errors__name_modules_as_the_repository_wrote_them(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"models/__init__.py": "", "hubconf.py": "try:\n    import models.absent\nexcept ModuleNotFoundError as error:\n"
                                         "    NAME = error.name\ntry:\n    from models import nothing\nexcept ImportError:\n    pass\n\n\n"
                                         "def net():\n    return NAME\n\n\ndef bad():\n    import models.gone.deeper\n"})
    assert load(hub, folder, isolate=True) == "models.absent"
    with pytest.raises(ModuleNotFoundError, match="No module named 'models.gone'"):
        load(hub, folder, "bad", isolate=True)


def test_hubconf__that_fails_can_be_mended(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "raise ValueError('first')\n"})
    with pytest.raises(ValueError, match="first"):
        load(hub, folder, isolate=True)
    write_tree(tmp_path / "r", {"hubconf.py": "def net():\n    return 'second one'\n"})
    assert load(hub, folder, isolate=True) == "second one"


def test_replaced_folder__is_run_anew(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", repository("old"))
    old = load(hub, folder, isolate=True)
    os.rename(folder, tmp_path / "away")
    write_tree(tmp_path / "r", repository("new"))
    assert load(hub, folder, isolate=True).whose == "new" and old.whose == "old"


def test_installed_library__that_is_loaded_is_used_as_upstream_does(hub, tmp_path, monkeypatch):  # noqa: F811
    site = tmp_path / "site-packages"
    write_tree(site, {"torchy/__init__.py": "FROM = 'installed'\n", "torchy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: torchy\nVersion: 1.0\n"})
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    importlib.import_module("torchy")
    folder = write_tree(tmp_path / "r", {"torchy/__init__.py": "FROM = 'source'\n", "hubconf.py": "import torchy\n\n\ndef net():\n    return torchy.FROM\n"})
    assert load(hub, folder) == "installed"
    assert load(hub, folder, isolate=True) == "source"


def test_import_module__with_computed_names_finds_the_repositorys(hub, tmp_path):  # noqa: F811
    for name in "ab":
        write_tree(tmp_path / name, {
            "models/__init__.py": "", "models/net.py": f"W = '{name}'\n",
            "hubconf.py": "import importlib, importlib.util\nimport importlib.util as u\nfrom importlib import import_module\nfrom importlib import *\n"
                          "from importlib.util import find_spec\nassert u is importlib.util and find_spec is u.find_spec\n\n\ndef net(which):\n"
                          "    assert importlib.import_module('.net', 'models') is import_module('models.' + which)\n"
                          "    assert importlib.import_module('json').dumps(1) == '1' and importlib.util.find_spec('json')\n"
                          "    return importlib.import_module(f'models.{which}').W\n"})
    assert [load(hub, str(tmp_path / name), which="net") for name in "ab"] == ["a", "b"]
    assert load(hub, str(tmp_path / "a"), which="net", isolate=True) == "a"
    with pytest.raises(ModuleNotFoundError, match="No module named 'models.gone'"):
        load(hub, str(tmp_path / "b"), which="gone", isolate=True)


def test_checkpoint__that_names_the_repositorys_classes_gets_the_repositorys(hub, repos, tmp_path):  # noqa: F811
    torch = pytest.importorskip("torch")
    plain = pickle.Unpickler
    for name, folder in zip("ab", repos):
        write_tree(tmp_path / name, {"save.py": "", "hubconf.py": "import torch\nfrom models import Net\n\n\ndef save(path):\n    torch.save(Net(), path)\n\n\n"
                                     "def net(path):\n    return torch.load(path, weights_only=False)\n"})
    load(hub, repos[0], "save", path=tmp_path / "net.pth", isolate=False)  # as "models.net Net"
    a, b = (load(hub, folder, path=tmp_path / "net.pth") for folder in repos)
    assert (a.whose, b.whose) == ("a", "b") and type(b).__module__.startswith(PRIVATE)
    assert pickle.Unpickler is plain


# --- pickling ---

def test_pickle__by_reference_through_the_private_name(hub, repos):  # noqa: F811
    for folder in repos:
        net = load(hub, folder, isolate=True)
        again = pickle.loads(pickle.dumps(net))
        assert type(again) is type(net)


def test_pickle__of_a_class_in_hubconf(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "class Net:\n    pass\n"})
    net = load(hub, folder, "Net", isolate=True)
    assert type(pickle.loads(pickle.dumps(net))) is type(net)


def test_pickle__of_what_was_loaded_before_hubconf_broke(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"hubconf.py": "class Net:\n    pass\n"})
    net = load(hub, folder, "Net", isolate=True)
    write_tree(tmp_path / "r", {"hubconf.py": "class Net:\n    pass\n\n\nraise ValueError('broken')\n"})
    with pytest.raises(ValueError, match="broken"):
        load(hub, folder, "Net", isolate=True)
    assert type(pickle.loads(pickle.dumps(net))) is type(net)


def test_pickle__opens_in_another_process_that_has_the_same_cache(hub, tmp_path):  # noqa: F811
    write_tree(tmp_path / "hub/acme_r_main", repository("r"))
    data = pickle.dumps(hub.load("acme/r:main", "net", isolate=True))
    code = "import pickle, sys; net = pickle.loads(sys.stdin.buffer.read()); print(net.whose, net.late())"
    cache = tmp_path / "torch"
    cache.mkdir()
    (cache / "hub").symlink_to(tmp_path / "hub")
    done = subprocess.run([sys.executable, "-c", code], input=data, stdout=subprocess.PIPE, env={**os.environ, "TORCH_HOME": str(cache), "PTM_ISOLATED": ""})
    assert done.stdout.split() == [b"r", b"r"]


def test_pickle__through_worker_processes(hub, repos):  # noqa: F811
    net = load(hub, repos[1], isolate=True)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(whose, [net, net]) == ["b", "b"]


def whose(net):
    return net.late()


@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_pickle__through_processes_that_start_anew(hub, repos, tmp_path, how):  # noqa: F811
    code = ("import multiprocessing, sys\nfrom ptmtorrent import hub\n\n\ndef ask(net, queue):\n    queue.put(net.late())\n\n\n"
            "if __name__ == '__main__':\n    net = hub.load(sys.argv[1], 'net', source='local', isolate=True)\n"
            f"    context = multiprocessing.get_context('{how}')\n    queue = context.Queue()\n"
            "    process = context.Process(target=ask, args=(net, queue))\n    process.start()\n    process.join(60)\n    print(queue.get(timeout=5))\n")
    (tmp_path / "main.py").write_text(code)
    done = subprocess.run([sys.executable, tmp_path / "main.py", repos[1]], stdout=subprocess.PIPE, timeout=120)
    assert done.stdout == b"b\n"


def test_private_name__of_no_copy_is_no_module(hub):  # noqa: F811
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(PRIVATE + "_absent_000000000000.models")


def test_fork__a_child_loads_on_its_own(hub, repos):  # noqa: F811
    load(hub, repos[0])
    pid = os.fork()
    if pid == 0:
        os._exit(0 if load(hub, repos[1]).late() == "b" else 1)
    assert os.waitpid(pid, 0)[1] == 0


# --- threads ---

@pytest.mark.parametrize("isolate", ["auto", True])
def test_threads__loading_at_once_get_their_own(hub, tmp_path, isolate):  # noqa: F811
    names = [f"r{i}" for i in range(6)]
    folders = {name: write_tree(tmp_path / name, repository(name)) for name in names}
    got, ready = {}, threading.Barrier(2 * len(names))

    def work(slot, name):
        ready.wait()
        net = load(hub, folders[name], isolate=isolate)
        got[slot] = (name, net.whose, net.utils)
    threads = [threading.Thread(target=work, args=((i, name), name)) for i in range(2) for name in names]
    path = list(sys.path)
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert len(got) == 12 and all(name == own == used for name, own, used in got.values()) and sys.path == path


def test_threads__many_loads_of_many_repositories(hub, tmp_path):  # noqa: F811
    names = [f"r{i}" for i in range(6)]
    for name in names:
        write_tree(tmp_path / name, {
            "models/__init__.py": "", "models/net.py": f"W = '{name}'\n", "utils.py": f"W = '{name}'\n",
            "hubconf.py": "import models, time\n\n\ndef net(wait):\n    time.sleep(wait)\n    import utils\n    from models.net import W\n"
                          "    return W, utils.W\n"})
    wrong, path = [], list(sys.path)

    def work(seed):
        for i in range(10):
            name = names[(seed * 7 + i * 5) % len(names)]
            try:
                got = load(hub, str(tmp_path / name), wait=(seed + i) % 3 / 500)
            except BaseException as error:
                got = error
            if got != (name, name):
                wrong.append((name, got))
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert not wrong and sys.path == path


def test_threads__an_entry_point_that_imports_late_is_not_overtaken(hub, tmp_path):  # noqa: F811
    slow = "import threading\nSTARTED, GO = threading.Event(), threading.Event()\n\n\ndef net():\n    STARTED.set()\n    GO.wait(30)\n    import shared\n    return shared.W\n"
    a = write_tree(tmp_path / "a", {"shared.py": "W = 'a'\n", "signals.py": "import threading\nSTARTED, GO = threading.Event(), threading.Event()\n",
                                    "hubconf.py": slow.replace("import threading\nSTARTED, GO = threading.Event(), threading.Event()", "from signals import GO, STARTED")})
    b = write_tree(tmp_path / "b", {"shared.py": "W = 'b'\n", "hubconf.py": "import shared\n\n\ndef net():\n    return shared.W\n"})
    got = []
    thread = threading.Thread(target=lambda: got.append(load(hub, a)))
    thread.start()
    for _ in range(3000):
        if "signals" in sys.modules and hasattr(sys.modules["signals"], "STARTED"):
            break
        thread.join(0.01)
    sys.modules["signals"].STARTED.wait(30)
    assert load(hub, b) == "b"
    sys.modules["signals"].GO.set()
    thread.join(30)
    assert got == ["a"]


def test_nested_load__inside_an_entry_point(hub, repos, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "c", {**repository("c"), "hubconf.py": "from models import Net\nfrom ptmtorrent import hub\n\n\ndef net(other):\n"
                                         "    inner = hub.load(other, 'net', source='local')\n    import models.extra\n"
                                         "    return Net.whose + inner.whose + models.extra.WHOSE\n"})
    assert load(hub, folder, other=repos[0]) == "cac"
    assert load(hub, folder, other=repos[0], isolate=True) == "cac"


def test_modules__keep_what_python_gives_them(hub, tmp_path):  # noqa: F811
    folder = write_tree(tmp_path / "r", {"pack/__init__.py": "", "pack/m.py": "import sys\nME = sys.modules[__name__]\nexec('import other\\nGOT = other.W')\n"
                                         "X = (lambda: __import__('other'))().W\n\n\nclass C:\n    from other import W\n",
                                         "other.py": "W = 5\n", "pack/data.txt": "data",
                                         "hubconf.py": "import importlib, pack.m\nfrom pack import m\n\n\ndef net():\n    return pack.m\n"})
    module = load(hub, folder, isolate=True)
    assert isinstance(module, types.ModuleType) and module.ME is module and (module.GOT, module.X, module.C.W) == (5, 5, 5)
    assert module.__file__ == str(pathlib.Path(folder) / "pack/m.py") and module.__package__.endswith(".pack")
    from importlib import resources
    assert (resources.files(module.__package__) / "data.txt").read_text() == "data"
