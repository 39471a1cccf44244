#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the sources promise one another: help fits, docs are the tables, exports are the headers, headers stand alone, layers hold.

    lint.py help|docs|advice|man|exports|headers|layers     environment: PTM, LIBPTM, CC (each where needed)

Exit status 77: something needed is not here (it says what).
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PTM = os.environ.get("PTM", "ptm")
problems = []


def complain(text):
    problems.append(text)
    print(text, file=sys.stderr)


def skip(text):
    print(f"skipped: {text}", file=sys.stderr)
    sys.exit(77)


def run(*command, **kwargs):
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=120, **kwargs)


def verbs():
    """Names of the visible verbs, from the table itself."""
    text = (PROJECT / "src/cli/verbs.c").read_text(encoding="utf-8")
    entries = re.split(r"\n    \{\n", text)[1:]
    found = []
    for entry in entries:
        name = re.search(r'\.name = "([^"]+)"', entry)
        if name and "PTMI_VERB_HIDDEN" not in entry:
            found.append(name[1])
    return found


def options():
    """Long names and flags of all options."""
    text = (PROJECT / "src/cli/opts.c").read_text(encoding="utf-8")
    return [(name, "PTMI_OPT_ENV_ONLY" in body) for name, body in re.findall(r'\.name = "([^"]+)",(.*?)\n        \},', text, re.S)]


def lint_help():
    """Help is on standard output, at most 80 columns wide, and tells every option of the verb."""
    calls = [["help"], *[["help", *verb.split()] for verb in verbs()], *[[*verb.split(), "--help"] for verb in verbs()]]
    if len(calls) < 20:
        complain("help: the table of verbs was not understood")
    for call in calls:
        result = run(PTM, *call)
        if result.returncode != 0 or result.stderr:
            complain(f"ptm {call}: exit {result.returncode}, {result.stderr!r} on standard error")
        for line in result.stdout.splitlines():
            if len(line) > 80 or line != line.rstrip():
                complain(f"ptm {call}: {len(line)} columns: {line!r}")
        if len(result.stdout.splitlines()) < 8:
            complain(f"ptm {call}: hardly any help")


def lint_docs():
    """docs/command.md is what the tables say, and names every verb and option."""
    page = PROJECT / "docs/command.md"
    made = run(PTM, "docs", "markdown").stdout
    if page.read_text(encoding="utf-8") != made:
        complain(f"{page}: not what the tables say; make it anew: ptm docs markdown > docs/command.md")
    for verb in verbs():
        if f"\n## ptm {verb}\n" not in made:
            complain(f"docs/command.md: verb {verb} is missing")
    names = options()
    if len(names) < 30:
        complain("docs: the table of options was not understood")
    for name, env_only in names:
        if not env_only and f"--{name}" not in made:
            complain(f"docs/command.md: option --{name} is missing")


def lint_advice():
    """The codes of `ptm torch check` are those that both pages list."""
    sources = [*PROJECT.glob("src/torchhub/check_*.c"), PROJECT / "src/torchhub/publish_check.c"]
    text = re.sub(r"\s+", " ", "".join(path.read_text(encoding="utf-8") for path in sources))
    codes = set(re.findall(r'(?:PTMI_ADVICE\(\w+, |PTM_ADVICE_NOTE, )"([a-z-]+)"', text))
    if len(codes) < 20:
        complain("docs: the codes of torch check were not understood")
    for page in ("docs/torch-hub.md", "docs/zh/torch-hub.md"):
        listed = set(re.findall(r"^\| `([a-z-]+)` \|", (PROJECT / page).read_text(encoding="utf-8"), re.M))
        for code in sorted(codes ^ listed):
            complain(f"{page}: {code} is {'missing' if code in codes else 'no code of torch check'}")


def lint_man():
    """Every verb has a manual page that the build installs, and mandoc has nothing against it."""
    listed = re.search(r"man_verbs = \[(.*?)\]", (PROJECT / "docs/man/meson.build").read_text(encoding="utf-8"), re.S)
    if sorted(re.findall(r"'([^']+)'", listed[1])) != sorted(verbs()):
        complain("docs/man/meson.build: man_verbs is not the list of verbs")
    if not shutil.which("mandoc"):
        skip("mandoc is not here")
    with tempfile.TemporaryDirectory() as folder:
        for verb in [None, *verbs()]:
            page = run(PTM, "docs", "man", *(verb.split() if verb else [])).stdout
            name = "-".join(["ptm", *(verb.split() if verb else [])])
            path = pathlib.Path(folder) / f"{name}.1"
            path.write_text(page, encoding="utf-8")
            for line in run("mandoc", "-T", "lint", "-W", "style", path).stdout.splitlines():
                if "referenced manual not found" not in line:  # ours are not installed yet
                    complain(line)
            if f"\n{name} \\- " not in page.replace("\\-", "-").replace(" - ", " \\- "):
                complain(f"{path.name}: NAME is missing")


def declared():
    """Functions marked PTM_API in the public headers."""
    names = set()
    for header in sorted((PROJECT / "include/ptm").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        for declaration in re.findall(r"^PTM_API\b(.*?);", text, re.S | re.M):
            declaration = re.sub(r"PTM_PRINTF\([^)]*\)", "", declaration)
            name = re.search(r"(\w+)\s*\(", declaration)
            if name:
                names.add(name[1])
    return names


def lint_exports():
    """What libptm exports is what include/ptm declares, and begins with ptm_."""
    library = os.environ.get("LIBPTM", "")
    if not pathlib.Path(library).is_file():
        skip("libptm is not built")
    if not shutil.which("nm"):
        skip("nm is not here")
    exported = set()
    for line in run("nm", "-D", "--defined-only", library).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind in "TDBRVW" and not name.startswith(("__asan", "__odr_asan", "__sanitizer", "__ubsan", "__start_", "__stop_")):
            exported.add(name.split("@")[0])
    if not exported:
        complain(f"{library}: exports nothing")
    for name in sorted(exported - declared()):
        complain(f"{name}: exported by libptm, and no header in include/ptm declares it")
    for name in sorted(declared() - exported):
        complain(f"{name}: declared in include/ptm, and libptm does not export it")
    for name in sorted(exported):
        if not name.startswith("ptm_"):
            complain(f"{name}: exported, and does not begin with ptm_")


def lint_headers():
    """Public headers compile alone as C11 and C++17, ours of the rooms as GNU C11."""
    cc = shlex.split(os.environ.get("CC", "cc"))
    cxx = next((name for name in ("c++", "g++", "clang++", "clang++-14") if shutil.which(name)), None)
    public = sorted((PROJECT / "include/ptm").glob("*.h"))
    private = sorted((PROJECT / "src").rglob("*.h"))
    # The one library whose headers are not where compilers look by themselves, and the one that may be missing.
    xml = run("pkg-config", "--cflags", "libxml-2.0") if shutil.which("pkg-config") else None
    if xml is None or xml.returncode != 0:
        private = [header for header in private if header.name != "xml_lazy.h"]
        print("xml_lazy.h was left out: libxml2 is not here", file=sys.stderr)
    xml_flags = shlex.split(xml.stdout) if xml and xml.returncode == 0 else []
    jobs = [([*cc, "-std=c11", "-pedantic"], "c", header) for header in public]
    if cxx:
        jobs += [([cxx, "-std=c++17", "-pedantic"], "c++", header) for header in public]
    else:
        print("C++ was left out: no compiler for it is here", file=sys.stderr)
    jobs += [([*cc, "-std=gnu11", "-D_GNU_SOURCE", *xml_flags], "c", header) for header in private]
    with tempfile.TemporaryDirectory() as folder:
        for number, (compiler, language, header) in enumerate(jobs):
            source = pathlib.Path(folder) / f"alone_{number}.{'c' if language == 'c' else 'cc'}"
            source.write_text(f'#include "{header}"\n#include "{header}"\nextern int nothing;\nint nothing;\n', encoding="utf-8")
            result = run(*compiler, "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-I", PROJECT / "include", "-fsyntax-only", source)
            if result.returncode != 0:
                complain(f"{header}: does not compile alone as {compiler[1]}:\n{result.stderr}")


def lint_layers():
    """tools/check-layers passes here, and fails on every kind of trespass."""
    checker = PROJECT / "tools/check-layers"
    result = run(checker)
    if result.returncode != 0:
        complain(result.stderr)
    trespasses = {
        "a room above": ("src/net/x.c", '#include "../mirror/mirror.h"\n'),
        "a public header of a room above": ("src/net/x.c", "#include <ptm/store.h>\n"),
        "another room's private header": ("src/mirror/x.c", '#include "../net/net_priv.h"\n'),
        "vocabulary in base": ("src/base/x.c", "#include <ptm/model.h>\n"),
        "indented and spaced": ("src/base/x.c", '  #  include "../cli/cli.h"\n'),
        "a folder that is no room": ("src/attic/x.c", "\n"),
        "a public header that includes ours": ("include/ptm/err.h", '#include "../../src/base/str.h"\n'),
    }
    around = ["src/base/str.h", "src/net/net_priv.h", "src/mirror/mirror.h", "src/cli/cli.h", "include/ptm/store.h"]
    for name, (path, text) in [("nothing wrong", ("src/mirror/y.c", '#include "../base/str.h"\n#include <ptm/store.h>\n')), *trespasses.items()]:
        with tempfile.TemporaryDirectory() as folder:
            for file in [*around, path]:
                target = pathlib.Path(folder) / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text if file == path else "", encoding="utf-8")
            result = run(checker, folder)
            if (result.returncode == 0) != (name == "nothing wrong"):
                complain(f"check-layers: {name}: exit {result.returncode}\n{result.stdout}{result.stderr}")


LINTS = {name[5:]: function for name, function in list(globals().items()) if name.startswith("lint_")}
if len(sys.argv) != 2 or sys.argv[1] not in LINTS:
    sys.exit(f"usage: lint.py {'|'.join(LINTS)}")
LINTS[sys.argv[1]]()
sys.exit(1 if problems else 0)
