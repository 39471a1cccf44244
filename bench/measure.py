# SPDX-License-Identifier: MIT
"""Running programs and telling what they cost: wall time, CPU seconds and the largest resident set, the median of several rounds.

Subjects of one comparison take turns (a, b, c, a, b, c ..), so that a machine that is busy for a while is so for all of them. Nothing is
ever asserted about a time.
"""
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

TIME = "/usr/bin/time"
TIMEOUT = 300  # no single run takes that long on any machine worth measuring on


class Failed(Exception):
    """A subject did not do its work: it is left out, and the report says why."""


class Cost:
    """What one run cost. rss: of the largest single process among the program and what it started (KiB)."""

    def __init__(self, wall, cpu, rss):
        self.wall, self.cpu, self.rss, self.more = wall, cpu, rss, {}


def run(command, env, cwd, ok=(0,)):
    """One run of a command (a list, or a string for sh). Started by time(1): a child of ours would begin with our own peak memory."""
    argv = ["sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
    with tempfile.NamedTemporaryFile("r") as figures, tempfile.TemporaryFile("w+") as said:
        if os.access(TIME, os.X_OK):
            argv = [TIME, "-q", "-f", "%M", "-o", figures.name, *argv]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        try:
            status = subprocess.run(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=TIMEOUT, check=False).returncode
        except subprocess.TimeoutExpired as late:
            raise Failed(f"not done after {TIMEOUT} s") from late
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if status not in ok:
            said.seek(0)
            raise Failed(f"exit status {status}: {said.read()[-400:].strip()}")
        rss = figures.read().split()
        return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(rss[-1]) if rss else None)


class Subject:
    """One way of doing the job. before and after run untimed in each round; after may add figures to cost.more or raise Failed."""

    def __init__(self, name, command, env, cwd, needs=(), before=None, after=None, ours=False, note="", group=None):
        self.name, self.command, self.env, self.cwd = name, command, env, cwd
        self.needs, self.before, self.after, self.ours, self.note, self.group = needs, before, after, ours, note, group
        self.costs, self.skipped = [], None

    def lacks(self):
        return [name for name in self.needs if not shutil.which(name, path=self.env["PATH"]) and not os.access(name, os.X_OK)]

    def round(self):
        try:
            if self.before:
                self.before()
            cost = run(self.command, self.env, self.cwd)
            if self.after:
                self.after(cost)
            self.costs.append(cost)
        except Failed as why:
            self.skipped = f"failed: {why}"

    def wall(self):
        return statistics.median(cost.wall for cost in self.costs)

    def figures(self):
        """The medians, as the report and the JSON file have them."""
        out = {"wall_s": self.wall(), "wall_min_s": min(c.wall for c in self.costs), "wall_max_s": max(c.wall for c in self.costs),
               "cpu_s": statistics.median(c.cpu for c in self.costs), "runs": len(self.costs)}
        if self.costs[0].rss is not None:
            out["rss_mib"] = statistics.median(c.rss for c in self.costs) / 1024
        for key in self.costs[0].more:
            out[key] = statistics.median(c.more[key] for c in self.costs)
        return out


def compare(subjects, rounds, until, say):
    """Lets the subjects take turns; those that cannot run or fail are marked and left out. The first round is always run, a further one only
    if one like the last would be over at the time until (of the monotonic clock): a busy machine gets fewer rounds, not a longer day."""
    took = 0
    for subject in subjects:
        lack = subject.lacks()
        if lack:
            subject.skipped = f"not installed: {', '.join(str(name) for name in lack)}"
    for number in range(rounds):
        start = time.monotonic()
        if number and start + took > until:
            say(f"  no time for more than {number} of {rounds} rounds")
            break
        for subject in subjects:
            if not subject.skipped:
                say(f"  round {number + 1} of {rounds}: {subject.name}")
                subject.round()
        took = time.monotonic() - start


def table(subjects, columns):
    """A Markdown table. columns: (title, key of figures(), format). The ratio is that of wall times, to the first subject of ours in the group."""
    lines = ["| | runs | wall s (min-max) | CPU s | " + "".join(f"{title} | " for title, _, _ in columns) + "peak RSS MiB | time, ptm = 1 |",
             "|-|-|-|-|" + "-|" * len(columns) + "-|-|"]
    for subject in subjects:
        if subject.skipped:
            lines.append(f"| {subject.name} | skipped: {' '.join(subject.skipped.split())[:300]} |" + " |" * (len(columns) + 4))
            continue
        f = subject.figures()
        ours = next((s for s in subjects if s.ours and not s.skipped and s.group == subject.group), None)
        digits = 2 if f["wall_s"] >= 0.1 else 3
        cells = [str(f["runs"]), "{:.{d}f} ({:.{d}f}-{:.{d}f})".format(f["wall_s"], f["wall_min_s"], f["wall_max_s"], d=digits),
                 f"{f['cpu_s']:.{digits}f}"]
        cells += [form.format(f[key]) if key in f else "" for _, key, form in columns]
        cells += [f"{f['rss_mib']:.0f}" if "rss_mib" in f else "unknown", f"{f['wall_s'] / ours.wall():.2f}" if ours else ""]
        lines.append(f"| {subject.name} | " + " | ".join(cells) + " |")
    return lines + [""] + [f"- {s.name}: {s.note}" for s in subjects if s.note and not s.skipped]


def disk_used(path):
    """Bytes on disk of a tree, hard links counted once."""
    return int(subprocess.run(["du", "-s", "--block-size=1", str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0])


def version(env, *command):
    """First line of what a program says of its version, or None."""
    if not shutil.which(command[0], path=env["PATH"]) and not os.access(command[0], os.X_OK):
        return None
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False)
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def machine(folder):
    """What the figures depend on."""
    def first(path, key):
        try:
            lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)
    memory = first("/proc/meminfo", "MemTotal")
    flags = (first("/proc/cpuinfo", "flags") or "").split()
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return {"cpu": f"{first('/proc/cpuinfo', 'model name') or platform.machine()}, {os.cpu_count()} cores"
                   f"{', SHA extensions' if 'sha_ni' in flags else ''}{', virtual' if 'hypervisor' in flags else ''}",
            "memory": f"{int(memory.split()[0]) / 1048576:.0f} GiB" if memory else "unknown",
            "system": f"Linux {platform.release().split('-')[0]}, file system {kind or 'unknown'}",
            "load before": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())}
