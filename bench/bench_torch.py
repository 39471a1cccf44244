#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ptm torch beside torch.hub, curl and openssl, in one run. Started by tools/bench torch.

    bench_torch.py --ptm PTM [--python PYTHON] [--size MiB] [--rounds N] [--only list,download] [--out DIR] [--fast-dir DIR]

PYTHON has torch (default: /usr/bin/python3). list: whole processes that list and explain the entry points of a repository in the cache, the
same cache for both, with the ref given, so that torch.hub asks no server. download: one file of that size with its hash, from nginx on
loopback to tmpfs. Subjects take turns; prints Markdown with medians and ratios, and writes it to OUT/torch.md. It asserts nothing about time,
only that each subject did the whole job.
"""
import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

import measure
from measure import Failed, Subject
from server import Server, missing

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUDGET = 300
START = time.monotonic()

ENTRY = '''
def net{n}(pretrained: bool = False, progress: bool = True, **kwargs):
    """Network {n}.

    Args:
        pretrained (bool): with the weights of the paper
        progress (bool): show a progress bar

    Example:
        >>> net = torch.hub.load("acme/model", "net{n}", pretrained=True)
    """
    net = _Net({n}, **kwargs)
    if pretrained:
        net.load_state_dict(_load(_URL.format({n}), progress=progress, check_hash=True))
    return net
'''
HUBCONF = '''"""Entry points of a repository of ordinary size."""
import torch as _torch
from torch.hub import load_state_dict_from_url as _load

from acme.net import Net as _Net
from acme.blocks import small, large

dependencies = ["torch"]
_URL = "https://files.example.org/net{}-0123abcd.pth"
''' + "".join(ENTRY.format(n=n) for n in range(12))
NET = '''import torch
from torch import nn

from .blocks import Block


class Net(nn.Module):
    """A network."""
    def __init__(self, depth=1, width=8):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))

    def forward(self, x):
        return self.blocks(x)
'''
BLOCKS = '''from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.line = nn.Linear(width, width)

    def forward(self, x):
        return self.line(x) + x


def small(**kwargs):
    """A small one."""
    return Block(4, **kwargs)


def large(**kwargs):
    """A large one."""
    return Block(4096, **kwargs)
'''
REPO = "acme/model:main"
NAMES = sorted(["small", "large", *(f"net{n}" for n in range(12))])


def say(text):
    print(f"{time.monotonic() - START:4.0f} s {text}", file=sys.stderr, flush=True)


def spawn(argv, env, out=os.devnull):
    """Seconds from posix_spawn to the end: nothing of ours is in between, since milliseconds count here."""
    actions = [(os.POSIX_SPAWN_OPEN, 1, str(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)]
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - start
    if status != 0:
        raise Failed(f"{' '.join(argv)[:200]}: status {status}")
    return took


class Bench:
    def __init__(self, args, work):
        self.args, self.work, self.ptm, self.python = args, work, str(args.ptm.resolve()), str(args.python)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(work), "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TORCH_HOME": str(work / "torch")}
        self.sections = ["# torch.hub", ""]

    def fill_cache(self):
        repo = self.work / "torch/hub/acme_model_main"
        for name, text in {"hubconf.py": HUBCONF, "acme/__init__.py": "", "acme/net.py": NET, "acme/blocks.py": BLOCKS}.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(text)

    # --- whole processes

    def turns(self, title, text, ours, theirs, others=()):
        """Medians of taking turns: ours often, since it is over in no time."""
        say(title)
        subjects = {"ours": ours, "theirs": theirs, **dict(others)}
        times = {name: [] for name in subjects}
        for _ in range(self.args.rounds):
            for name, (_, argv) in subjects.items():
                times[name] += [spawn(argv, self.env) for _ in range(1 if name == "theirs" else 10)]
        ms = {name: statistics.median(took) * 1000 for name, took in times.items()}
        self.sections += ["", f"## {title}", text, "", "| | runs | median ms (min-max) | time, ptm = 1 |", "|-|-|-|-|"]
        for name, (label, _) in subjects.items():
            few, many = min(times[name]) * 1000, max(times[name]) * 1000
            self.sections.append(f"| {label} | {len(times[name])} | {ms[name]:.1f} ({few:.1f}-{many:.1f}) | {ms[name] / ms['ours']:.1f} |")

    def list(self):
        self.fill_cache()
        both = ("list", ""), ("help", ", 'net3'")
        for verb, more in both:
            code = f"import torch; print(torch.hub.{verb}('{REPO}'{more}, skip_validation=True, trust_repo=True))"
            ours = [self.ptm, "torch", verb, REPO, *(["net3"] if more else [])]
            theirs = [self.python, "-c", code]
            told = self.work / "told"
            for argv in (ours, theirs):
                spawn(argv, self.env, told)  # warms the page cache, too
                text = told.read_text()
                if not all(name in text for name in (["Network 3.", "pretrained (bool)"] if more else NAMES)):
                    raise Failed(f"{argv[0]} {verb} told something else: {text[:300]}")
            self.turns(f"torch.hub.{verb} of a cached repository", "A program of its own, Python and `import torch` included.",
                       (f"ptm torch {verb}", ours), (f"python -c 'import torch; torch.hub.{verb}(..)'", theirs),
                       {"start": ("ptm --version: starting alone", [self.ptm, "--version"]),
                        "import": ("python -c 'import torch' alone", [self.python, "-c", "import torch"])} if verb == "list" else ())

    # --- one large file

    def download(self):
        lack = missing()
        if lack:
            self.sections.append(f"- download: skipped, not installed: {', '.join(lack)}")
            return
        with tempfile.TemporaryDirectory(dir=self.args.fast_dir, prefix="ptm-bench-") as folder, Server(folder, ()) as server:
            say(f"making a file of {self.args.size} MiB")
            oid, size = server.large(self.args.size << 20, "file")
            self.compare_downloads(pathlib.Path(folder), f"{server.base}/lfs/{oid}", oid, size)

    def compare_downloads(self, folder, url, oid, size):
        dst, said = folder / "dst.bin", folder / "said"

        def clear():
            for path in (dst, said):
                path.unlink(missing_ok=True)

        def whole(cost):
            if dst.stat().st_size != size:
                raise Failed("the file is not whole")
            if said.exists() and oid not in said.read_text():
                raise Failed("openssl tells another hash")
            cost.more["rate"] = size / 1e6 / cost.wall

        def subject(name, command, ours=False, needs=(), check=whole):
            return Subject(name, command, self.env, folder, needs=needs, before=clear, after=check, ours=ours)

        def hashed(cost):
            if oid not in said.read_text():
                raise Failed("openssl tells another hash")
            cost.more["rate"] = size / 1e6 / cost.wall

        code = f"import torch; torch.hub.download_url_to_file('{url}', '{dst}', hash_prefix='{oid[:16]}', progress=False)"
        subjects = [
            subject("ptm torch download --hash", [self.ptm, "torch", "download", url, dst, "--hash", oid[:16], "-q"], ours=True),
            subject("curl URL \\| openssl dgst -sha256, nothing kept", f"curl -sf '{url}' | openssl dgst -sha256 > said", needs=["curl", "openssl"],
                    check=hashed),
            subject("curl URL \\| tee DST \\| openssl dgst -sha256", f"curl -sf '{url}' | tee '{dst}' | openssl dgst -sha256 > said",
                    needs=["curl", "openssl"]),
            subject("curl -o DST URL, no hash", ["curl", "-sf", "-o", dst, url], needs=["curl"]),
            subject("torch.hub.download_url_to_file(hash_prefix=..)", [self.python, "-c", code]),
        ]
        say("download")
        measure.compare(subjects, self.args.rounds, START + BUDGET, say)
        self.sections += ["", f"## A file of {self.args.size} MiB with its SHA-256, from nginx on loopback to tmpfs",
                          "ptm and torch.hub keep it only when its hash is right.", "", *measure.table(subjects, [("MB/s", "rate", "{:.0f}")])]

    def run(self):
        self.sections += [f"- {key}: {value}" for key, value in measure.machine(self.work).items()]
        self.sections.append("- versions: " + ", ".join(filter(None, (
            measure.version(self.env, self.ptm, "--version"), measure.version(self.env, self.python, "-c", "import torch; print('torch', torch.__version__)"),
            measure.version(self.env, "curl", "--version"), measure.version(self.env, "openssl", "version")))))
        for part in self.args.only:
            getattr(self, part)()
        text = "\n".join(self.sections) + "\n"
        (self.args.out / "torch.md").write_text(text)
        print(text)


def main():
    parser = argparse.ArgumentParser(description="ptm torch beside its peers")
    parser.add_argument("--ptm", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path, default=pathlib.Path("/usr/bin/python3"))
    parser.add_argument("--size", type=int, default=1024, help="of the file, MiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="list,download", type=lambda text: text.split(","))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--fast-dir", type=pathlib.Path, default=pathlib.Path("/dev/shm"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="torch-", dir=args.out) as work:
        Bench(args, pathlib.Path(work).resolve()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
