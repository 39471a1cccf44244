# SPDX-License-Identifier: MIT
"""Servers we did not write, on loopback, for end-to-end tests: nginx with git-http-backend (through fcgiwrap) for git, and giftless for
Git LFS behind the same nginx. Everything lives in one folder and ends with close().

    with Forge(folder) as forge:
        repo = forge.repo("acme/model")           # a work tree to commit in; forge.push(repo) publishes it, large files included
        url = forge.url("acme/model")             # http://127.0.0.1:PORT/acme/model
        forge.objects_served(oid)                 # how often nginx served that object

All of it runs as the same user: git-http-backend refuses a repository of somebody else ("dubious ownership"), and what the client then
sees is an empty one.
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

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PTM_BUILD", ROOT / "build/check"))
TOKEN = "forge-token"  # opens /gated/; /files/NAME/OID serves large files plainly, /slow/ slowly but by ranges; /refused/ and /broken/ never give anything

# How every nginx of the tests begins, and where it keeps what it does not hold in memory.
NGINX_MAIN = """
{user}
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}"""
NGINX_SCRATCH = """    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
"""

NGINX = NGINX_MAIN + """
http {{
    log_format plain '$request_method $status $body_bytes_sent $uri $http_authorization';
    access_log {dir}/access.log plain;
""" + NGINX_SCRATCH + """    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        location ~ ^/gated/.*\\.git/info/lfs/ {{
            if ($http_authorization != "Bearer {token}") {{ return 401; }}
            proxy_pass http://127.0.0.1:{lfs_port};
            proxy_set_header Host $http_host;
            proxy_set_header Authorization "";
        }}
        location ~ ^/(slow/.+)\\.git/info/lfs/objects/storage/(.+)$ {{
            alias {dir}/lfs/$1/$2;
            limit_rate 400k;
        }}
        location ~ \\.git/info/lfs/ {{
            proxy_pass http://127.0.0.1:{lfs_port};
            proxy_set_header Host $http_host;
        }}
        location /gated/ {{
            auth_basic "forge";
            auth_basic_user_file {dir}/users;
            include {dir}/git.conf;
        }}
        location /refused/ {{
            default_type text/plain;
            return 403 "Access to model refused/one is restricted. You must have access to it and be authenticated to access it.";
        }}
        location /files/ {{ alias {dir}/lfs/; }}
        location /broken/ {{ return 500; }}
        location / {{ include {dir}/git.conf; }}
    }}
}}
"""

GIT_CONF = """
fastcgi_pass unix:{dir}/fcgi.sock;
fastcgi_param SCRIPT_FILENAME {backend};
fastcgi_param GIT_PROJECT_ROOT {dir}/repos;
fastcgi_param GIT_HTTP_EXPORT_ALL "";
fastcgi_param PATH_INFO $uri;
fastcgi_param QUERY_STRING $query_string;
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
fastcgi_param GIT_PROTOCOL $http_git_protocol;
fastcgi_param REMOTE_ADDR $remote_addr;
"""

GIFTLESS = """
import sys
from flask import Flask
from giftless.app import init_app
init_app(Flask("giftless"), {"LEGACY_ENDPOINTS": False, "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],
    "TRANSFER_ADAPTERS": {"basic": {"options": {"storage_options": {"path": sys.argv[1]}}}}}).run(
    host="127.0.0.1", port=int(sys.argv[2]), threaded=True)
"""


def find(name, *folders):
    for folder in (*os.environ["PATH"].split(":"), "/usr/sbin", "/usr/local/sbin", *folders):
        if folder and os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    return None


def giftless_python():
    """The interpreter that has giftless: tools/test-lfs-server made it."""
    for folder in (os.environ.get("PTM_GIFTLESS"), BUILD / "giftless", ROOT / "build/giftless"):
        if folder and pathlib.Path(folder, "ready").exists():
            return str(pathlib.Path(folder, "bin/python"))
    return None


def missing():
    """What is not installed for a Forge, in words; empty when all is there."""
    exec_path = subprocess.run(["git", "--exec-path"], text=True, stdout=subprocess.PIPE, check=True).stdout.strip()
    names = [n for n in ("nginx", "fcgiwrap") if not find(n)]
    if not os.path.exists(f"{exec_path}/git-http-backend"):
        names.append("git-http-backend")
    if not giftless_python():
        names.append("giftless (tools/test-lfs-server build/giftless)")
    return ", ".join(names)


def free_ports(count):
    """All held until the last is known: asked for one by one, the same may come twice."""
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(count)]
        for s in taken:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in taken]


def free_port():
    return free_ports(1)[0]


def wait_until(listens, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with status {process.returncode}")
        if listens():
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]}: not listening after {seconds} s")


def wait_for(address, process):
    """A port of loopback, or the path of a socket."""
    def answers():
        kind, where = (socket.AF_INET, ("127.0.0.1", address)) if isinstance(address, int) else (socket.AF_UNIX, address)
        with socket.socket(kind) as s:
            return s.connect_ex(where) == 0
    wait_until(answers, process)


def wait_for_nginx(folder, process):
    """It writes its pid once it has all of its ports; one that answers may be another program's, or stand while another is being tried for."""
    wait_until((folder / "nginx.pid").exists, process)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def pointer(data):
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()


class Forge:
    """One nginx, one fcgiwrap, one giftless."""

    def __init__(self, folder):
        lack = missing()
        if lack:
            pytest.skip(f"not installed: {lack}")
        self.prepare(folder)

    def prepare(self, folder):
        self.dir = pathlib.Path(folder)
        (self.dir / "repos").mkdir(parents=True)
        self.work = self.dir / "work"
        self.storage = self.dir / "lfs"
        self.lfs = True
        self.choose_ports()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
                    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
                    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.processes = []

    def __enter__(self):
        backend = subprocess.run(["git", "--exec-path"], text=True, stdout=subprocess.PIPE, check=True).stdout.strip() + "/git-http-backend"
        for tries in range(5, 0, -1):
            self.configure(backend)
            try:
                self.start_all()
                return self
            except BaseException as error:
                self.close()
                if tries == 1 or not isinstance(error, RuntimeError):
                    raise
            self.choose_ports()  # somebody took one in between

    def start_all(self):
        for left in ("fcgi.sock", "nginx.pid"):
            (self.dir / left).unlink(missing_ok=True)
        cgi = self.start([find("fcgiwrap"), "-c", "4", "-s", f"unix:{self.dir}/fcgi.sock"])
        web = self.start([find("nginx"), "-p", str(self.dir), "-c", str(self.dir / "nginx.conf"), "-e", f"{self.dir}/nginx-error.log"])
        if self.lfs:
            wait_for(self.lfs_port, self.start([giftless_python(), "-c", GIFTLESS, str(self.storage), str(self.lfs_port)]))
        wait_for(f"{self.dir}/fcgi.sock", cgi)
        wait_for_nginx(self.dir, web)

    def choose_ports(self):
        self.port, self.lfs_port = free_ports(2)

    def configure(self, backend):
        (self.dir / "git.conf").write_text(GIT_CONF.format(dir=self.dir, backend=backend))
        (self.dir / "users").write_text(f"hf:{{PLAIN}}{TOKEN}\n")
        (self.dir / "nginx.conf").write_text(NGINX.format(dir=self.dir, port=self.port, lfs_port=self.lfs_port, token=TOKEN,
                                                          user="user root;" if os.getuid() == 0 else ""))

    def start(self, args):
        log = open(self.dir / "servers.log", "ab")
        process = subprocess.Popen(args, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.processes.append(process)
        return process

    def close(self):
        """Ends whole process groups: fcgiwrap's children outlive a SIGTERM to their parent."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.processes.clear()

    def __exit__(self, *_):
        self.close()

    # --- repositories

    def git(self, path, *args, env=None, **kwargs):
        return subprocess.run(["git", "-C", str(path), *args], env={**self.env, **(env or {})}, check=True, stdout=subprocess.PIPE, **kwargs).stdout

    def bare(self, name):
        return self.dir / "repos" / f"{name}.git"

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}"

    def repo(self, name):
        """A new repository: a bare one that is served, and a work tree to commit in."""
        bare, work = self.bare(name), self.work / name
        for path in (bare, work):
            path.mkdir(parents=True)
        self.git(bare, "init", "-q", "--bare", "-b", "main")
        self.git(work, "init", "-q", "-b", "main")
        self.git(work, "config", "core.hooksPath", "/dev/null")
        self.git(work, "remote", "add", "origin", str(bare))
        return work

    def large(self, name, data):
        """Puts data where giftless serves it for that repository; returns its pointer."""
        path = self.stored(name, sha256(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return pointer(data)

    def stored(self, name, oid):
        return self.storage / name / oid

    def commit(self, work, files, message="change", delete=()):
        """Commits files (path -> bytes) and pushes all branches and tags."""
        for path, data in files.items():
            full = work / path
            full.parent.mkdir(parents=True, exist_ok=True)
            if full.is_symlink():
                full.unlink()
            full.write_bytes(data)
        for path in delete:
            (work / path).unlink()
        self.git(work, "add", "-A", "-f")
        self.git(work, "commit", "-q", "-m", message)
        self.push(work)
        return self.git(work, "rev-parse", "HEAD").decode().strip()

    def push(self, work, *more):
        self.git(work, "push", "-q", *more, "origin", "--all")
        self.git(work, "push", "-q", *more, "origin", "--tags")

    # --- what was asked for

    def requests(self):
        path = self.dir / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def forget(self):
        (self.dir / "access.log").write_bytes(b"")

    def objects_served(self, oid):
        return sum(1 for line in self.requests() if line.startswith("GET ") and f"/objects/storage/{oid}" in line)

    def batches(self):
        return sum(1 for line in self.requests() if line.startswith("POST ") and "/objects/batch" in line)


def path_without(name, folder):
    """A PATH on which everything is found but one program: a folder of links, made once."""
    folder = pathlib.Path(folder)
    if folder.is_dir():
        return str(folder)
    folder.mkdir(parents=True)
    for place in os.environ["PATH"].split(":"):
        if not os.path.isdir(place):
            continue
        for entry in os.scandir(place):
            target = folder / entry.name
            if entry.name != name and not target.is_symlink():
                target.symlink_to(entry.path)
    return str(folder)


def has_git_lfs():
    return shutil.which("git-lfs") is not None
