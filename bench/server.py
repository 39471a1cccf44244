# SPDX-License-Identifier: MIT
"""nginx on loopback, for all subjects alike: files, git over HTTP (git-http-backend through fcgiwrap), Git LFS and a listing in pages.

No part of it is written in a slow language, so what is timed is the client. Git LFS needs no server of its own here: a repository of these
benchmarks has one large file, so the answer to its batch request is always the same, and nginx gives it from a file.
"""
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

CONF = """
{user}
worker_processes 2;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
    sendfile on;
    default_type application/octet-stream;
    types {{ application/json json; }}
    log_format bytes '$body_bytes_sent $request_method $uri';
    access_log {dir}/access.log bytes;
    client_body_temp_path {dir}/tmp-body;
    proxy_temp_path {dir}/tmp-proxy;
    fastcgi_temp_path {dir}/tmp-fcgi;
    uwsgi_temp_path {dir}/tmp-uwsgi;
    scgi_temp_path {dir}/tmp-scgi;
    keepalive_requests 100000;
    include {dir}/links*.conf;
    server {{
        listen 127.0.0.1:{port};
        root {dir}/files;
        location ~ ^/github.com/(?<repo>[a-z0-9/-]+)(\\.git)?/info/lfs/objects/batch$ {{
            error_page 405 =200 /batch/$repo.json;
            try_files /batch/$repo.json =404;
        }}
        location /batch/ {{ types {{ }} default_type application/vnd.git-lfs+json; }}
        location ~ ^/github.com/(?<repo>[a-z0-9/-]+?)(\\.git)?/(?<rest>info/refs|git-upload-pack)$ {{
            fastcgi_pass unix:{dir}/fcgi.sock;
            fastcgi_param SCRIPT_FILENAME {backend};
            fastcgi_param GIT_PROJECT_ROOT {dir}/repos;
            fastcgi_param GIT_HTTP_EXPORT_ALL "";
            fastcgi_param PATH_INFO /$repo.git/$rest;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
            fastcgi_param GIT_PROTOCOL $http_git_protocol;
            fastcgi_param REMOTE_ADDR $remote_addr;
        }}
        {listings}
    }}
}}
"""

# A listing of N models: page files, the next page's address in a Link header made from the cursor, as huggingface.co does.
LISTING = """
        location = /list{n}/api/models {{
            default_type application/json;
            add_header Link $link{n};
            try_files /list{n}/page-$page{n}.json =404;
        }}
"""


def find(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


def backend():
    return subprocess.run(["git", "--exec-path"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip() + "/git-http-backend"


def missing():
    return [name for name in ("nginx", "fcgiwrap") if not find(name)] + ([] if os.path.exists(backend()) else ["git-http-backend"])


class Server:
    """The folder it serves from, and the two programs while it runs."""

    def __init__(self, folder, listings):
        self.dir, self.listings, self.processes = pathlib.Path(folder), listings, []
        (self.dir / "files/lfs").mkdir(parents=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}

    def __enter__(self):
        conf = self.dir / "nginx.conf"
        # git-http-backend refuses repositories of somebody else: nginx and fcgiwrap run as who made them.
        conf.write_text(CONF.format(dir=self.dir, port=self.port, backend=backend(), user="user root;" if os.getuid() == 0 else "",
                                    listings="".join(LISTING.format(n=n) for n in self.listings)))
        try:
            self.start([find("fcgiwrap"), "-c", "8", "-s", f"unix:{self.dir}/fcgi.sock"])
            self.start([find("nginx"), "-p", str(self.dir), "-c", str(conf), "-e", str(self.dir / "nginx-error.log")])
            self.wait()
        except BaseException:
            self.close()
            raise
        return self

    def start(self, args):
        with open(self.dir / "servers.log", "ab") as log:
            self.processes.append(subprocess.Popen(args, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))

    def wait(self):
        for _ in range(200):
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args[0]} did not start: {(self.dir / 'servers.log').read_text()}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("nginx does not listen")

    def close(self):
        for process in self.processes:
            # fcgiwrap does not end its children: the group of each, which start() made, is asked to.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(self, *_):
        self.close()

    def forget(self):
        """Begins the account of what is served anew."""
        os.truncate(self.dir / "access.log", 0)

    def served(self, prefix="/lfs/"):
        """Bytes of bodies served below a path since then."""
        time.sleep(0.2)  # nginx writes a line when it is done with the request, which is after the client is
        lines = [line.split(" ") for line in (self.dir / "access.log").read_text().splitlines()]
        return sum(int(size) for size, _, uri in lines if uri.startswith(prefix))

    # --- content

    def large(self, data_or_size, name):
        """Puts a large file where it is served as /lfs/OID. A size: so many random bytes, never in memory at once."""
        path, digest = self.dir / "files/lfs" / f"new-{name}", hashlib.sha256()
        size = data_or_size if isinstance(data_or_size, int) else len(data_or_size)
        with open(path, "wb") as out:
            left = size
            while left:
                part = data_or_size if not isinstance(data_or_size, int) else os.urandom(min(left, 1 << 22))
                digest.update(part)
                out.write(part)
                left -= len(part)
        path.rename(path.with_name(digest.hexdigest()))
        return digest.hexdigest(), size

    def repository(self, name, large):
        """A repository of three commits with one large file, model.bin; large: its oid and size. By fast-import: two processes, not twenty."""
        oid, size = large
        bare, batch = self.dir / f"repos/{name}.git", self.dir / f"files/batch/{name}.json"
        bare.mkdir(parents=True)
        batch.parent.mkdir(parents=True, exist_ok=True)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
        stream = "reset refs/heads/main\n\n"
        for files in ({"README.md": f"# {name}\n\nSee [a paper](https://arxiv.org/abs/1810.04805).\n", "LICENSE": "MIT\n"},
                      {"config.json": '{"model_type": "bert"}\n', "src/net.py": "pass\n" * 200},
                      {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "model.bin": pointer}):
            stream += "commit refs/heads/main\ncommitter B <b@example.org> 1700000000 +0000\ndata 6\nchange\n"
            stream += "".join(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n" for path, text in files.items())
        for args in (["init", "-q", "--bare", "-b", "main"], ["fast-import", "--quiet"]):
            subprocess.run(["git", *args], cwd=bare, env=self.env, input=stream.encode(), check=True, stdout=subprocess.DEVNULL)
        href = f"{self.base}/lfs/{oid}"
        batch.write_text('{"transfer":"basic","objects":[{"oid":"%s","size":%d,"authenticated":true,"actions":{"download":{"href":"%s"}}}]}' % (oid, size, href))
