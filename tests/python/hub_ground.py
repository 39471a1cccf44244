# SPDX-License-Identifier: MIT
"""What the tests of ptmtorrent.hub stand on: a GitHub on loopback (tests/e2e/github.py) and a hub folder of their own."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import github as loopback  # noqa: E402
import hub_samples  # noqa: E402, F401

from ptmtorrent import _hub_isolate, hub as torch_hub  # noqa: E402

VARIABLES = ("TORCH_HUB", "TORCH_HOME", "TORCH_MODEL_ZOO", "XDG_CACHE_HOME", "PTM_TORCH_PROFILE", "GITHUB_TOKEN", "GH_HOST", "HF_ENDPOINT", "PTM_ISOLATED")

# Port 9 is closed: what is asked for there gets no connection.
NOWHERE = " ".join(f"https://{host}/=http://127.0.0.1:9/" for host in loopback.HOSTS)


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    with loopback.GitHub(tmp_path_factory.mktemp("github")) as served:
        yield served


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """ptmtorrent.hub with an empty hub folder, no network and no trace in sys.path, sys.modules and sys.path_importer_cache afterwards."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PTM_REWRITE", NOWHERE)
    monkeypatch.setattr(torch_hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(_hub_isolate, "_published", set())
    path, modules = list(sys.path), dict(sys.modules)
    yield torch_hub
    sys.path[:] = path
    for name in [name for name in sys.modules if name not in modules]:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def online(hub, github, monkeypatch):
    """The same, with the loopback GitHub in place of the real one."""
    monkeypatch.setenv("PTM_REWRITE", " ".join(github.rewrites))
    return hub


@pytest.fixture
def answers(monkeypatch):
    """What the user types at the next questions; answers.asked are the questions."""
    class Answers(list):
        asked = []

        def take(self, question=""):
            self.asked.append(question)
            if not self:
                raise EOFError
            return self.pop(0)
    made = Answers()
    made.asked = []
    monkeypatch.setattr("builtins.input", made.take)
    return made


def write_tree(folder, files):
    """path -> text, below folder; gives folder as a string."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)
