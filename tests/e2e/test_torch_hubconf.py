# SPDX-License-Identifier: MIT
"""What `ptm torch` reads in a hubconf.py against what CPython says when it runs it: names, docstrings, parameters."""
import ast
import json
import pathlib
import re
import subprocess

import pytest
from conftest import ROOT, Ptm

SAMPLES = sorted(path.parent for path in (ROOT / "tests/data/hubconf").glob("*/hubconf.py"))
TRUTH = pathlib.Path(__file__).with_name("hubconf_truth.py")


@pytest.fixture
def ptm(tmp_path):
    return Ptm(tmp_path)


def truth_of(folder):
    run = subprocess.run(["/usr/bin/python3", "-B", str(TRUTH), str(folder)], capture_output=True, text=True, timeout=60, cwd=folder,
                         env={"PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"})
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def names_in(signature):
    """Parameters of a signature as the source has it."""
    arguments = ast.parse(f"def f{signature}: pass").body[0].args
    found = [a.arg for a in arguments.posonlyargs + arguments.args]
    found += [arguments.vararg.arg] if arguments.vararg else []
    return found + [a.arg for a in arguments.kwonlyargs] + ([arguments.kwarg.arg] if arguments.kwarg else [])


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda path: path.name)
def test_names_are_those_that_python_finds(ptm, folder):
    truth = truth_of(folder)
    entries = ptm.json_lines("torch", "list", folder)
    sure = [entry["name"] for entry in entries if entry["certainty"] == "sure"]
    named = [entry["name"] for entry in entries if entry["name"]]
    assert set(sure) <= set(truth["names"])
    assert set(truth["names"]) <= set(named)
    # What is not sure is not guessed: names Python imports from elsewhere, and those only a failed import leaves.
    assert {entry["certainty"] for entry in entries if entry["name"] not in truth["names"]} <= {"import", "dynamic"}
    assert named == sorted(named)


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda path: path.name)
def test_docstrings_and_parameters_are_those_that_python_finds(ptm, folder):
    truth = truth_of(folder)["entries"]
    for entry in ptm.json_lines("torch", "list", folder):
        if entry["certainty"] != "sure":
            continue
        want = truth[entry["name"]]
        # From outside the repository: what print, type and functools.partial say of themselves.
        if entry["kind"] != "partial" and entry["name"] not in ("shout", "Meta"):
            assert entry["doc"] == want["doc"], entry["name"]
        if entry["signature"] is not None:
            assert names_in(entry["signature"]) == want["parameters"], entry["name"]


def test_a_docstring_in_any_language_survives_help(ptm):
    folder = ROOT / "tests/data/hubconf/docs"
    text = ptm.run("torch", "help", folder, "chinese").stdout
    assert truth_of(folder)["entries"]["chinese"]["doc"] in text
    assert re.search("预训练模型", text)


def test_a_hubconf_in_another_encoding_is_read(ptm):
    folder = ptm.folder / "repo"
    folder.mkdir()
    (folder / "hubconf.py").write_bytes("# coding: gbk\ndef model():\n    '模型'\n".encode("gbk"))
    assert ptm.json_lines("torch", "list", folder)[0]["doc"] == truth_of(folder)["entries"]["model"]["doc"] == "模型"
    (folder / "hubconf.py").write_bytes("#!/usr/bin/python\n# -*- coding: latin-1 -*-\ndef model():\n    'modèle'\n".encode("latin-1"))
    assert ptm.json_lines("torch", "list", folder)[0]["doc"] == truth_of(folder)["entries"]["model"]["doc"] == "modèle"


def test_a_wrong_name_is_answered_with_the_nearest(ptm):
    folder = ROOT / "tests/data/hubconf/package"
    run = ptm.run("torch", "help", folder, "conv_nett", expect=1)
    assert "conv_nett" in run.stderr and "did you mean 'conv_net'" in run.stderr


def test_nothing_of_a_hubconf_runs(ptm):
    folder = ptm.folder / "repo"
    folder.mkdir()
    (folder / "hubconf.py").write_text("import os\nos.mkdir('/tmp/should-not-be')\nopen('made', 'w').close()\nexec('x = 1')\n"
                                       "def model(): pass\n")
    entries = ptm.json_lines("torch", "list", folder)
    assert [entry["name"] for entry in entries] == ["model", None]
    assert not (ptm.folder / "made").exists() and not (folder / "made").exists() and not pathlib.Path("/tmp/should-not-be").exists()
