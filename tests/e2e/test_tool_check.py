# SPDX-License-Identifier: MIT
"""tools/check counts what did not run as failed: run in a folder of its own, with a meson, a ninja and a Python that do as they are told."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
TESTLOG = '{"name": "one", "result": "OK", "stdout": ""}\n'
MESON = """#!/bin/sh
case $1 in
setup) mkdir -p "$2/meson-logs"; : >"$2/build.ninja"; printf '%s' "$STALE" >"$2/meson-logs/testlog.json" ;;
test) printf '%s' "$FRESH" >"$3/new"; [ ! -s "$3/new" ] || mv "$3/new" "$3/meson-logs/testlog.json"; exit "$STATUS" ;;
esac
"""


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def check(tmp_path):
    for name in ("check", "test-counts"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(TOOLS / name, tmp_path / "tools" / name)
    for name in ("bootstrap", "test-lfs-server", "test-weights-peers", "check-layers", "check-format", "python-wheel"):
        script(tmp_path / "tools" / name, "#!/bin/sh\n")
    script(tmp_path / "bin/meson", MESON)
    script(tmp_path / "bin/ninja", "#!/bin/sh\n")

    def run(**env):
        env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "STALE": "", "FRESH": "", "STATUS": "0", **env}
        for name in ("PTM", "PTM_BUILD"):
            env.pop(name, None)
        return subprocess.run([str(tmp_path / "tools/check")], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout

    return run


def test_tests_that_ran_are_counted(check):
    out = check(FRESH=TESTLOG)
    assert "tests (gcc): 1 passed, 0 failed, 0 skipped\n" in out and "FAILED: tests (gcc)" not in out, out


def test_results_of_an_earlier_run_are_none(check):
    assert "FAILED: tests (gcc): no results" in check(STALE=TESTLOG, STATUS="1")


def test_a_run_that_broke_off_failed(check):
    assert "FAILED: tests (gcc): ended with status 7" in check(FRESH=TESTLOG, STATUS="7")


def test_no_fuzzers_at_all_are_a_failure(check):
    assert "FAILED: fuzzers: there are none" in check(FRESH=TESTLOG)
