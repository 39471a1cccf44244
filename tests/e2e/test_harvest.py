# SPDX-License-Identifier: MIT
"""The main job against the sample hubs: layout, content, honesty about failures, and what a second run costs."""
import json
import math
import os
import pathlib
import shutil
import subprocess

import pytest

import sample_hubs
from conftest import ROOT, Ptm, git

HUBS = ["huggingface", "modelhub", "modelzoo", "onnxmodelzoo", "pytorchhub"]
FOLDERS = ["repos", "json", "json/metadata", "json/metadata/models", "html", "html/metadata", "html/metadata/models"]


def harvest_all(ptm):
    """All five hubs, everything chosen. Exit 2: the gated and the vanished model must fail."""
    result = ptm.run("run", "--all", "--top", "100%", expect=2)
    return ptm, result


@pytest.fixture
def harvest(ptm):
    return harvest_all(ptm)


@pytest.fixture(scope="module")
def harvested(tmp_path_factory, hub_content):
    """One for all tests that only look at it."""
    hub_content.hubs.forget()
    return harvest_all(Ptm(tmp_path_factory.mktemp("harvested"), sample_hubs.rewrites(hub_content.server_port)))


def large_gets(hubs):
    return [line for line in hubs.hubs.log if line.startswith("GET ") and "/lfs/" in line]


def test_layout_and_records(harvested):
    ptm, result = harvested
    for hub in HUBS:
        for folder in FOLDERS:
            assert (ptm.root / hub / folder).is_dir(), f"{hub}/{folder}"
        records = ptm.records(hub)
        assert [record["id"] for record in records] == list(range(len(records)))
        text = (ptm.root / hub / "json" / f"{hub}.json").read_text()
        assert text.count("\n") >= len(records), "one record a line"
    assert len(ptm.records("huggingface")) == 12
    assert len(ptm.records("modelhub")) == 3
    assert len(ptm.records("modelzoo")) == 6
    assert len(ptm.records("onnxmodelzoo")) == 2
    assert len(ptm.records("pytorchhub")) == 2
    assert len(json.loads((ptm.root / "huggingface/json/metadata/hf_metadata.json").read_text())) == 12
    for path in ("modelhub/json/metadata/mh_metadata.json", "modelzoo/json/metadata/mz_metadata.json",
                 "modelzoo/json/metadata/mz_models_metadata.json", "modelzoo/json/metadata/models/one_metadata.json",
                 "onnxmodelzoo/html/metadata/README_models.html", "onnxmodelzoo/html/metadata/models/README_tinynet.html",
                 "onnxmodelzoo/json/metadata/omz_metadata.json", "onnxmodelzoo/json/metadata/omz_models_metadata.json",
                 "pytorchhub/html/metadata/pyth_metadata.html", "pytorchhub/html/metadata/models/sample-torch_vision_tinynet.html",
                 "pytorchhub/json/metadata/pyth_models_metadata.json"):
        assert (ptm.root / path).is_file(), path


def test_records_tell_what_the_sources_tell(harvested):
    ptm, _ = harvested
    bert = next(r for r in ptm.records("huggingface") if r["ModelName"] == "acme/tiny-bert")
    assert bert["ModelOwner"] == "acme" and bert["ModelURL"] == "https://huggingface.co/acme/tiny-bert"
    assert bert["ModelTask"] == "fill-mask" and bert["ModelArchitecture"] == "bert"
    assert bert["ModelPaperDOIs"] == ["10.48550/arXiv.1810.04805"]
    assert [d["DatasetName"] for d in bert["Datasets"]] == ["acme/rooms"]
    assert bert["LatestGitCommitSHA"] == git(ptm.repo("huggingface", "acme", "tiny-bert"), "rev-parse", "HEAD").strip()
    single = next(r for r in ptm.records("huggingface") if r["ModelName"] == "mini-gpt")
    assert ptm.repo("huggingface", "huggingface.co", "mini-gpt").is_dir() and single["ModelPaperDOIs"] == ["10.57967/hf/0000"]
    gone = next(r for r in ptm.records("huggingface") if r["ModelName"] == "acme/vanished")
    assert gone["LatestGitCommitSHA"] == "0" * 40, "a failed clone keeps its record and the listing's commit"
    speech = next(r for r in ptm.records("modelzoo") if r["ModelName"] == "Speech")
    assert speech["ModelPaperDOIs"] == ["10.5555/speech.1"], "read from the clone's README"


def test_large_files_are_real_shared_and_fetched_once(harvest, hubs):
    ptm, _ = harvest
    one = ptm.repo("huggingface", "acme", "tiny-bert") / "model.safetensors"
    two = ptm.repo("huggingface", "acme", "tiny-bert-copy") / "weights/model.safetensors"
    assert one.stat().st_size == two.stat().st_size == 3_000_000
    if one.stat().st_nlink > 1:  # hard links; on a file system with reflinks the inodes differ and the blocks are shared
        assert one.stat().st_ino == two.stat().st_ino
    oid = subprocess.run(["sha256sum", one], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0]
    assert len([line for line in large_gets(hubs) if oid in line]) == 1
    tiny = ptm.repo("onnxmodelzoo", "onnx", "models") / "validated/vision/classification/tinynet/model"
    assert (tiny / "tinynet-7.onnx").read_bytes() == sample_hubs.ONNX_TINY.data
    assert (tiny / "tinynet-9.onnx").stat().st_size == 80_000, "from the successor host, proven by its hash"
    assert (tiny / "tinynet-7.tar.gz").read_bytes().startswith(b"version https://git-lfs"), ".lfsconfig excludes it"


def lfs_paths():
    """PATH with git-lfs and without, as far as this machine allows."""
    yield "without git-lfs", None
    if shutil.which("git-lfs"):
        yield "with git-lfs", shutil.which("git-lfs")


def test_stock_git_finds_every_clone_clean(harvested, tmp_path):
    ptm, _ = harvested
    plain = tmp_path / "bin"
    plain.mkdir()
    for tool in ("git", "sh", "cat", "ptm"):
        target = shutil.which(tool) or (os.environ.get("PTM") if tool == "ptm" else None)
        if target:
            (plain / tool).symlink_to(target)
    clones = [path.parent for path in ptm.root.glob("*/repos/*/*/.git")]
    assert len(clones) >= 15
    for clone in clones:
        assert "error" not in git(clone, "fsck", "--full")
        for name, lfs in lfs_paths():
            env = {"PATH": f"{pathlib.Path(lfs).parent}:{os.environ['PATH']}" if lfs else str(plain)}
            status = git(clone, "status", "--porcelain", env=env)
            assert status == "", f"{clone} {name}: {status}"
    if shutil.which("git-lfs"):
        clone = ptm.repo("huggingface", "acme", "tiny-bert")
        assert "OK" in git(clone, "lfs", "fsck", "--objects")


def test_failures_are_told_apart(harvested):
    ptm, result = harvested
    rows = {row["id"]: row for row in ptm.json_lines("failures")}
    assert rows["acme/gated-llm"]["reason"] == "gated"
    assert rows["acme/vanished"]["reason"] == "not_found"
    assert "acme/flaky" not in rows, "a server that fails once costs nothing"
    assert any(row["hub"] == "modelzoo" and row["reason"] == "not_found" for row in rows.values())
    assert "HF_TOKEN" in rows["acme/gated-llm"]["message"]
    lost = ptm.repo("huggingface", "lab", "with-lost-file") / "old.bin"
    assert lost.read_bytes().startswith(b"version https://git-lfs"), "lost upstream: the pointer stays"
    assert not any("old.bin" in name for name in rows), "lost is recorded, not failed"


def test_second_run_moves_nothing(harvest, hubs):
    ptm, _ = harvest
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in ptm.root.glob("*/json/**/*.json")}
    packs = {path: path.stat().st_mtime_ns for path in ptm.root.glob("*/repos/*/*/.git/objects/**/*") if path.is_file()}
    with hubs.hubs.lock:
        hubs.hubs.log.clear()
    ptm.run("run", "--all", "--top", "100%", expect=2)
    assert large_gets(hubs) == []
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in ptm.root.glob("*/json/**/*.json")}
    assert before == after, "files are rewritten only when what they hold changed"
    assert packs == {path: path.stat().st_mtime_ns for path in ptm.root.glob("*/repos/*/*/.git/objects/**/*") if path.is_file()}


def test_leavings_of_killed_runs_are_swept(harvest):
    ptm, _ = harvest
    tmp = ptm.root / ".ptm/tmp"
    (tmp / "git-1-00000001.lock").write_text("")
    (tmp / "git-1-00000002/.git").mkdir(parents=True)
    (tmp / "git-1-00000003").mkdir()
    (tmp / "git-1-00000003.lock").write_text("1")
    ptm.run("run", "huggingface", "--top", "100%", expect=2)
    assert list(tmp.iterdir()) == []


def test_gated_model_with_a_token(ptm, hubs):
    ptm.run("clone", "huggingface/acme/gated-llm", HF_TOKEN="sample-token")
    assert (ptm.repo("huggingface", "acme", "gated-llm") / "model.safetensors").stat().st_size == 400_000
    config = (ptm.repo("huggingface", "acme", "gated-llm") / ".git/config").read_text()
    assert "sample-token" not in config
    for path in (ptm.root / ".ptm").rglob("*"):
        if path.is_file():
            assert b"sample-token" not in path.read_bytes(), path


def test_edited_clone_is_left_alone(harvest):
    ptm, _ = harvest
    readme = ptm.repo("huggingface", "lab", "plain") / "README.md"
    readme.write_text("mine\n")
    result = ptm.run("run", "--all", "--top", "100%", expect=2)
    assert readme.read_text() == "mine\n"
    assert any(row["id"] == "lab/plain" and row["reason"] == "modified" for row in ptm.json_lines("failures"))


def test_top_share_count_and_environment(ptm):
    ptm.run("run", "huggingface", "--top", "2")
    assert len(ptm.records("huggingface")) == 12, "--top shrinks only what is cloned"
    assert {path.parent.name for path in (ptm.root / "huggingface/repos").glob("*/*/.git")} == {"tiny-bert", "tiny-bert-copy"}


def test_shrinkage_zero_clones_nothing(ptm):
    ptm.run("run", "huggingface", HF_TORRENT_SHRINKAGE="0")
    assert len(ptm.records("huggingface")) == 12
    assert list((ptm.root / "huggingface/repos").glob("*/*")) == []


def test_single_steps(ptm):
    ptm.run("setup", "modelhub")
    assert (ptm.root / "modelhub/repos").is_dir()
    ptm.run("list", "modelhub")
    assert (ptm.root / "modelhub/json/metadata/mh_metadata.json").is_file()
    ptm.run("parse", "modelhub")
    told = ptm.run("clone", "modelhub").stderr
    assert "lines: the list names the branch master, which is gone; taking the default branch" in told
    ptm.run("schema", "modelhub")
    assert {r["ModelName"] for r in ptm.records("modelhub")} == {"squares", "circles", "lines"}


def test_split_and_clone_from_files(ptm):
    ptm.run("list", "huggingface")
    ptm.run("split", "huggingface", "--top", "100%", "-n", "7")
    (ptm.folder / "split_urls/split_url_6.txt.bak").write_text("somebody's own\n")
    ptm.run("split", "huggingface", "--top", "100%", "-n", "5")
    (ptm.folder / "split_urls/split_url_6.txt.bak").unlink()
    files = sorted((ptm.folder / "split_urls").iterdir())
    assert [path.name for path in files] == [f"split_url_{n}.txt" for n in range(5)]
    urls = [line for path in files for line in path.read_text().split()]
    assert len(urls) == 12 and urls[0] == "https://huggingface.co/acme/tiny-bert"
    (ptm.folder / "urls.txt").write_text("# two of them\nhttps://huggingface.co/lab/plain\n\nhttps://huggingface.co/lab/old\n")
    ptm.run("clone", "huggingface", "--urls", ptm.folder / "urls.txt")
    assert {path.parent.name for path in (ptm.root / "huggingface/repos").glob("*/*/.git")} == {"plain", "old"}


def test_one_model_by_name_and_revision(ptm):
    ptm.run("clone", "huggingface/mini-gpt@v1")
    assert (ptm.repo("huggingface", "huggingface.co", "mini-gpt") / "pytorch_model.bin").read_bytes() == sample_hubs.torch_zip("mini-gpt", 6000)
    ptm.run("clone", "huggingface/acme/no-such-model", expect=2)


def test_dry_run_fetches_nothing(ptm, hubs):
    result = ptm.run("run", "huggingface", "--top", "100%", "--dry-run")
    assert large_gets(hubs) == [] and not any("upload-pack" in line for line in hubs.hubs.log)
    assert "12 repositories" in result.stderr + result.stdout


def test_verify_finds_damage_and_retry_mends_it(harvest):
    ptm, _ = harvest
    ptm.run("verify", expect=0)
    target = ptm.repo("huggingface", "huggingface.co", "mini-gpt") / "pytorch_model.bin"
    os.chmod(target, 0o644)
    with open(target, "r+b") as out:
        out.seek(1000)
        out.write(b"damaged")
    assert "mini-gpt" in ptm.run("verify", expect=2).stdout
    ptm.run("retry", "huggingface", expect=None)
    ptm.run("verify", expect=0)
    assert git(target.parent, "status", "--porcelain") == ""


def test_compat_v1(ptm):
    ptm.run("run", "modelhub", "--compat", "v1")
    record = ptm.records("modelhub")[0]
    assert "Dataset" in record and "Datasets" not in record


def test_exports_validate(harvested):
    jsonschema = pytest.importorskip("jsonschema")
    ptm, _ = harvested
    schemas = {path.name: json.loads(path.read_text()) for path in (ROOT / "schemas").glob("*.json")}
    pairs = [(f"{hub}/json/{hub}.json", "ptmtorrent.json") for hub in HUBS] + [
        ("huggingface/json/metadata/hf_metadata.json", "huggingfaceMetadata.json"),
        ("modelhub/json/metadata/mh_metadata.json", "modelhubMetadata.json"),
        ("modelzoo/json/metadata/mz_metadata.json", "modelZooHubMetadata.json"),
        ("modelzoo/json/metadata/mz_models_metadata.json", "modelZooModelMetadata.json"),
        ("onnxmodelzoo/json/metadata/omz_metadata.json", "onnxmodelhubHubMetadata.json"),
        ("onnxmodelzoo/json/metadata/omz_models_metadata.json", "onnxmodelhubModelMetadata.json"),
        ("pytorchhub/json/metadata/pyth_models_metadata.json", "pytorchhubModelMetadata.json")]
    for path, schema in pairs:
        validator = jsonschema.Draft202012Validator(schemas[schema])
        errors = [error.message for error in validator.iter_errors(json.loads((ptm.root / path).read_text()))]
        assert not errors, f"{path} against {schema}: {errors[:3]}"


def test_catalogue_is_whole(harvested):
    ptm, _ = harvested
    with ptm.catalog() as db:
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert db.execute("pragma foreign_key_check").fetchall() == []


def test_scan__formats_and_verdicts_go_to_the_catalogue(ptm):
    account = ptm.json_lines("run", "huggingface", "--top", "100%", "--scan", expect=2)[-1]
    assert account["checkpoints"] >= 4 and account["dangerous"] == 1 and account["unreadable"] >= 1
    rows = ptm.catalog().execute("SELECT path, format, parameters, dtypes, verdict, oid IS NOT NULL FROM weight_files_view").fetchall()
    found = {path.split("repos/")[1]: row for path, *row in rows}
    shared = sample_hubs.SHARED.data
    file = json.loads(shared[8:8 + int.from_bytes(shared[:8], "little")])
    embed = math.prod(file["embed.weight"]["shape"]) + 64
    assert found["acme/tiny-bert/model.safetensors"] == ["safetensors", embed + file["rest"]["shape"][0],
                                                         json.dumps({"float32": embed, "uint8": file["rest"]["shape"][0]}, separators=(",", ":")), "clean", 1]
    assert found["huggingface.co/mini-gpt/pytorch_model.bin"][:2] == ["pytorch-zip", 6000 * 64]
    assert found["acme/tiny-bert/onnx/model.onnx"][0] == "onnx"
    assert found["lab/unloved/trap.pkl"][3:] == ["dangerous", 0]
    assert found["acme/flaky/model.bin"][3] == "unreadable"
    assert not any(path.endswith("README.md") for path in found)
    shown = ptm.json_lines("show", "huggingface/lab/unloved")[0]["weights"]
    assert [(w["path"], w["verdict"], w["findings"][0]["global"]) for w in shown] == [("trap.pkl", "dangerous", "posix.system")]
    again = ptm.json_lines("run", "huggingface", "--top", "100%", "--scan", expect=2)[-1]
    assert again["scanned"] == 0
    assert "scan " not in ptm.run("run", "huggingface", "--top", "1").stdout


def test_scan__pointers_are_looked_up_in_the_store(ptm):
    ptm.run("run", "huggingface", "--top", "1", "--checkout", "none", "--scan")
    rows = ptm.catalog().execute("SELECT path, format, verdict FROM weight_files ORDER BY path").fetchall()
    assert rows == [("model.safetensors", "safetensors", "clean"), ("onnx/model.onnx", "onnx", "clean")]
