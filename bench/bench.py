#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ptm beside the programs that people use today, on the same machine, against the same server, in one run. Started by tools/bench.

    bench.py [--only large,harvest,relist,listing,startup] [--rounds N] [--size MiB] [--repos N] [--models N] [--peers DIR] [--out DIR]

Prints Markdown with the medians and their ratios, and writes them to OUT/results.md and OUT/results.json. It asserts nothing about time:
only that each subject did the whole job (right bytes, right number). Subjects that are not installed are left out, which is said.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import measure
import server
from measure import Failed, Subject

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/httpd"))
BUDGET = 480  # seconds; what is left of ten minutes is for making the content
SHARE = {"large": 0.4, "harvest": 0.6, "relist": 0.7, "listing": 1.0}  # of it gone when that part has to be done
PAGE = 1000  # models a page, as huggingface.co gives at most


START = time.monotonic()


def say(text):
    print(f"{time.monotonic() - START:4.0f} s {text}", file=sys.stderr, flush=True)


class Bench:
    """What all parts share: the programs, a clean environment, the server and the report."""

    def __init__(self, args, work):
        self.args, self.work = args, work
        self.ptm, self.fetch = args.ptm.resolve(), args.ptm.resolve().parents[2] / "bench/bench_fetch"
        self.python = args.peers.absolute() / "bin/python" if args.peers else pathlib.Path("none/huggingface_hub (tools/bench --peers)")
        self.listings = sorted({max(args.models // 10, PAGE), args.models}) if "listing" in args.only else []
        self.server = server.Server(work / "server", self.listings)
        home = work / "home"
        home.mkdir()
        (home / "gitconfig").write_text('[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n'
                                        '\tprocess = git-lfs filter-process\n\trequired = true\n[advice]\n\tdetachedHead = false\n')
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_TERMINAL_PROMPT": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
        self.sections, self.results = [], {}

    def path(self, name):
        return self.work / name

    def clear(self, *names):
        for name in names:
            target = self.path(name)
            if target.is_dir():
                shutil.rmtree(target)
            elif target.exists():
                target.unlink()

    def rewrites(self, models_json):
        return " ".join((f"https://raw.githubusercontent.com/modelhub-ai/modelhub/master/models.json={self.server.base}/{models_json}",
                         f"https://github.com/={self.server.base}/github.com/"))

    def models_json(self, name, repos):
        path = self.server.dir / "files" / name
        path.write_text(json.dumps([{"id": f"{n:04d}", "name": repo.split("/")[1], "github": f"https://github.com/{repo}", "backend": ["onnx"]}
                                    for n, repo in enumerate(repos)]))

    def section(self, key, title, text, subjects, columns):
        say(f"{key}: {title}")
        measure.compare(subjects, self.args.rounds, START + BUDGET * SHARE[key], say)
        self.sections += ["", f"## {title}", text, "", *measure.table(subjects, columns)]
        self.results[key] = [{"name": s.name, "skipped": s.skipped} if s.skipped else {"name": s.name, **s.figures()} for s in subjects]
        self.sections.append(f"\nLoad average after it: {os.getloadavg()[0]:.1f}.")

    # --- 1

    def large(self):
        size = self.args.size << 20
        say(f"making a file of {self.args.size} MiB")
        oid, _ = self.server.large(size, "one")
        self.server.repository("bench/large", (oid, size))
        self.models_json("one.json", ["bench/large"])
        url, get = f"{self.server.base}/lfs/{oid}", self.path("got")
        env = {**self.env, "PTM_REWRITE": self.rewrites("one.json")}

        def whole(path):
            def check(cost):
                digest = hashlib.sha256()
                with open(path, "rb") as data:
                    for part in iter(lambda: data.read(1 << 20), b""):
                        digest.update(part)
                if digest.hexdigest() != oid:
                    raise Failed(f"{path}: not the right bytes")
                cost.more["mb_s"] = size / 1e6 / cost.wall
            return check

        def clean():
            self.clear("got", "root", "clone")
            os.sync()  # what one subject left to be written is not the next one's burden

        def pointers():
            clean()
            measure.run(["git", "clone", "-q", f"{self.server.base}/github.com/bench/large", self.path("clone")],
                        {**self.env, "GIT_LFS_SKIP_SMUDGE": "1"}, self.work)

        def one(name, command, needs=(), note="", result=get, before=clean, ours=False, environ=self.env, cwd=self.work):
            return Subject(name, command, environ, cwd, needs=needs, before=before, after=whole(result), ours=ours, note=note)

        stored = self.path(f"root/.ptm/objects/sha256/{oid[:2]}/{oid[2:4]}/{oid}")
        self.section("large", f"One file of {self.args.size} MiB", "Over loopback from nginx. What each does about integrity and the disk is "
                     "in its name: *checked* compares the SHA-256, *synced* has the bytes on the disk when it ends.", [
            one("ptm's transfer alone (checked, synced)", [self.fetch, url, get, oid], [self.fetch], ours=True,
                note="`ptm_net_fetch` in a program of a few lines: hashes while it streams, and calls fsync before it ends."),
            one("ptm clone of a repository with it (checked, synced)", [self.ptm, "clone", "modelhub", "--root", "root", "-q"], result=stored, ours=True,
                environ=env, note="All of it: listing, git clone, batch request, transfer, store, work tree, catalogue."),
            one("curl (neither)", f"curl -sSf -o got {url}", ["curl"]),
            one("curl, then sha256sum, then sync (checked, synced)", f"curl -sSf -o got {url} && echo '{oid}  got' | sha256sum -c --quiet && sync got",
                ["curl", "sha256sum"]),
            one("curl into tee and openssl dgst, then sync (checked, synced)",
                f"test \"$(curl -sSf {url} | tee got | openssl dgst -sha256 -r | cut -c 1-64)\" = {oid} && sync got", ["curl", "openssl"],
                note="The best that standard tools do here: OpenSSL uses the processor's SHA instructions, as ptm does; Debian's sha256sum does not."),
            one("aria2c, 1 connection (checked)", f"aria2c -q -x 1 -s 1 --file-allocation=none --checksum=sha-256={oid} -o got {url}", ["aria2c"]),
            one("aria2c, 4 connections (checked)", f"aria2c -q -x 4 -s 4 --file-allocation=none --checksum=sha-256={oid} -o got {url}", ["aria2c"]),
            one("git lfs pull (checked)", ["git", "lfs", "pull"], ["git", "git-lfs"], before=pointers, result=self.path("clone/model.bin"),
                cwd=self.path("clone"), note="Writes the file twice, into .git/lfs/objects and the work tree (the clone with the pointer is made before, untimed)."),
        ], [("MB/s", "mb_s", "{:.0f}")])
        clean()
        (self.server.dir / "files/lfs" / oid).unlink()

    # --- 2 and 3

    def harvest(self):
        n, jobs = self.args.repos, max(4, 2 * (os.cpu_count() or 1))
        say(f"making {n} repositories")
        shared = self.server.large(os.urandom(1_000_000), "shared")
        names = [f"bench/m{number:04d}" for number in range(n)]
        for number, name in enumerate(names):
            self.server.repository(name, shared if number % 2 else self.server.large(os.urandom(1_000_000), name.split("/")[1]))
        self.models_json("many.json", names)
        self.path("urls").write_text("".join(f"{self.server.base}/github.com/{name}\n" for name in names))
        env = {**self.env, "PTM_REWRITE": self.rewrites("many.json")}
        ours = [self.ptm, "clone", "modelhub", "--root", "ours", "-q"]
        clone = "git clone -q \"$1\" \"$2/${1##*/}\""
        pull = "git -C \"$1\" pull -q"

        def account(folder):
            def check(cost):
                where = "ours/modelhub/repos/bench/*/model.bin" if folder == "ours" else f"{folder}/*/model.bin"
                sizes = [path.stat().st_size for path in self.work.glob(where)]
                if sizes != [1_000_000] * n:
                    raise Failed(f"{len(sizes)} of {n} repositories, {sizes.count(1_000_000)} with their large file")
                cost.more["lfs_mb"] = self.server.served() / 1e6
                cost.more["disk_mb"] = measure.disk_used(self.path(folder)) / 1e6
            return check

        def fresh(folder):
            def before():
                self.clear(folder)
                self.path(folder).mkdir()
                self.server.forget()
            return before

        peers = ["git", "git-lfs"]
        columns = [("fetched MB", "lfs_mb", "{:.0f}"), ("on disk MB", "disk_mb", "{:.0f}")]
        self.section("harvest", f"Cloning {n} repositories with a large file of 1 MB each", "Half of them share theirs. *Fetched* counts bytes of "
                     "large files alone, *on disk* everything below the folder, hard links once.", [
            Subject(f"ptm clone (-j {jobs}, its default here)", ours, env, self.work, before=fresh("ours"), after=account("ours"), ours=True),
            Subject("git clone with git-lfs, one after the other", f"set -e; while read -r u; do set -- \"$u\" loop; {clone}; done < urls", self.env, self.work,
                    peers, fresh("loop"), account("loop"), note="As the reference program did."),
            Subject(f"git clone with git-lfs, xargs -P {jobs}", f"xargs -P {jobs} -I URL sh -c '{clone}' sh URL xargs < urls", self.env, self.work,
                    peers, fresh("xargs"), account("xargs")),
        ], columns)
        self.section("relist", f"The same {n} again, with nothing new", "The listing is asked again, and every repository whether it has something new.", [
            Subject(f"ptm clone (-j {jobs})", ours, env, self.work, before=self.server.forget, after=account("ours"), ours=True),
            Subject("git pull in each, one after the other", f"set -e; for d in loop/*; do set -- \"$d\"; {pull}; done", self.env, self.work, peers, self.server.forget,
                    account("loop")),
            Subject(f"git pull in each, xargs -P {jobs}", f"ls -d xargs/* | xargs -P {jobs} -I DIR sh -c '{pull}' sh DIR", self.env, self.work, peers, self.server.forget,
                    account("xargs")),
        ], columns)
        self.clear("loop", "xargs")

    # --- 4

    def pages(self, n):
        """The listing in files, and the Link header of each: made by the sample hubs, so that it is what the tests list too."""
        import sample_hubs
        hubs = object.__new__(sample_hubs.Hubs)  # without its repositories
        hubs.synthetic = n
        folder, last = self.server.dir / f"files/list{n}", (n - 1) // PAGE
        folder.mkdir()
        for number in range(last + 1):
            (folder / f"page-{number}.json").write_text(json.dumps(hubs.hf_page(number * PAGE, PAGE)[0]))
        def link(number):
            return f'<{self.server.base}/list{n}/api/models?limit={PAGE}&cursor={number}>; rel="next"' if number <= last else ""
        (self.server.dir / f"links{n}.conf").write_text(
            f"map $arg_cursor $page{n} {{\n default 0;\n" + "".join(f" {k} {k};\n" for k in range(1, last + 1)) + "}\n"
            f"map $arg_cursor $link{n} {{\n default '{link(1)}';\n" + "".join(f" {k} '{link(k + 1)}';\n" for k in range(1, last + 1)) + "}\n")

    def listing(self):
        subjects = []
        for n in reversed(self.listings):
            base = f"{self.server.base}/list{n}"

            def before():
                self.clear("root", "models.json")

            def counted(path, n=n):
                def check(cost):
                    with open(self.path(path), "rb") as data:
                        got = sum(1 for _ in json.load(data))
                    if got != n:
                        raise Failed(f"{got} of {n} models")
                    cost.more["models_s"], cost.more["n"] = n / cost.wall, n
                return check

            env = {**self.env, "PTM_REWRITE": f"https://huggingface.co/={base}/", "HF_ENDPOINT": base}
            ours = {key: value for key, value in env.items() if key != "HF_ENDPOINT"}
            command = [self.ptm, "run", "huggingface", "--top", "0.0", "--root", "root", "-q"]
            subjects.append(Subject(f"ptm run huggingface --top 0.0, {n} models", command, ours, self.work, before=before, ours=True, group=n,
                                    after=counted("root/huggingface/json/metadata/hf_metadata.json")))
            subjects.append(Subject(f"huggingface_hub list_models into a JSON file, {n} models", [self.python, ROOT / "bench/list_models.py", "models.json"], env,
                                    self.work, needs=[self.python], before=before, after=counted("models.json"), group=n))
        self.section("listing", f"Listing {self.args.models} models of Hugging Face", f"Made-up models in pages of {PAGE}, prepared, from nginx. ptm also keeps "
                     "the catalogue (SQLite, with the raw records compressed), describes every model and writes `huggingface.json` besides `hf_metadata.json`; "
                     "the peer keeps all models in memory and writes one file. The smaller listing shows how memory grows.", subjects,
                     [("models/s", "models_s", "{:.0f}")])
        self.clear("root", "models.json")

    # --- 5

    def startup(self):
        say("startup: how long it takes to begin")
        root = next((str(self.path(name)) for name in ("ours",) if self.path(name).exists()), str(self.path("empty")))
        if not self.path("ours").exists():
            measure.run([self.ptm, "setup", "modelhub", "--root", root], self.env, self.work)
        commands = [[self.ptm, "--version"], [self.ptm, "help"], [self.ptm, "status", "--root", root], ["git", "--version"], ["git-lfs", "version"],
                    [self.python, "-c", "import huggingface_hub"], [self.python.parent / "hf", "--help"]]
        # The first time Python compiles modules, and everything is read from disk: not what is measured here.
        kept, lines, results = [], [], []
        for command in commands:
            name = " ".join([pathlib.Path(command[0]).name, *(str(part) for part in command[1:])]).replace(str(root), "ROOT")
            if shutil.which(command[0], path=self.env["PATH"]):
                kept.append((name, command))
            else:
                lines.append(f"| `{name}` | skipped: not installed |")
        if not shutil.which("hyperfine"):
            self.sections += ["", "## Start-up", "Skipped: hyperfine is not installed."]
            return
        out = self.path("hyperfine.json")
        args = ["hyperfine", "-N", "--warmup", "3", "--runs", "20", "--style", "none", "--export-json", out]
        try:
            measure.run([*args, *(subprocess.list2cmdline(str(part) for part in command) for _, command in kept)], self.env, self.work)
        except Failed as why:
            self.sections += ["", "## Start-up", f"Skipped: hyperfine: {why}"]
            return
        base = None
        for (name, _), result in zip(kept, json.loads(out.read_text())["results"]):
            base = base or result["median"]
            results.append({"name": name, "median_s": result["median"], "min_s": result["min"]})
            lines.insert(len(results) - 1, f"| `{name}` | {result['median'] * 1e3:.1f} | {result['min'] * 1e3:.1f} | {result['median'] / base:.1f} |")
        self.sections += ["", "## Start-up", f"hyperfine, 20 runs after 3. ROOT is {'the harvest above' if self.path('ours').exists() else 'empty'}.", "",
                          "| | median ms | least ms | ptm --version = 1 |", "|-|-|-|-|", *lines]
        self.results["startup"] = results

    # --- all

    def facts(self):
        facts = measure.machine(self.work)
        hub = measure.version(self.env, str(self.python), "-c", "import huggingface_hub as h; print('huggingface_hub', h.__version__)")
        git_lfs = measure.version(self.env, "git-lfs", "version")
        facts["versions"] = ", ".join(filter(None, (
            measure.version(self.env, str(self.ptm), "--version"), (measure.version(self.env, "curl", "--version") or "")[:12].strip(),
            measure.version(self.env, "aria2c", "--version"), measure.version(self.env, "git", "--version"),
            git_lfs and git_lfs.split(" ")[0], hub, measure.version({**self.env, "PATH": self.env["PATH"] + ":/usr/sbin"}, server.find("nginx"), "-v"))))
        self.results["machine"] = facts
        return [f"- {key}: {value}" for key, value in facts.items()]

    def run(self):
        parts = [p for p in ("large", "harvest", "listing", "startup") if p in self.args.only]
        self.sections += ["# Benchmarks", "", *self.facts()]
        for n in self.listings:
            say(f"making {n} models")
            self.pages(n)
        with self.server:
            for part in parts:
                getattr(self, part)()
        text = "\n".join(self.sections) + "\n"
        self.args.out.mkdir(parents=True, exist_ok=True)
        (self.args.out / "results.md").write_text(text)
        (self.args.out / "results.json").write_text(json.dumps(self.results, indent=1) + "\n")
        print(text)


def main():
    parser = argparse.ArgumentParser(description="ptm beside its peers")
    parser.add_argument("--ptm", type=pathlib.Path, required=True)
    parser.add_argument("--peers", type=pathlib.Path, help="virtual environment with huggingface_hub")
    parser.add_argument("--only", default="large,harvest,listing,startup", type=lambda text: text.split(","), help="parts, with commas between")
    parser.add_argument("--rounds", type=int, default=3, help="at most; fewer when time is short")
    parser.add_argument("--size", type=int, default=1024, help="of the large file, MiB")
    parser.add_argument("--repos", type=int, default=200)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench")
    args = parser.parse_args()
    unknown = set(args.only) - {"large", "harvest", "listing", "startup"}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    lack = server.missing()
    if lack:
        print(f"bench: not installed: {', '.join(lack)}; all parts need them (Debian: apt-get install nginx-light fcgiwrap git)", file=sys.stderr)
        return 77
    args.out.mkdir(parents=True, exist_ok=True)
    # On the disk of the build, not in /tmp: that may be memory, and syncing would cost nothing.
    with tempfile.TemporaryDirectory(prefix="work-", dir=args.out) as work:
        Bench(args, pathlib.Path(work).resolve()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
