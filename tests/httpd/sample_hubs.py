#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Five small hubs on loopback, for tools/demo and the end-to-end tests.

All content is made here: repositories are built with git at start-up (fixed dates, so that commits are the same every time), git is
served by `git http-backend`, and Git LFS by a batch API of a few lines. Every original host is a first path component:

    https://huggingface.co/acme/tiny-bert  ->  http://127.0.0.1:PORT/huggingface.co/acme/tiny-bert

so that one --rewrite a host points ptm here. On purpose there are a gated model, one that is listed but gone, one whose server
fails once, a model without an owner, two models that share a large file, a large file its LFS server lost but the successor host
has, a branch that the list names and the repository has not, and links that are no repositories.

    sample_hubs.py --dir DIR [--port N] [--port-file FILE] [--synthetic N]
"""
import argparse
import base64
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import urllib.parse
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "sample-token"  # opens the gated model
PAGE = 5                # models a page, so that a listing of a dozen has pages
HOSTS = ("huggingface.co", "github.com", "raw.githubusercontent.com", "modelzoo.co", "media.githubusercontent.com")


def blob(name, size):
    """Bytes of a made-up weight file: the same for the same name, and not compressible."""
    return random.Random(name).randbytes(size)


def safetensors(name, size):
    """A made-up safetensors file of that size: two tensors of floats, the rest of it bytes."""
    rows = (size - 1000) // 4 // 64 - 1
    tensors, at = {}, 0
    for key, dtype, shape, length in (("embed.weight", "F32", [rows, 64], rows * 256), ("embed.bias", "F32", [64], 256)):
        tensors[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + length]}
        at += length
    tensors["rest"] = {"dtype": "U8", "shape": [0], "data_offsets": [at, at]}
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    rest = size - 8 - len(header) - at - 24  # room for the numbers of the rest to grow
    tensors["rest"] = {"dtype": "U8", "shape": [rest], "data_offsets": [at, at + rest]}
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    header += b" " * (size - 8 - len(header) - at - rest)
    return len(header).to_bytes(8, "little") + header + blob(name, at + rest)


def torch_zip(name, rows):
    """A made-up file as torch.save writes one: {"weight": rows x 64 floats}."""
    def text(value):
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def number(value):
        return b"J" + value.to_bytes(4, "little")

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(rows * 64) + b"tQ"
    data = (b"\x80\x02}" + text("weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(0) + number(rows) + number(64) + b"\x86"
            + number(64) + number(1) + b"\x86\x89ccollections\nOrderedDict\n)RtRs.")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in (("data.pkl", data), ("data/0", blob(name, rows * 256)), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{member}"), content)
    return out.getvalue()


def onnx(name, size):
    """A made-up ONNX model of about that size: one initializer, no nodes."""
    def varint(value):
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def field(number, value):
        return varint(number << 3 | 2) + varint(len(value)) + value

    floats = size // 4
    tensor = field(1, varint(floats)) + b"\x10\x01" + field(8, b"weight") + field(9, blob(name, floats * 4))
    return b"\x08\x08" + field(2, b"sample") + field(7, field(2, b"graph") + field(5, tensor)) + field(8, b"\x10\x07")


class Large:
    """A file kept by Git LFS. lost: its server does not have it any more."""

    def __init__(self, data, lost=False):
        self.data, self.lost = data, lost
        self.oid = hashlib.sha256(data).hexdigest()

    def pointer(self):
        return (f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {len(self.data)}\n").encode()


SHARED = Large(safetensors("shared-weights", 3_000_000))

HF_MODELS = [
    # (id, downloads, likes, extra fields, files)
    ("acme/tiny-bert", 9000, 41, {
        "pipeline_tag": "fill-mask", "library_name": "transformers",
        "tags": ["transformers", "safetensors", "fill-mask", "dataset:acme/rooms", "arxiv:1810.04805", "license:mit"],
        "config": {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
        "cardData": {"license": "mit", "datasets": ["acme/rooms"]}}, {
        "README.md": "---\nlicense: mit\ndatasets:\n- acme/rooms\n---\n# tiny-bert\n\nFollows [BERT](https://arxiv.org/abs/1810.04805), "
                     "trained on [rooms](https://huggingface.co/datasets/acme/rooms).\n",
        "config.json": '{"model_type": "bert", "architectures": ["BertForMaskedLM"]}\n',
        "model.safetensors": SHARED, "onnx/model.onnx": Large(onnx("bert-onnx", 700_000))}),
    ("acme/tiny-bert-copy", 8000, 7, {
        "pipeline_tag": "fill-mask", "tags": ["base_model:acme/tiny-bert", "base_model:finetune:acme/tiny-bert"],
        "baseModels": {"relation": "finetune", "models": [{"_id": "650000000000000000000000", "id": "acme/tiny-bert"}]}}, {
        "README.md": "# a fine copy\n", "weights/model.safetensors": SHARED}),
    ("mini-gpt", 7000, 99, {
        "pipeline_tag": "text-generation", "tags": ["doi:10.57967/hf/0000", "license:apache-2.0"],
        "config": {"model_type": "gpt2"}}, {
        "README.md": "---\nlicense: apache-2.0\n---\n# mini-gpt\n", "pytorch_model.bin": Large(torch_zip("mini-gpt", 6000))}),
    ("acme/gated-llm", 6000, 500, {"gated": "manual", "pipeline_tag": "text-generation", "tags": []}, {
        "README.md": "# gated\n", "model.safetensors": Large(safetensors("gated", 400_000))}),
    ("acme/flaky", 5000, 3, {"tags": ["license:bsd-3-clause"]}, {
        "README.md": "# flaky\n", "model.bin": Large(blob("flaky", 300_000))}),
    ("acme/vanished", 4000, 1, {"tags": []}, None),
    ("lab/with-lost-file", 3000, 2, {"tags": []}, {
        "README.md": "# one of its files is gone\n", "old.bin": Large(blob("old", 1000), lost=True),
        "new.bin": Large(blob("new", 120_000))}),
    ("lab/plain", 2000, 0, {"tags": [], "library_name": "sklearn"}, {"README.md": "# plain\n", "model.pkl.txt": "no large files\n"}),
    ("lab/empty-card", 1500, 0, {"tags": [], "cardData": None}, {"config.json": "{}\n"}),
    ("lab/odd-types", 1000, 0, {"tags": "not-a-list", "cardData": {"datasets": "acme/rooms", "license": ["mit"]}}, {"README.md": ""}),
    ("lab/old", 10, 0, {"tags": []}, {"README.md": "# old\n"}),
    ("lab/unloved", 0, 0, {"tags": []}, {
        "README.md": "# nobody downloads this\n", "trap.pkl": b"cposix\nsystem\n(S'echo trapped'\ntR."}),
]

CARD = """---
layout: hub_detail
background-class: hub-background
body-class: hub
title: {title}
summary: {summary}
category: researchers
image: {slug}.png
author: {author}
tags: [vision]
github-link: {link}
github-id: {repo}
featured_image_1: no-image
featured_image_2: no-image
accelerator: cuda-optional
order: 10
demo-model-link: https://huggingface.co/spaces/sample/{slug}
---

```python
import torch
{code}
```

The method is described in [its paper](https://arxiv.org/abs/{arxiv}).
"""

ONNX_TINY = Large(onnx("tinynet-7.onnx", 60_000))
ONNX_LOST = Large(blob("tinynet-9.onnx", 80_000), lost=True)

ONNX_README = """# Sample model zoo

<a name="image_classification"/>

### Image Classification

|Model Class |Reference |Description |Huggingface Spaces|
|-|-|-|-|
|<b>[TinyNet](validated/vision/classification/tinynet)</b>|[Doe et al.](https://arxiv.org/abs/1512.03385)|A very small network.| |
|<b>[NoNet](validated/vision/classification/nonet)</b>|[Roe et al.](https://arxiv.org/abs/1602.07261)|None at all.| |
"""

ONNX_TINY_README = """# TinyNet

## Model

|Model |Download |Download (with sample test data)|ONNX version|Opset version|Top-1 accuracy (%)|
|-|:-:|:-:|:-:|:-:|:-:|
|TinyNet-7|[60 KB](model/tinynet-7.onnx)|[70 KB](model/tinynet-7.tar.gz)|1.2|7|51.2|
|TinyNet-9|[80 KB](model/tinynet-9.onnx)|[90 KB](model/tinynet-9.tar.gz)|1.5|9|52.3|

## Dataset
[ImageNet](http://www.image-net.org/)
"""


def manifest_entry(name, large, opset):
    return {"model": name, "model_path": f"validated/vision/classification/tinynet/model/{name.lower()}.onnx",
            "onnx_version": "1.2", "opset_version": opset,
            "metadata": {"model_sha": large.oid, "model_bytes": len(large.data), "tags": ["vision", "classification"],
                         "io_ports": {"inputs": [{"name": "data", "shape": [1, 3, 8, 8], "type": "tensor(float)"}],
                                      "outputs": [{"name": "scores", "shape": [1, 10], "type": "tensor(float)"}]}}}


def github_repositories():
    repos = {}
    for name, task in (("squares", "Detection of squares"), ("circles", "Segmentation of circles"), ("lines", "Classification of lines")):
        config = {"meta": {"id": name, "name": name, "task": task.split()[0].lower(), "task_extended": task, "data_type": "image"},
                  "publication": {"title": f"On {name}", "url": f"https://doi.org/10.1234/{name}"},
                  "model": {"architecture": "U-Net", "license": "MIT"}}
        repos[f"sample-modelhub/{name}"] = {"README.md": f"# {name}\n", "contrib_src/model/config.json": json.dumps(config, indent=2) + "\n",
                                            "contrib_src/model/weights.bin": Large(blob(f"modelhub-{name}", 50_000))}
    repos["sample-zoo/vision-zoo"] = {"README.md": "# many models\n", "models/one/net.py": "pass\n", "models/two/net.py": "pass\n"}
    repos["sample-zoo/speech"] = {"README.md": "# speech\n\nSee <https://doi.org/10.5555/speech.1>.\n"}
    repos["sample-torch/vision"] = {"README.md": "# vision\n", "hubconf.py": "dependencies = ['torch']\n\ndef tinynet(pretrained=False):\n    'A tiny network.'\n"}
    repos["sample-torch/audio"] = {"README.md": "# audio\n", "hubconf.py": "dependencies = []\n\ndef hum():\n    'Hums.'\n"}
    repos["onnx/models"] = {
        ".lfsconfig": "[lfs]\n  fetchexclude = *.tar.gz\n", ".gitattributes": "*.onnx filter=lfs diff=lfs merge=lfs -text\n*.tar.gz filter=lfs diff=lfs merge=lfs -text\n",
        "README.md": ONNX_README, "validated/vision/classification/tinynet/README.md": ONNX_TINY_README,
        "validated/vision/classification/tinynet/model/tinynet-7.onnx": ONNX_TINY,
        "validated/vision/classification/tinynet/model/tinynet-9.onnx": ONNX_LOST,
        "validated/vision/classification/tinynet/model/tinynet-7.tar.gz": Large(blob("tinynet-7.tar.gz", 70_000)),
        "validated/vision/classification/tinynet/model/tinynet-9.tar.gz": Large(blob("tinynet-9.tar.gz", 90_000), lost=True),
        "validated/vision/classification/nonet/README.md": "# NoNet\n\nNothing here.\n",
        "ONNX_HUB_MANIFEST.json": json.dumps([manifest_entry("TinyNet-7", ONNX_TINY, 7), manifest_entry("TinyNet-9", ONNX_LOST, 9)], indent=1)}
    cards = {
        "sample-torch_vision_tinynet": dict(title="TinyNet", summary="A very small network", slug="tinynet", author="Sample Team", arxiv="1512.03385",
                                            link="https://github.com/sample-torch/vision/blob/main/hubconf.py", repo="sample-torch/vision",
                                            code="model = torch.hub.load('sample-torch/vision:main', 'tinynet', pretrained=True)"),
        "sample-torch_audio_hum": dict(title="Hum", summary="It hums", slug="hum", author="Sample Team", arxiv="1609.03499",
                                       link="https://github.com/sample-torch/audio", repo="sample-torch/audio",
                                       code="repo = 'sample-torch/audio'\nmodel = torch.hub.load(repo, 'hum')"),
    }
    repos["pytorch/hub"] = {"README.md": "# cards\n", **{f"{name}.md": CARD.format(**card) for name, card in cards.items()}}
    return repos


class Hubs:
    """The content: repositories on disk, large files and JSON in memory."""

    def __init__(self, folder, synthetic=0):
        self.folder, self.synthetic = folder, synthetic
        self.objects, self.lost, self.models, self.failed_once = {}, set(), [], set()
        self.log, self.lock = [], threading.Lock()
        os.makedirs(folder, exist_ok=True)
        for number, (model, downloads, likes, extra, files) in enumerate(HF_MODELS):
            sha = self.repository("huggingface.co", model, files) if files is not None else "0" * 40
            self.models.append(self.hf_record(number, model, sha, downloads, likes, extra, files or {}))
        for name, files in github_repositories().items():
            self.repository("github.com", name, files)

    def forget(self):
        """What was asked for, and which failures have been had."""
        with self.lock:
            self.log.clear()
            self.failed_once.clear()

    def git(self, path, *args, **env):
        fixed = {"GIT_AUTHOR_NAME": "Sample", "GIT_AUTHOR_EMAIL": "sample@example.org", "GIT_COMMITTER_NAME": "Sample",
                 "GIT_COMMITTER_EMAIL": "sample@example.org", "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z",
                 "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        return subprocess.run(["git", "-C", path, *args], env={**os.environ, **fixed, **env}, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def repository(self, host, name, files):
        """A bare repository with one commit of these files, and a tag; its commit id."""
        bare = os.path.join(self.folder, host, name + ".git")
        work = os.path.join(self.folder, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        self.git(work, "init", "-q", "-b", "main", ".")
        for path, content in files.items():
            if isinstance(content, Large):
                (self.lost.add(content.oid) if content.lost else self.objects.__setitem__(content.oid, content.data))
                content = content.pointer()
            full = os.path.join(work, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as out:
                out.write(content if isinstance(content, bytes) else content.encode())
        self.git(work, "add", "-A", ".")
        self.git(work, "commit", "-q", "--allow-empty", "-m", "first")
        self.git(work, "tag", "v1")
        shutil.rmtree(bare, ignore_errors=True)
        os.makedirs(os.path.dirname(bare), exist_ok=True)
        self.git(work, "clone", "-q", "--bare", ".", bare)
        sha = self.git(work, "rev-parse", "HEAD")
        shutil.rmtree(work)
        return sha

    @staticmethod
    def hf_record(number, model, sha, downloads, likes, extra, files):
        size = sum(len(content.data) for content in files.values() if isinstance(content, Large))
        record = {"_id": f"65{number:022x}", "id": model, "likes": likes, "private": False, "downloads": downloads,
                  "downloadsAllTime": 10 * downloads, "gated": False, "disabled": False, "sha": sha, "usedStorage": size,
                  "createdAt": f"2024-01-{number + 1:02d}T00:00:00.000Z", "lastModified": "2024-02-01T00:00:00.000Z",
                  "siblings": [{"rfilename": path} for path in sorted(files)]}
        if "/" in model:
            record["author"] = model.split("/")[0]
        record.update(extra)
        return record

    def hf_page(self, start, limit):
        if self.synthetic:
            end = min(start + limit, self.synthetic)
            page = [{"_id": f"65{n:022x}", "id": f"synthetic-{n % 977}/model-{n}", "author": f"synthetic-{n % 977}", "sha": f"{n:040x}",
                     "likes": n % 7, "private": False, "downloads": (n * 7919) % 100003, "tags": ["pytorch", f"license:l{n % 9}", f"dataset:d{n % 101}"],
                     "pipeline_tag": "text-generation", "library_name": "transformers", "gated": False, "disabled": False,
                     "createdAt": "2024-01-01T00:00:00.000Z", "lastModified": "2024-02-01T00:00:00.000Z",
                     "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "usedStorage": 1000 + n,
                     "siblings": [{"rfilename": f"model-{k:05d}-of-00008.safetensors"} for k in range(8)]} for n in range(start, end)]
            return page, end if end < self.synthetic else None
        limit = min(limit, PAGE)
        page = self.models[start:start + limit]
        return page, start + limit if start + limit < len(self.models) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body is a packet of its own: it would wait 40 ms for the client's delayed acknowledgement
    server_version = "SampleHubs"
    hubs: Hubs

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content_Type", "application/json")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.dispatch(body)

    def do_GET(self):
        self.dispatch(b"")

    def dispatch(self, body):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        with self.hubs.lock:
            self.hubs.log.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        host, _, rest = path.lstrip("/").partition("/")
        if host == "__log":
            return self.reply(200, {"log": self.hubs.log})
        if host in HOSTS and rest.startswith("lfs/"):
            return self.send_object(rest[len("lfs/"):])
        if host not in HOSTS or ".." in rest.split("/"):
            return self.reply(404, {"error": "no such host here"})
        if rest.endswith("/info/lfs/objects/batch"):
            return self.lfs_batch(host, rest, body)
        if rest.endswith(("/info/refs", "/git-upload-pack")):
            return self.git_backend(host, rest, url.query, body)
        handler = getattr(self, "get_" + host.replace(".", "_"), None)
        return handler(rest, urllib.parse.parse_qs(url.query)) if handler else self.reply(404, {"error": "not here"})

    # --- git and LFS

    def refused(self, name):
        """The answer of a hub that does not hand this repository out, or False."""
        if name == "acme/gated-llm":
            given = self.headers.get("Authorization", "")
            if given.startswith("Basic "):
                given = "Bearer " + base64.b64decode(given[6:]).decode("utf-8", "replace").partition(":")[2]
            if given == "Bearer " + TOKEN:
                return False
            self.reply(401, b"Access to model acme/gated-llm is restricted. You must have access to it and be authenticated to access it.\n",
                       X_Error_Code="GatedRepo", WWW_Authenticate='Basic realm="Authentication required"', Content_Type="text/plain")
            return True
        if name == "acme/flaky" and self.once("git acme/flaky"):
            self.reply(503, b"try again\n", Retry_After="0")
            return True
        return False

    def once(self, what):
        with self.hubs.lock:
            new = what not in self.hubs.failed_once
            self.hubs.failed_once.add(what)
        return new

    def git_backend(self, host, rest, query, body):
        name = rest.rsplit("/info/refs", 1)[0].rsplit("/git-upload-pack", 1)[0].removesuffix(".git")
        tail = rest[len(rest) - len("/info/refs"):] if rest.endswith("/info/refs") else "/git-upload-pack"
        if not os.path.isdir(os.path.join(self.hubs.folder, host, name + ".git")):
            return self.reply(404, b"Repository not found\n", X_Error_Code="RepoNotFound")
        if self.refused(name):
            return None
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": os.path.join(self.hubs.folder, host), "GIT_HTTP_EXPORT_ALL": "1",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH_INFO": f"/{name}.git{tail}",
               "REQUEST_METHOD": self.command, "QUERY_STRING": query, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
        answer = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        return self.reply(status, content, **{key.replace("-", "_"): value for key, value in headers.items()})

    def lfs_batch(self, host, rest, body):
        name = rest[:-len("/info/lfs/objects/batch")].removesuffix(".git")
        if self.refused(name):
            return None
        objects = []
        for item in json.loads(body)["objects"]:
            answer = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] in self.hubs.objects:
                answer["actions"] = {"download": {"href": f"http://{self.headers['Host']}/{host}/lfs/{item['oid']}?repo={name}", "expires_in": 3600}}
            else:
                answer["error"] = {"code": 404, "message": "Object does not exist"}
            objects.append(answer)
        return self.reply(200, json.dumps({"transfer": "basic", "objects": objects}).encode(), Content_Type="application/vnd.git-lfs+json")

    def send_object(self, oid):
        data = self.hubs.objects.get(oid)
        if data is None:
            return self.reply(404)
        if "acme/flaky" in self.path and self.once("lfs acme/flaky"):
            return self.reply(503, b"try again\n", Retry_After="0")
        return self.send_bytes(data)

    def send_bytes(self, data):
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and "," not in wanted:
            first, _, last = wanted[6:].partition("-")
            start, end = int(first or 0), min(int(last) if last else len(data) - 1, len(data) - 1)
            if start >= len(data):
                return self.reply(416, Content_Range=f"bytes */{len(data)}")
            return self.reply(206, data[start:end + 1], Content_Range=f"bytes {start}-{end}/{len(data)}", Accept_Ranges="bytes")
        return self.reply(200, data, Accept_Ranges="bytes", Content_Type="application/octet-stream")

    # --- the hubs' own answers

    def get_huggingface_co(self, rest, query):
        if rest == "api/models":
            start, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["1000"])[0])
            page, after = self.hubs.hf_page(start, limit)
            headers = {"RateLimit": '"api";r=480;t=240', "RateLimit_Policy": '"fixed window";"api";q=500;w=300'}
            if after is not None:
                keep = [(key, value) for key, values in query.items() for value in values if key != "cursor"]
                link = urllib.parse.urlencode([*keep, ("cursor", after)])
                headers["Link"] = f'<http://{self.headers["Host"]}/huggingface.co/api/models?{link}>; rel="next"'
            return self.reply(200, page, **headers)
        if rest.startswith("api/models/"):
            name = rest[len("api/models/"):].split("/revision/")[0]
            for model in self.hubs.models:
                if model["id"] == name:
                    return self.reply(200, model)
            return self.reply(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        legacy = "onnxmodelzoo/legacy_models/resolve/main/"
        if rest.startswith(legacy) and rest.endswith("validated/vision/classification/tinynet/model/tinynet-9.onnx"):
            return self.send_bytes(ONNX_LOST.data)
        return self.reply(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")

    def get_raw_githubusercontent_com(self, rest, query):
        if rest != "modelhub-ai/modelhub/master/models.json":
            return self.reply(404, b"404: Not Found")
        names = (("squares", "Detection of squares"), ("circles", "Segmentation of circles"), ("lines", "Classification of lines"))
        return self.reply(200, [{"id": f"{number:04d}", "name": name, "task_extended": task, "github": f"https://github.com/sample-modelhub/{name}",
                                 "github_branch": "master" if name == "lines" else "main", "backend": ["onnx"]} for number, (name, task) in enumerate(names)])

    def get_modelzoo_co(self, rest, query):
        category = [{"id": 1, "slug": "vision", "title": "Computer Vision", "short_title": "CV"}]
        zoo = [{"slug": "one", "title": "One", "link": "https://github.com/sample-zoo/vision-zoo/tree/main/models/one"},
               {"slug": "two", "title": "Two", "link": "https://github.com/sample-zoo/vision-zoo/tree/main/models/two"},
               {"slug": "speech", "title": "Speech", "link": "https://github.com/sample-zoo/speech/"},
               {"slug": "gone", "title": "Gone", "link": "https://github.com/sample-zoo/gone"},
               {"slug": "nowhere", "title": "Nowhere", "link": None},
               {"slug": "page", "title": "A web page", "link": "https://example.org/model.html"}]
        entries = [{"slug": item["slug"], "title": item["title"], "description": None, "stars": 3, "link": item["link"],
                    "framework": "PyTorch", "categories": category} for item in zoo]
        if rest == "api/models/0/":
            return self.reply(200, {"models": entries})
        slug = rest[len("api/models/"):].strip("/")
        for entry in entries:
            if entry["slug"] == slug:
                if not self.headers.get("Referer"):
                    return self.reply(403, b"no referer")
                return self.reply(200, {**entry, "long_desc": f"All about {entry['title']}.",
                                        "papers": {"A paper": "https://arxiv.org/abs/1409.0473"} if slug == "one" else None})
        return self.reply(404)


def serve(folder, port=0, synthetic=0):
    """A running server (a thread of its own); .server_port tells where, .shutdown() ends it."""
    handler = type("SampleHandler", (Handler,), {"hubs": Hubs(folder, synthetic)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    server.hubs = handler.hubs
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def rewrites(port):
    return [f"https://{host}/=http://127.0.0.1:{port}/{host}/" for host in HOSTS]


def main():
    parser = argparse.ArgumentParser(description="five small hubs on loopback")
    parser.add_argument("--dir", required=True, help="folder for the repositories")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", help="the port is written here once the server listens")
    parser.add_argument("--synthetic", type=int, default=0, help="list so many made-up models instead (no repositories)")
    args = parser.parse_args()
    server = serve(os.path.abspath(args.dir), args.port, args.synthetic)  # git's CGI wants it absolute
    if args.port_file:
        with open(args.port_file + ".tmp", "w", encoding="ascii") as out:
            out.write(f"{server.server_port}\n")
        os.rename(args.port_file + ".tmp", args.port_file)
    print(*rewrites(server.server_port), flush=True)
    try:
        sys.stdin.read()  # ends with whoever started it
    except KeyboardInterrupt:
        pass
    server.shutdown()


if __name__ == "__main__":
    main()
