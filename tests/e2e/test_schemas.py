# SPDX-License-Identifier: MIT
"""The files of schemas/ are schemas, and what the hubs really sent fits them. What ptm writes is validated where it is written."""
import copy
import json
import os
import pathlib

import pytest

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
HUBDATA = pathlib.Path(os.environ.get("PTM_HUBDATA", ROOT / "../shared/hubdata"))
NAMES = ["ptmtorrent", "huggingfaceMetadata", "modelhubMetadata", "modelZooHubMetadata", "modelZooModelMetadata",
         "onnxmodelhubHubMetadata", "onnxmodelhubModelMetadata", "pytorchhubModelMetadata"]


def validator(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def complaints(name, instance):
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in validator(name).iter_errors(instance)]


def hubdata(relative):
    path = HUBDATA / relative
    if not path.exists():
        pytest.skip(f"no hub data at {path}")
    return path


def test_schemas__are_all_there():
    assert sorted(path.stem for path in SCHEMAS.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_schemas__are_schemas(name):
    check = validator(name)
    check.check_schema(check.schema)
    assert check.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def described(node, where, missing):
    """Every property says what it is, itself or where it refers to."""
    for key, value in node.get("properties", {}).items():
        if "description" not in value and "$ref" not in value:
            missing.append(f"{where}/{key}")
        described(value, f"{where}/{key}", missing)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            described(node[key], f"{where}/{key}", missing)
    for key, value in node.get("$defs", {}).items():
        if "description" not in value:
            described(value, f"{where}/$defs/{key}", missing)
    return missing


@pytest.mark.parametrize("name", NAMES)
def test_schemas__describe_every_field(name):
    assert described(validator(name).schema, name, []) == []


# --- what the hubs sent ---


def huggingface_records():
    for path in sorted(hubdata("huggingface").glob("list_pages_raw/*.json")):
        for record in json.loads(path.read_text(encoding="utf-8")):
            yield path.name, record
    for folder in ("model_info", "gguf_transcribed"):
        for path in sorted(hubdata(f"huggingface/{folder}").glob("*.json")):
            yield path.name, json.loads(path.read_text(encoding="utf-8"))
    yield "gated", json.loads(hubdata("huggingface/gated_observed/model_info_gated_manual.json").read_text(encoding="utf-8"))
    for line in hubdata("huggingface/http_pairs.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        uri, body = exchange["request"]["uri"], exchange["response"].get("body")
        if "/api/models/" not in uri or exchange["response"]["status"]["code"] != 200 or not isinstance(body, str):
            continue
        try:
            record = json.loads(body)
        except json.JSONDecodeError:
            continue  # cut short by who recorded it
        if isinstance(record, dict) and "_id" in record and "id" in record:
            yield uri, record


def test_schemas__huggingface_fits_every_real_record():
    seen, bad = 0, []
    for name, record in huggingface_records():
        seen += 1
        bad += [f"{name}: {text}" for text in complaints("huggingfaceMetadata", [record])]
    assert bad == []
    assert seen >= 113
    print(f"{seen} records")


def test_schemas__modelhub_fits_the_hubs_file():
    models = json.loads(hubdata("modelhub/models.json").read_text(encoding="utf-8"))
    assert len(models) == 33
    assert complaints("modelhubMetadata", models) == []


def test_schemas__modelzoo_knows_the_fields_of_its_interface():
    """Field names and nullability as they were derived from real answers."""
    for ours, theirs, part in (("modelZooHubMetadata", "modelZooHubMetadata.e21ae289.json", "Model"),
                               ("modelZooModelMetadata", "modelZooModelMetadata.00dc7a25.json", "ModelZooModelMetadatum")):
        derived = json.loads(hubdata(f"modelzoo/{theirs}").read_text(encoding="utf-8"))["definitions"][part]["properties"]
        known = validator(ours).schema["$defs"]["model"]["properties"]
        assert set(derived) <= set(known)
        for name, form in derived.items():
            nullable = {"type": "null"} in form.get("anyOf", [])
            if nullable:
                assert "null" in known[name]["type"], name


ZOO_MODEL = {"slug": "mmdetection", "title": "mmdetection", "description": None, "stars": None, "link": None, "framework": "pytorch",
             "categories": [{"id": 1, "slug": "computer-vision", "title": "Computer Vision", "short_title": "CV"}]}


def test_schemas__modelzoo_allows_what_may_be_null():
    assert complaints("modelZooHubMetadata", {"models": [ZOO_MODEL]}) == []
    model = {"id": 0, **ZOO_MODEL, "long_desc": "<p>..</p>", "papers": {"A paper": "https://arxiv.org/abs/1906.07155"}}
    assert complaints("modelZooModelMetadata", [model, {**model, "id": 1, "papers": None, "new_field": [1]}]) == []
    assert complaints("modelZooModelMetadata", [ZOO_MODEL]) != []  # without id


# --- the standard record ---

RECORD = {
    "id": 0,
    "ModelHub": {"ModelHubName": "Hugging Face", "ModelHubURL": "https://huggingface.co/",
                 "MetadataFilePath": "huggingface/json/metadata/hf_metadata.json", "MetadataObjectID": "621ffdc036468d709f17434d"},
    "ModelName": "openai-community/gpt2", "ModelOwner": "openai-community", "ModelURL": "https://huggingface.co/openai-community/gpt2",
    "ModelOwnerURL": "https://huggingface.co/openai-community", "LatestGitCommitSHA": "607a30d783dfa663caf39e06633721c8d4cfcd7e",
    "Datasets": [{"DatasetName": "squad", "DatasetOwner": "", "DatasetURL": "", "DatasetOwnerURL": ""}],
    "ModelPaperDOIs": ["10.48550/arXiv.1706.03762"], "ModelTask": "text-generation", "ModelArchitecture": "gpt2",
}


def changed(path, value):
    record = copy.deepcopy(RECORD)
    node = record
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return record


@pytest.mark.parametrize("path, value", [
    ((), None), (("ModelHub", "MetadataObjectID"), 17), (("LatestGitCommitSHA",), ""), (("ModelTask",), None), (("ModelArchitecture",), None),
    (("Datasets",), []), (("Datasets",), None), (("ModelPaperDOIs",), None), (("ModelOwner",), ""),
    (("Datasets", 0, "DatasetPaperDOI"), "10.1/x"), (("Datasets", 0, "DatasetUsages"), ["training"]),
])
def test_schemas__standard_record_may_be(path, value):
    assert complaints("ptmtorrent", [changed(path, value) if path else RECORD]) == []


@pytest.mark.parametrize("path, value", [
    (("id",), "0"), (("id",), -1), (("ModelHub", "MetadataObjectID"), 1.5), (("LatestGitCommitSHA",), "607a30d"), (("LatestGitCommitSHA",), None),
    (("ModelName",), ""), (("ModelPaperDOIs",), ["https://doi.org/10.1/x"]), (("Dataset",), []), (("Datasets", 0, "DatasetURL"), None),
    (("ModelHub", "ModelHubURL"), None), (("ModelURL",), None), (("Extra",), 1),
])
def test_schemas__standard_record_may_not_be(path, value):
    assert complaints("ptmtorrent", [changed(path, value)]) != []
