# SPDX-License-Identifier: MIT
"""GitHub on loopback, of servers we did not write: nginx, git-http-backend and `git archive` behind fcgiwrap, giftless for large files.

    with GitHub(folder) as github:                      # GitHub(folder, lfs=True): with giftless, and large files in repositories
        sha = github.publish("acme/model", {"hubconf.py": TEXT})            # commits on main; see publish() for branches, tags, links
        Ptm(tmp_path, github.rewrites).run("torch", "fetch", "acme/model")  # or PTM_REWRITE=" ".join(github.rewrites)
        github.count("GET", "/acme/model/zipball")      # requests so far to paths that begin so; codeload's: "/acme/model/legacy.zip"
        url = github.file("weights/x.pth", data)        # https://files.example.org/weights/x.pth, with ranges; .slow_file(): 400 kB/s
        url = github.asset("acme/model", "v1", "x.pth", data)               # a release asset: a redirect to another host, as there

What stands where: github.com, api.github.com, codeload.github.com, release assets and files.example.org each have a port of their own (an
origin of their own, so that a credential that leaks to another host is seen); `github.rewrites` is the list for PTM_REWRITE, `rewritten(url)`
the loopback URL of a public one.

As GitHub does it: /OWNER/NAME/zipball/REF redirects to codeload, which streams the archive without a length, names its one folder
OWNER-NAME-SHA7, and answers 300 for what is a branch and a tag; commits that only a fork or nobody refers to are served, too (fork_commit());
a repository of the owner "secret" wants TOKEN (404, or 401 for git, without it); "slow" as owner: its archives come at 100 kB/s;
what is asked of the owner "renamed" is redirected to "acme".
hostile(name, ref, data) makes codeload answer with any bytes. no_api(True): api.github.com answers 403, as when the rate limit is used up.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import pytest

import servers
from servers import Forge, find, free_ports

TOKEN = "ghp_sesame"  # opens repositories of the owner "secret"
CODELOAD_TOKEN = "CODELOADTICKET"  # what codeload gets of it, in the redirect's query
HOSTS = ("github.com", "api.github.com", "codeload.github.com", "release-assets.githubusercontent.com", "files.example.org")

NGINX = servers.NGINX_MAIN + """
http {{
    log_format rows escape=json '["$host_name","$request_method",$status,$body_bytes_sent,"$request_uri","$http_range","$http_authorization","$http_user_agent"]';
    access_log {dir}/access.log rows;
""" + servers.NGINX_SCRATCH + """    client_max_body_size 0;
    map $server_port $host_name {{ {ports} }}
    map $http_authorization $may {{ default no; {credentials} }}
    server {{
        listen 127.0.0.1:{github};
        location = /ping {{ return 204; }}
        location ~ ^/secret/[^/]+/(info/refs|git-upload-pack)$ {{
            add_header WWW-Authenticate 'Basic realm="GitHub"' always;
            if ($may = no) {{ return 401 "Repository not found."; }}
            rewrite ^ /git$uri last;
        }}
        location ~ ^/secret/ {{
            if ($may = no) {{ return 404; }}
            rewrite ^ /web$uri last;
        }}
        location ~ ^/renamed/[^/]+/(info/refs|git-upload-pack)$ {{ rewrite ^/renamed/(.*)$ /acme/$1 permanent; }}
        location ~ ^/[^/]+/[^/]+/(info/refs|git-upload-pack)$ {{ rewrite ^ /git$uri last; }}
        location ~ ^/git/(?<owner>[^/]+)/(?<name>[^/]+?)(\\.git)?/(?<service>info/refs|git-upload-pack)$ {{
            internal;
            set $script {backend};
            set $path /$owner/$name.git/$service;
            include {dir}/cgi.conf;
        }}
        location ~ ^/[^/]+/[^/]+\\.git/info/lfs/ {{
            proxy_pass http://127.0.0.1:{lfs_port};
            proxy_set_header Host $http_host;
            proxy_set_header Authorization "";
        }}
        location ~ ^/web/(?<rest>.*)$ {{
            internal;
            set $script {dir}/web;
            set $path /$rest;
            include {dir}/cgi.conf;
        }}
        location ~ ^/[^/]+/[^/]+/releases/download/ {{ rewrite ^/(.*?)/releases/download/(.*)$ https://{assets_host}/$1/$2 redirect; }}
        location /renamed/ {{ rewrite ^/renamed/(.*)$ /acme/$1 permanent; }}
        location / {{ rewrite ^ /web$uri last; }}
    }}
    server {{
        listen 127.0.0.1:{api};
        location /repos/renamed/ {{ rewrite ^/repos/renamed/(.*)$ /repos/acme/$1 permanent; }}
        location / {{ set $script {dir}/api; set $path $uri; include {dir}/cgi.conf; }}
    }}
    server {{
        listen 127.0.0.1:{codeload};
        location /slow/ {{ limit_rate 100k; set $script {dir}/codeload; set $path $uri; include {dir}/cgi.conf; }}
        location / {{ set $script {dir}/codeload; set $path $uri; include {dir}/cgi.conf; }}
    }}
    server {{
        listen 127.0.0.1:{assets};
        root {dir}/assets;
    }}
    server {{
        listen 127.0.0.1:{files};
        root {dir}/files;
        location /slow/ {{ limit_rate 400k; alias {dir}/files/; }}
        location /whole/ {{ max_ranges 0; alias {dir}/files/; }}
        location /page/ {{ default_type text/html; return 200 "<!DOCTYPE html><html><title>Sign in</title><body>Please sign in.</body></html>"; }}
    }}
}}
"""

CGI_CONF = """
fastcgi_pass unix:{dir}/fcgi.sock;
fastcgi_param SCRIPT_FILENAME $script;
fastcgi_param GIT_PROJECT_ROOT {dir}/repos;
fastcgi_param GIT_HTTP_EXPORT_ALL "";
fastcgi_param PATH_INFO $path;
fastcgi_param QUERY_STRING $query_string;
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
fastcgi_param GIT_PROTOCOL $http_git_protocol;
fastcgi_param REMOTE_ADDR $remote_addr;
"""

# What the three scripts share: refs as GitHub reads them.
COMMON = """#!/bin/sh
root={dir}
not_found() {{ printf 'Status: 404 Not Found\\r\\nContent-Type: text/html\\r\\n\\r\\n<html>Not Found</html>'; exit 0; }}
git() {{ command git --git-dir "$repo" "$@"; }}
open_repo() {{ # open_repo /OWNER/NAME/REST: repo, owner, name, rest
    path=${{1#/}}; owner=${{path%%/*}}; path=${{path#*/}}; name=${{path%%/*}}; rest=
    case $path in */*) rest=${{path#*/}} ;; esac
    name=${{name%.git}}; repo=$root/repos/$owner/$name.git
    case $owner/$name in */..|../*|./*|*/.) not_found ;; esac
    [ -d "$repo" ] || not_found
}}
resolve() {{ # resolve REF: sets sha, or stays empty; ambiguous=yes for a branch that is a tag, too
    sha= ambiguous=no
    case $1 in *[~^:{{}}]*|*..*) return 0 ;; esac
    head=$(git rev-parse -q --verify "refs/heads/$1^{{commit}}") tag=$(git rev-parse -q --verify "refs/tags/$1^{{commit}}")
    [ -z "$head" ] || [ -z "$tag" ] || ambiguous=yes
    sha=${{head:-$tag}}
    [ -z "$sha" ] || return 0
    case $1 in
    refs/*|HEAD) sha=$(git rev-parse -q --verify "$1^{{commit}}") ;;
    *[!0-9a-f]*) ;;
    ????*) sha=$(git rev-parse -q --verify "$1^{{commit}}") ;;
    esac
    return 0
}}
"""

WEB = """
open_repo "$PATH_INFO"
case $rest in
'') printf 'Content-Type: text/html\\r\\n\\r\\n<html>%s/%s</html>' "$owner" "$name" ;;
zipball/?*)
    ticket=
    [ "$owner" != secret ] || ticket='?token={ticket}'
    printf 'Status: 302 Found\\r\\nLocation: https://codeload.github.com/%s/%s/legacy.zip/%s%s\\r\\nContent-Type: text/html\\r\\n\\r\\n' \\
        "$owner" "$name" "${{rest#zipball/}}" "$ticket" ;;
tree/?*)
    branch=${{rest#tree/}}
    resolve "${{branch%/}}"
    [ -n "$sha" ] || not_found
    printf 'Content-Type: text/html\\r\\n\\r\\n<html>tree of %s</html>' "$sha" ;;
*) not_found ;;
esac
"""

CODELOAD = """
open_repo "$PATH_INFO"
case $rest in legacy.zip/?*) ;; *) not_found ;; esac
[ "$owner" != secret ] || [ "$QUERY_STRING" = token={ticket} ] || not_found
ref=${{rest#legacy.zip/}}
if [ -f "$root/hostile/$owner/$name/$ref" ]; then
    printf 'Content-Type: application/zip\\r\\n\\r\\n'
    exec cat "$root/hostile/$owner/$name/$ref"
fi
resolve "$ref"
[ -n "$sha" ] || not_found
if [ $ambiguous = yes ]; then
    printf 'Status: 300 Multiple Choices\\r\\nContent-Type: text/plain\\r\\n\\r\\nthe given path has multiple possibilities: refs/heads/%s, refs/tags/%s' "$ref" "$ref"
    exit 0
fi
printf 'Content-Type: application/zip\\r\\nContent-Disposition: attachment; filename=%s-%s-%.7s.zip\\r\\nETag: W/"%s"\\r\\n\\r\\n' "$owner" "$name" "$sha" "$sha"
git archive --format=zip --prefix="$owner-$name-$(printf %.7s "$sha")/" "$sha"
"""

API = """
if [ -e "$root/no-api" ]; then
    printf 'Status: 403 Forbidden\\r\\nContent-Type: application/json\\r\\nX-RateLimit-Remaining: 0\\r\\n\\r\\n{{"message": "API rate limit exceeded"}}'
    exit 0
fi
case $PATH_INFO in /repos/*) open_repo "${{PATH_INFO#/repos}}" ;; *) not_found ;; esac
json() {{ printf 'Content-Type: application/json\\r\\n\\r\\n%s' "$1"; }}
refs() {{ # refs heads|tags: one page of 100
    page=1
    case $QUERY_STRING in *page=*) page=${{QUERY_STRING##*page=}}; page=${{page%%&*}} ;; esac
    rows=$(git for-each-ref --format='%(refname:lstrip=2) %(objectname) %(*objectname)' "refs/$1" | sed -n "$((page * 100 - 99)),$((page * 100))p" |
        while read -r ref sha peeled; do printf ',{{"name": "%s", "commit": {{"sha": "%s"}}}}' "$ref" "${{peeled:-$sha}}"; done)
    json "[${{rows#,}}]"
}}
case $rest in
'') json "{{\\"full_name\\": \\"$owner/$name\\", \\"default_branch\\": \\"$(git symbolic-ref --short HEAD)\\"}}" ;;
branches) refs heads ;;
tags) refs tags ;;
*) not_found ;;
esac
"""


class Link(str):
    """In publish(): a symbolic link to this."""


class Program(bytes):
    """In publish(): a file with the executable bit."""


def missing(lfs=False):
    if lfs:
        return servers.missing()
    return ", ".join(name for name in ("nginx", "fcgiwrap", "git") if not find(name))


class GitHub(Forge):
    def __init__(self, folder, lfs=False):
        lack = missing(lfs)
        if lack:
            pytest.skip(f"not installed: {lack}")
        self.prepare(folder)
        self.lfs = lfs
        self.env["GIT_CONFIG_COUNT"] = "0"
        self.time = 1_700_000_000

    def choose_ports(self):
        self.lfs_port, *ports = free_ports(1 + len(HOSTS))
        self.ports = dict(zip(HOSTS, ports))
        self.port = self.ports["github.com"]

    def configure(self, backend):
        ports = " ".join(f"{port} {host};" for host, port in self.ports.items())
        basic = [base64.b64encode(f"{user}:{TOKEN}".encode()).decode() for user in ("x-access-token", "git", "token", "oauth2", "ptm")]
        credentials = "".join(f'"{kind} {TOKEN}" yes; ' for kind in ("Bearer", "token")) + "".join(f'"Basic {one}" yes; ' for one in basic)
        github, api, codeload, assets, files = self.ports.values()
        (self.dir / "cgi.conf").write_text(CGI_CONF.format(dir=self.dir))
        (self.dir / "nginx.conf").write_text(NGINX.format(
            dir=self.dir, backend=backend, lfs_port=self.lfs_port, user="user root;" if os.getuid() == 0 else "", ports=ports, credentials=credentials,
            github=github, api=api, codeload=codeload, assets=assets, files=files, assets_host=HOSTS[3]))
        for name, text in (("web", WEB), ("codeload", CODELOAD), ("api", API)):
            (self.dir / name).write_text((COMMON + text).format(dir=self.dir, ticket=CODELOAD_TOKEN))
            (self.dir / name).chmod(0o755)

    # --- URLs

    @property
    def rewrites(self):
        """For PTM_REWRITE, and Ptm(folder, rewrites)."""
        return [f"https://{host}/=http://127.0.0.1:{port}/" for host, port in self.ports.items()]

    def rewritten(self, url):
        for host, port in self.ports.items():
            if url.startswith(f"https://{host}/"):
                return f"http://127.0.0.1:{port}/" + url[len(f"https://{host}/"):]
        return url

    # --- repositories

    def publish(self, name, files, branch="main", tags=(), delete=(), message="change"):
        """Commits files (path -> str, bytes, Link or Program) to a branch and serves it; returns the commit. The first branch published is
        the repository's default; a new branch begins where the default one is. Annotated tags: a dict of name -> message."""
        work = self.work / name
        if not work.exists():
            self.create(name, branch)
        self.switch(work, branch)
        for path, data in files.items():
            self.write(work / path, data)
        for path in delete:
            (work / path).unlink()
        self.git(work, "add", "-A", "-f")
        self.git(work, "commit", "-q", "--allow-empty", "-m", message, env=self.clock())
        for tag in tags:
            self.git(work, "tag", *(["-a", "-m", tags[tag]] if isinstance(tags, dict) else []), tag)
        self.push(work, "--force")
        return self.sha(name, f"refs/heads/{branch}")

    def create(self, name, branch):
        work = self.repo(name)
        for path in (work, self.bare(name)):
            self.git(path, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        for key in ("uploadpack.allowFilter", "uploadpack.allowReachableSHA1InWant", "uploadpack.allowTipSHA1InWant"):
            self.git(self.bare(name), "config", key, "true")

    def switch(self, work, branch):
        known = subprocess.run(["git", "-C", str(work), "rev-parse", "-q", "--verify", f"refs/heads/{branch}"], env=self.env, stdout=subprocess.DEVNULL)
        if known.returncode == 0:
            self.git(work, "checkout", "-q", branch, "--")
        elif branch != self.git(work, "symbolic-ref", "--short", "HEAD").decode().strip():
            self.git(work, "checkout", "-q", "-b", branch, self.default_branch(work))

    def default_branch(self, work):
        return self.git(self.dir / "repos" / (str(work.relative_to(self.work)) + ".git"), "symbolic-ref", "--short", "HEAD").decode().strip()

    def write(self, path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        if isinstance(data, Link):
            path.symlink_to(str(data))
            return
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(0o755 if isinstance(data, Program) else 0o644)

    def clock(self):
        """A minute later with each commit, so that commits are the same in every run, and their order is told by their dates."""
        self.time += 60
        return {"GIT_AUTHOR_DATE": f"{self.time} +0000", "GIT_COMMITTER_DATE": f"{self.time} +0000"}

    def sha(self, name, ref="HEAD"):
        return self.git(self.bare(name), "rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip()

    def fork_commit(self, name, files, pull=None):
        """A commit on top of the default branch that no branch or tag of the repository has, though codeload serves it; with pull (a
        number) it stands under refs/pull/N/head, which GitHub shows to everybody."""
        work = self.work / name
        self.git(work, "checkout", "-q", "--detach", self.default_branch(work))
        for path, data in files.items():
            self.write(work / path, data)
        self.git(work, "add", "-A", "-f")
        self.git(work, "commit", "-q", "-m", "fork", env=self.clock())
        sha = self.git(work, "rev-parse", "HEAD").decode().strip()
        ref = f"refs/pull/{pull or 1}/head"
        self.git(work, "push", "-q", "origin", f"HEAD:{ref}")
        if pull is None:
            self.git(self.bare(name), "update-ref", "-d", ref)
        self.git(work, "checkout", "-q", self.default_branch(work))
        return sha

    def hostile(self, name, ref, data):
        """codeload answers with data for this ref; git knows the repository as it is published."""
        path = self.dir / "hostile" / name / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def no_api(self, on=True):
        flag = self.dir / "no-api"
        flag.touch() if on else flag.unlink()

    # --- files

    def file(self, name, data):
        """Served by ranges from an ordinary host; under /whole/NAME without ranges. /page/NAME is an HTML page, whatever the name."""
        self.put(self.dir / "files" / name, data)
        return f"https://files.example.org/{name}"

    def slow_file(self, name, data):
        self.file(name, data)
        return f"https://files.example.org/slow/{name}"

    def asset(self, repo, tag, name, data):
        self.put(self.dir / "assets" / repo / tag / name, data)
        return f"https://github.com/{repo}/releases/download/{tag}/{name}"

    @staticmethod
    def put(path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    # --- what was asked for

    def requests(self):
        """Rows of (host, method, status, bytes, target, range, authorization, user agent); complete for all that was answered."""
        mark = f"/ping?{time.monotonic_ns()}"
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{self.port}{mark}").close()
        for _ in range(400):
            lines = (self.dir / "access.log").read_text().splitlines()
            if any(mark in line for line in lines):
                return [row for row in map(json.loads, lines) if not row[4].startswith("/ping")]
            time.sleep(0.01)
        raise RuntimeError("nginx's log does not show its own request")

    def forget(self):
        """Not before all that was answered is in the log: a row that came later would be taken for a request of what follows."""
        self.requests()
        super().forget()

    def count(self, method, prefix, host=None, status=None):
        return sum(1 for row in self.requests() if row[1] == method and row[4].startswith(prefix) and host in (None, row[0]) and status in (None, row[2]))


def main():
    """A GitHub to play with: github.py FOLDER publishes FOLDER's sub-folders OWNER/NAME until standard input ends."""
    import tempfile  # only here
    with tempfile.TemporaryDirectory() as folder, GitHub(pathlib.Path(folder) / "github") as github:
        for repo in sorted(pathlib.Path(sys.argv[1]).glob("*/*")):
            files = {str(path.relative_to(repo)): path.read_bytes() for path in repo.rglob("*") if path.is_file()}
            github.publish(f"{repo.parent.name}/{repo.name}", files)
        print(f'export PTM_REWRITE="{" ".join(github.rewrites)}"', flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
