# SPDX-License-Identifier: MIT
"""`ptm weights ls URL`: tables of large files on a server that is not ours (nginx), for a few requests and little of their bytes."""
import contextlib
import json
import os
import pathlib
import signal
import struct
import subprocess

import pytest
from conftest import Ptm
from servers import NGINX_MAIN, NGINX_SCRATCH, find, free_ports, wait_for_nginx

MB = 1 << 20
TOKEN = "hf_sesame"

# The front wants the token and redirects as Hugging Face does; the CDN is another origin, and must not see it.
NGINX = NGINX_MAIN + """
http {{
    log_format ranges '$server_port $request_method $status $body_bytes_sent $uri "$http_range" "$http_authorization"';
    access_log {dir}/access.log ranges;
""" + NGINX_SCRATCH + """    server {{
        listen 127.0.0.1:{front};
        location ~ ^/acme/model/resolve/main/(.+)$ {{
            if ($http_authorization != "Bearer {token}") {{ return 401; }}
            return 302 http://127.0.0.1:{cdn}/$1;
        }}
    }}
    server {{
        listen 127.0.0.1:{cdn};
        root {dir}/files;
        location /whole/ {{ alias {dir}/files/; max_ranges 0; }}
    }}
}}
"""


class Files:
    """One nginx over a folder of files."""

    def __init__(self, folder):
        if not find("nginx"):
            pytest.skip("not installed: nginx")
        self.dir = pathlib.Path(folder)
        self.files = self.dir / "files"
        self.files.mkdir(parents=True)
        self.front, self.cdn = free_ports(2)

    def __enter__(self):
        (self.dir / "nginx.conf").write_text(NGINX.format(dir=self.dir, front=self.front, cdn=self.cdn, token=TOKEN,
                                                          user="user root;" if os.getuid() == 0 else ""))
        with open(self.dir / "servers.log", "ab") as log:
            self.process = subprocess.Popen([find("nginx"), "-p", str(self.dir), "-c", str(self.dir / "nginx.conf"), "-e",
                                             f"{self.dir}/nginx-error.log"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        try:
            wait_for_nginx(self.dir, self.process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(10)

    def url(self, name):
        return f"http://127.0.0.1:{self.cdn}/{name}"

    def served(self, port=None):
        """(status, bytes, range, authorization) of the requests so far to the CDN, or to port."""
        rows = []
        for line in (self.dir / "access.log").read_text().splitlines():
            at, _, status, sent, _ = line.split(" ", 4)
            if int(at) == (port or self.cdn):
                rows.append((int(status), int(sent), *[part for part in line.split('"')[1::2]]))
        return rows


@pytest.fixture
def server(tmp_path):
    with Files(tmp_path / "server") as files:
        yield files


@pytest.fixture
def ptm(tmp_path):
    return Ptm(tmp_path)


def make_safetensors(path, tensors=1000, each=100_000):
    """A file of zeros with holes: 100 MB that take a few blocks on disk."""
    header = {f"model.layers.{i}.weight": {"dtype": "F32", "shape": [each // 4], "data_offsets": [i * each, (i + 1) * each]}
              for i in range(tensors)}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + tensors * each)


def make_torch(path, data=100 * MB):
    torch = pytest.importorskip("torch")
    torch.save({"big": torch.zeros(data // 4), "small": torch.arange(3), "view": torch.zeros(4, 4).t()}, path)


def listed(ptm, url, **env):
    row, = ptm.json_lines("weights", "ls", url, **env)
    assert row["file"] == url
    return row


def test_the_table_of_a_large_safetensors_file_costs_its_header(ptm, server):
    make_safetensors(server.files / "model.safetensors")
    row = listed(ptm, server.url("model.safetensors"))
    assert row["format"] == "safetensors" and len(row["tensors"]) == 1000 and row["metadata"] == {"format": "pt"}
    assert row["tensors"][999]["name"] == "model.layers.999.weight" and row["bytes"] == 100_000_000
    requests = server.served()
    assert len(requests) <= 5 and all(status == 206 for status, *_ in requests)
    assert sum(sent for _, sent, *_ in requests) < MB


def test_the_table_of_a_large_torch_file_costs_its_directory_and_pickle(ptm, server):
    make_torch(server.files / "model.pt")
    row = listed(ptm, server.url("model.pt"))
    local, = ptm.json_lines("weights", "ls", server.files / "model.pt")
    local["file"] = row["file"]
    for storage in row["storages"] + local["storages"]:
        del storage["file_offset"]  # stands in the local headers, which only reading asks for
    assert row["format"] == "pytorch-zip" and row == local
    assert [tensor["name"] for tensor in row["tensors"]] == ["big", "small", "view"]
    requests = server.served()
    assert len(requests) <= 8 and all(status == 206 for status, *_ in requests)
    assert sum(sent for _, sent, *_ in requests) < MB


def test_a_gated_file_of_hugging_face_is_read_with_the_token_and_the_cdn_never_sees_it(ptm, server):
    make_safetensors(server.files / "model.safetensors", tensors=3, each=4)
    url = "https://huggingface.co/acme/model/resolve/main/model.safetensors"
    endpoint = {"HF_ENDPOINT": f"http://127.0.0.1:{server.front}"}
    result = ptm.run("weights", "ls", url, expect=2, **endpoint)
    assert "huggingface.co/acme/model/resolve/main/model.safetensors" in result.stderr and "HF_TOKEN" in result.stderr
    assert not result.stdout
    row = listed(ptm, url, HF_TOKEN=TOKEN, **endpoint)
    assert len(row["tensors"]) == 3
    assert {authorization for *_, authorization in server.served(server.front)} == {"-", f"Bearer {TOKEN}"}
    assert {authorization for *_, authorization in server.served()} == {"-"}
    assert TOKEN not in result.stdout + result.stderr


def test_a_large_file_of_a_server_without_ranges_is_refused_before_it_is_fetched(ptm, server):
    make_safetensors(server.files / "model.safetensors")
    result = ptm.run("weights", "ls", server.url("whole/model.safetensors"), expect=2)
    assert "range" in result.stderr and len(result.stderr.splitlines()) == 1


def test_what_is_not_there_is_told_and_the_others_are_listed(ptm, server):
    make_safetensors(server.files / "model.safetensors", tensors=2, each=8)
    result = ptm.run("weights", "ls", "--json", server.url("absent.pt"), server.url("model.safetensors"), expect=2)
    assert server.url("absent.pt") in result.stderr and len(result.stdout.splitlines()) == 1
    assert "offline" in ptm.run("weights", "ls", "--offline", server.url("model.safetensors"), expect=2).stderr


def test_a_file_on_a_server_is_converted(ptm, server):
    make_safetensors(server.files / "model.safetensors", tensors=2, each=8)
    ptm.run("weights", "convert", server.url("model.safetensors"), "copy.safetensors")
    assert [tensor["shape"] for tensor in ptm.json_lines("weights", "ls", "copy.safetensors")[0]["tensors"]] == [[2], [2]]
