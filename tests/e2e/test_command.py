# SPDX-License-Identifier: MIT
"""The command over real harvests of the sample hubs: settings of single hubs, accounts, several models by name, bars on a terminal."""
import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import sample_hubs
from conftest import PTM, ROOT


def clones(ptm, hub):
    return {path.parent.name for path in (ptm.root / hub / "repos").glob("*/*/.git")}


def test_sections_hold_for_their_hub_alone(ptm):
    config = ptm.folder / "home/.config/ptm"
    config.mkdir(parents=True)
    (config / "config.ini").write_text("large = none\n[modelhub]\nlarge = head\n[huggingface]\ntop = 1\n")
    reports = {line["hub"]: line for line in ptm.json_lines("run", "modelhub", "huggingface")}
    assert reports["modelhub"]["large_fetched"] == 3
    assert reports["huggingface"]["chosen_models"] == 1 and reports["huggingface"]["large_fetched"] == 0
    assert clones(ptm, "huggingface") == {"tiny-bert"}
    assert (ptm.repo("huggingface", "acme", "tiny-bert") / "model.safetensors").stat().st_size < 1024, "a pointer"


def test_command_line_beats_environment_beats_file(ptm):
    config = ptm.folder / "home/.config/ptm"
    config.mkdir(parents=True)
    (config / "config.ini").write_text("[huggingface]\ntop = 3\n")
    assert ptm.json_lines("run", "huggingface", "--dry-run")[0]["chosen_models"] == 3
    assert ptm.json_lines("run", "huggingface", "--dry-run", HF_TORRENT_SHRINKAGE="1")[0]["chosen_models"] == 12
    assert ptm.json_lines("run", "huggingface", "--dry-run", "--top", "50%", HF_TORRENT_SHRINKAGE="1")[0]["chosen_models"] == 6


def test_endpoint_is_a_rewrite_and_recorded_urls_are_original(ptm, hubs):
    ptm.run("run", "huggingface", "--top", "1", PTM_REWRITE="", HF_ENDPOINT=f"http://127.0.0.1:{hubs.server_port}/huggingface.co")
    assert clones(ptm, "huggingface") == {"tiny-bert"}
    assert all(record["ModelURL"].startswith("https://huggingface.co/") for record in ptm.records("huggingface"))


def test_command_line_rewrites_what_the_environment_does(ptm, hubs):
    """The same prefix, spelled without its slash: the stronger source holds."""
    rule = f"https://huggingface.co=http://127.0.0.1:{hubs.server_port}/huggingface.co"
    ptm.run("list", "huggingface", "--rewrite", rule, "--retries", "0", PTM_REWRITE="https://huggingface.co/=http://127.0.0.1:9/")


def test_what_files_list_and_the_hub_does_not_is_a_failure(ptm):
    (ptm.folder / "urls").write_text("https://huggingface.co/lab/plain.git\nhttps://huggingface.co/lab/old/tree/main\n"
                                     "https://huggingface.co/no/where\nnonsense\n")
    result = ptm.run("clone", "huggingface", "--urls", "urls", expect=2)
    assert clones(ptm, "huggingface") == {"plain", "old"}, "links are reduced as the catalogue's are"
    assert "https://huggingface.co/no/where is not in the list of huggingface; `ptm list huggingface` renews it" in result.stderr
    failures = {row["id"]: row for row in ptm.json_lines("failures")}
    assert set(failures) == {"https://huggingface.co/no/where", "nonsense"} and failures["nonsense"]["reason"] == "not_found"
    assert ptm.json_lines("clone", "huggingface", "--urls", "urls", "--dry-run", expect=2)[0]["failures"] == 2
    (ptm.folder / "ids").write_text("lab/plain\nlab/nowhere\nlab/plain\n")
    assert ptm.json_lines("clone", "huggingface", "--ids", "ids", expect=2)[0]["failures"] == 1
    ptm.run("list", "huggingface")
    assert ptm.json_lines("failures") == [], "a new list settles what the old one did not have"


def test_a_list_may_come_from_a_pipe_and_be_long(ptm):
    os.mkfifo(ptm.folder / "pipe")
    writer = os.fork()
    if writer == 0:
        with open(ptm.folder / "pipe", "w") as pipe:
            pipe.write("https://huggingface.co/lab/plain\n" * 250_000)
        os._exit(0)
    ptm.run("clone", "huggingface", "--urls", "pipe")
    os.waitpid(writer, 0)
    assert clones(ptm, "huggingface") == {"plain"}


def test_a_model_by_name_that_fails_is_in_the_failures(ptm):
    assert ptm.json_lines("clone", "huggingface/acme/no-such-model", expect=2)[0]["failures"] == 1
    row, = ptm.json_lines("failures")
    assert row["id"] == "acme/no-such-model" and row["reason"] == "not_found" and row["http_status"] == 404


def test_offline_goes_by_the_list_there_is(ptm):
    ptm.run("run", "modelhub", "onnxmodelzoo")
    result = ptm.run("run", "modelhub", "onnxmodelzoo", "--offline", PTM_REWRITE="")
    assert "offline, going by the list of" in result.stderr and "3 unchanged" in result.stdout
    ptm.run("list", "modelhub", "--offline", expect=3)


def test_too_little_disk_stops_unless_told_to_go_on(ptm):
    result = ptm.run("run", "modelhub", "--keep-free", "1000000G", expect=3)
    assert "--yes" in result.stderr and clones(ptm, "modelhub") == set()
    ptm.run("run", "modelhub", "--keep-free", "1000000G", "--yes")
    assert len(clones(ptm, "modelhub")) == 3


def test_account_tells_what_failed_and_why(ptm):
    result = ptm.run("run", "huggingface", "--top", "100%", expect=2)
    assert "12 listed, 12 chosen" in result.stdout and "10 cloned, 2 failed" in result.stdout
    assert "2: 1 gated, 1 not_found; see: ptm failures huggingface" in result.stdout
    assert "HF_TOKEN" in result.stderr, "each failure is told at once, with the way out"
    failure = next(row for row in ptm.json_lines("failures", "--stage", "clone") if row["id"] == "acme/gated-llm")
    assert failure["reason"] == "gated" and failure["retryable"] is False and failure["hub"] == "huggingface" and failure["time"]
    report = ptm.json_lines("run", "huggingface", "--top", "100%", expect=2)[0]
    assert report["unchanged"] == 10 and report["failed_by_reason"] == {"gated": 1, "not_found": 1} and not report["ok"]


def test_dry_run_does_not_call_unknown_sizes_nothing(ptm):
    assert "to fetch      unknown\n" in ptm.run("run", "modelzoo", "--dry-run").stdout


def test_retry_says_what_a_person_must_mend_first(ptm):
    ptm.run("clone", "huggingface/acme/gated-llm", expect=2)
    assert "1 of its failures must be mended first (ptm failures huggingface)" in ptm.run("retry").stdout


def test_retry_takes_only_what_can_work_unless_forced(ptm):
    ptm.run("run", "huggingface", "--top", "100%", expect=2)
    ptm.run("retry", "huggingface", HF_TOKEN="sample-token")
    assert "gated-llm" not in clones(ptm, "huggingface")
    ptm.run("retry", "huggingface", "--force", HF_TOKEN="sample-token", expect=2)
    assert "gated-llm" in clones(ptm, "huggingface")
    assert {row["id"] for row in ptm.json_lines("failures", "huggingface")} == {"acme/vanished"}


def test_models_by_name_of_several_hubs(ptm):
    result = ptm.run("clone", "huggingface/lab/plain", "huggingface/acme/no-such-model", "modelhub/squares", expect=2)
    assert clones(ptm, "huggingface") == {"plain"} and clones(ptm, "modelhub") == {"squares"}
    assert len([line for line in result.stderr.splitlines() if "no-such-model" in line]) == 1, "each error once"


def test_url_files_as_operands(ptm):
    (ptm.folder / "a").write_text("https://huggingface.co/lab/plain\n")
    (ptm.folder / "b").write_text("# one\n\nhttps://huggingface.co/lab/old\n")
    ptm.run("clone", "huggingface", "--urls", "a", "b")
    assert clones(ptm, "huggingface") == {"plain", "old"}
    (ptm.folder / "ids").write_text("mini-gpt\n")
    ptm.run("clone", "huggingface", "--ids", "ids")
    assert clones(ptm, "huggingface") == {"plain", "old", "mini-gpt"}


def on_terminal(ptm, *args, react=None):
    """Runs ptm with a terminal for all three; returns its exit status and everything it wrote."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(ptm.folder)
        os.execve(PTM, [PTM, *args], {**ptm.env, "TERM": "xterm"})
    written, deadline = b"", time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            part = os.read(fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
        if not part:
            break
        written += part
        if react and react(written, fd):
            react = None
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def test_bars_on_a_terminal(ptm):
    status, text = on_terminal(ptm, "run", "huggingface", "--top", "2")
    assert status == 0
    assert re.search(r"huggingface clone.*/2", text), "a bar was there"
    assert text.rstrip().endswith("\x1b[?25h"), "the cursor is back"
    tail = text[text.rindex("\x1b[J"):]
    assert "2 cloned" in tail and "[##" not in tail, "the account stands below, and no bar is left"


def test_interrupt_on_a_terminal(ptm):
    """Ctrl-C as a person types it: the terminal sends SIGINT."""

    def type_interrupt(written, fd):
        if b"huggingface clone" not in written:
            return False
        os.write(fd, b"\x03")
        return True

    status, text = on_terminal(ptm, "run", "huggingface", "--top", "100%", "--limit-rate", "500k", react=type_interrupt)
    assert status == 130
    # Told once, unless all that was under way ended before the display looked again; never after the end.
    told, _, after = text.partition("what is finished is kept")
    assert told.count("Interrupt again to stop at once") <= 1 and "Interrupt again" not in after and after
    assert text.rstrip().endswith("\x1b[?25h")
    ptm.run("run", "huggingface", "--top", "100%", expect=2)
    assert len(clones(ptm, "huggingface")) == 10


def test_second_signal_stops_at_once_and_loses_nothing(ptm):
    process = ptm.start("run", "huggingface", "--top", "100%", "--limit-rate", "100k")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((ptm.root / ".ptm/tmp").glob("*.part")):
        time.sleep(0.05)
    for number in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopping at once" in err
    ptm.run("run", "huggingface", "--top", "100%", expect=2)
    ptm.run("verify", "huggingface")


def test_secrets_reach_neither_log_nor_catalogue(ptm):
    rules = sample_hubs.rewrites(1)
    password = "swordfish"
    ptm.run("list", "modelhub", "--offline", "--rewrite", f"https://example.org/=http://me:{password}@127.0.0.1/", "-v", expect=3,
            HF_TOKEN="hf_topsecret", PTM_REWRITE=rules[0])
    command = ptm.catalog().execute("select command from runs").fetchone()[0]
    assert command.startswith("ptm list modelhub") and password not in command and "***@" in command
    assert json.dumps(ptm.run("config", HF_TOKEN="hf_topsecret").stdout).count("hf_topsecret") == 0


def test_through_python_a_reader_that_left_ends_it_silently():
    """Python ignores SIGPIPE, and programs inherit that: `python -m ptmtorrent help | head` ended with an error message."""
    start = ("import importlib.util, sys; spec = importlib.util.spec_from_file_location('command', sys.argv[1]); "
             "command = importlib.util.module_from_spec(spec); spec.loader.exec_module(command); "
             "command.path = lambda: sys.argv[2]; command.run(['help', 'torch', 'load'])")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run([sys.executable, "-c", start, str(ROOT / "python/ptmtorrent/_command.py"), PTM], stdout=gone, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")
