#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ptm's checkpoint readers beside torch.load, safetensors, picklescan and cp, on the same files, in one run. Started by tools/bench weights.

    bench_weights.py --ptm PTM --python PYTHON [--peers DIR] [--size MiB] [--rounds N] [--only ls,read,scan,convert] [--out DIR] [--fast-dir DIR]

PYTHON has the ptmtorrent package (tools/python-wheel) and torch, DIR is the environment of tools/test-weights-peers (safetensors,
picklescan). Prints Markdown with medians and ratios, and writes it to OUT/weights.md. It asserts nothing about time, only that each subject
did the whole job.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import measure
from measure import Failed, Subject

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUDGET = 420
START = time.monotonic()

MAKE = """
import collections, pickle, sys, torch
folder, mib, few = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(0)
rows = 1024
state = collections.OrderedDict()
left, n = mib << 20, 0
while left > 0:  # layers of a transformer: one large matrix, a vector, a scalar
    state[f"model.layers.{n}.weight"] = torch.empty(rows, 4096).normal_()
    state[f"model.layers.{n}.bias"] = torch.zeros(rows)
    state[f"model.layers.{n}.steps"] = torch.tensor(n)
    left -= rows * 4096 * 4 + rows * 4 + 8
    n += 1
torch.save(state, f"{folder}/large.pth")
import os
os.makedirs(f"{folder}/many", exist_ok=True)
for i in range(few):
    torch.save({f"layer.{j}.weight": torch.full((8, 8), float(j)) for j in range(60)}, f"{folder}/many/{i:04d}.pth")
records = [{"name": f"sample-{i}", "values": [i, i * 0.5, None, True], "tags": ("a", str(i))} for i in range(400_000)]
with open(f"{folder}/objects.pkl", "wb") as file:
    pickle.dump(records, file, 4)
"""

# Every byte is looked at: as 64-bit words, which costs all of them the same.
TOUCH = """
def touch(state):
    total = 0
    for tensor in state.values():
        flat = tensor.detach().contiguous().view(-1)
        if flat.numel() % 2 == 0 and flat.element_size() == 4:
            flat = flat.view(torch.int64)
        total ^= int(flat.view(torch.int64).sum()) if flat.element_size() == 8 else 0
    print(len(state), total)
"""
READS = {
    "ptmtorrent.weights.load (pth)": "import torch\nfrom ptmtorrent import weights\n" + TOUCH + "touch(weights.load('large.pth'))",
    "torch.load (pth)": "import torch\n" + TOUCH + "touch(torch.load('large.pth'))",
    "ptmtorrent.weights.load (safetensors)": "import torch\nfrom ptmtorrent import weights\n" + TOUCH + "touch(weights.load('large.safetensors'))",
    "safetensors.torch.load_file": "import torch\nfrom safetensors.torch import load_file\n" + TOUCH + "touch(load_file('large.safetensors'))",
    "import torch alone (in all of the above)": "import torch",
}
LIST = "import torch\nfor name, tensor in torch.load('large.pth', map_location='cpu').items(): print(name, tensor.dtype, tuple(tensor.shape))"


def say(text):
    print(f"{time.monotonic() - START:4.0f} s {text}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, args, work):
        self.args, self.work, self.ptm = args, work, args.ptm.resolve()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(work), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        self.peer = str(args.peers.absolute() / "bin/python") if args.peers else "none/peers (tools/bench weights --peers)"
        self.picklescan = str(args.peers.absolute() / "bin/picklescan") if args.peers else "none/picklescan"
        self.sections = ["# Checkpoints", ""]

    def make(self):
        say(f"making a checkpoint of {self.args.size} MiB, {self.args.few} small ones, and one of objects")
        subprocess.run([str(self.args.python), "-c", MAKE, str(self.work), str(self.args.size), str(self.args.few)], check=True)
        subprocess.run([str(self.ptm), "weights", "convert", "large.pth", "large.safetensors", "-q"], check=True, cwd=self.work,
                       env=self.env, stdout=subprocess.DEVNULL)
        subprocess.run(["sync"], check=True)
        for path in self.work.rglob("*"):  # all of it in memory, for everybody
            if path.is_file():
                path.read_bytes()

    def subject(self, name, command, needs=(), ours=False, note="", **more):
        return Subject(name, command, self.env, self.work, needs=needs, ours=ours, note=note, **more)

    def section(self, share, title, text, subjects):
        say(title)
        measure.compare(subjects, self.args.rounds, START + BUDGET * share, say)
        columns = []
        if "MB/s" in text:
            columns = [("MB/s", "rate", "{:.0f}")]
            for cost in (cost for subject in subjects for cost in subject.costs):
                cost.more["rate"] = os.path.getsize(self.work / "large.pth") / 1e6 / cost.wall
        self.sections += ["", f"## {title}", text, "", *measure.table(subjects, columns)]

    def ls(self):
        self.section(0.2, f"The table of a checkpoint of {self.args.size} MiB", "Names, dtypes and shapes, as a program of its own.", [
            self.subject("ptm weights ls", [self.ptm, "weights", "ls", "large.pth"], ours=True),
            self.subject("python: torch.load, then a line a tensor", [self.args.python, "-c", LIST], needs=[str(self.args.python)]),
        ])

    def read(self):
        subjects = []
        for name, code in READS.items():
            python = self.peer if "safetensors.torch" in name else str(self.args.python)
            subjects.append(self.subject(name, [python, "-c", code], needs=[python], ours=name.startswith("ptmtorrent.weights.load (pth)")))
        self.section(0.55, f"Reading all of a checkpoint of {self.args.size} MiB into torch tensors",
                     "Every byte is looked at; a program of its own, Python and `import torch` included, the file in the page cache.", subjects)

    def scan(self):
        for share, title, target in ((0.62, f"Scanning {self.args.few} checkpoints of 60 tensors", "many"),
                                     (0.7, "Scanning one pickle of 400,000 records", "objects.pkl"),
                                     (0.75, f"Scanning one checkpoint of {self.args.size} MiB", "large.pth")):
            text = "ptm reads every byte (CRC of every member, pickles hidden in tensors); picklescan looks at the first bytes of a member " \
                   "and disassembles pickles."
            self.section(share, title, text, [
                self.subject("ptm weights scan", [self.ptm, "weights", "scan", target], ours=True),
                self.subject("ptm weights scan -j 1", [self.ptm, "weights", "scan", "-j", "1", target]),
                self.subject("picklescan", [self.picklescan, "-p", target], needs=[self.picklescan]),
            ])

    def convert_in(self, folder, share, where):
        def clear():
            for name in ("out.safetensors", "copy.pth"):
                (folder / name).unlink(missing_ok=True)

        def whole(name):
            def check(_):
                if (folder / name).stat().st_size < (self.work / "large.safetensors").stat().st_size * 0.99:
                    raise Failed("the copy is not whole")
            return check

        source = folder / "large.pth"
        if not source.exists():
            shutil.copy(self.work / "large.pth", source)
        self.section(share, f"Converting {self.args.size} MiB to safetensors, {where}", "MB/s of what is read. ptm has called fsync before it ends.", [
            self.subject("ptm weights convert", [self.ptm, "weights", "convert", source, folder / "out.safetensors"], ours=True, before=clear,
                         after=whole("out.safetensors")),
            self.subject("cp", ["cp", "--reflink=never", source, folder / "copy.pth"], before=clear, after=whole("copy.pth")),
            self.subject("cp, then sync FILE", f"cp --reflink=never '{source}' '{folder}/copy.pth' && sync '{folder}/copy.pth'", before=clear,
                         after=whole("copy.pth")),
        ])
        clear()

    def convert(self):
        self.convert_in(self.work, 0.9, "on disk")
        if self.args.fast_dir and shutil.disk_usage(self.args.fast_dir).free > (self.args.size << 20) * 4:
            with tempfile.TemporaryDirectory(dir=self.args.fast_dir) as folder:
                self.convert_in(pathlib.Path(folder), 1, "in memory (tmpfs)")

    def run(self):
        self.sections += [f"- {key}: {value}" for key, value in measure.machine(self.work).items()]
        versions = "import torch; print('torch', torch.__version__)"
        self.sections.append("- versions: " + ", ".join(filter(None, (
            measure.version(self.env, str(self.ptm), "--version"), measure.version(self.env, str(self.args.python), "-c", versions),
            measure.version(self.env, self.peer, "-c", "import safetensors; print('safetensors', safetensors.__version__)"),
            measure.version(self.env, self.peer, "-c", "from importlib.metadata import version; print('picklescan', version('picklescan'))")))))
        self.make()
        for part in self.args.only:
            getattr(self, part)()
        text = "\n".join(self.sections) + "\n"
        self.args.out.mkdir(parents=True, exist_ok=True)
        (self.args.out / "weights.md").write_text(text)
        print(text)


def main():
    parser = argparse.ArgumentParser(description="ptm's checkpoint readers beside their peers")
    parser.add_argument("--ptm", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    parser.add_argument("--peers", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=2048, help="of the large checkpoint, MiB")
    parser.add_argument("--few", type=int, default=1000, help="small checkpoints")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="ls,read,scan,convert", type=lambda text: text.split(","))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--fast-dir", type=pathlib.Path, default=pathlib.Path("/dev/shm"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weights-", dir=args.out) as work:
        bench = Bench(args, pathlib.Path(work).resolve())
        bench.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
