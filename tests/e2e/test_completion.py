# SPDX-License-Identifier: MIT
"""Completion of `ptm` in real shells, as their users would see it: bash and zsh sit at a pseudo terminal, fish has `complete -C` for it.

For each line the shell says what it would put in place of the last word, all completions at once and quoted in its own way; the same shell then
reads that again, so that a name that was quoted wrongly comes out as another."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from conftest import PTM

DEADLINE = 120  # seconds, for all lines together; they need one

# A key that puts all completions into the line, and one that writes the line down.
BASHRC = r"""PS1= PS2=
source @script@
written() { printf '%s\n' "$READLINE_LINE" >>@answers@; READLINE_LINE= READLINE_POINT=0; }
bind -x '"\C-g": written'
bind '"\C-t": insert-completions'
"""
# One key that does both, for all lines.
ZSHRC = """PS1= PS2= RPS1=
fpath=(~/site $fpath)
autoload -Uz compinit && compinit -D -u
all() { _main_complete; compstate[insert]=all }
zle -C all complete-word all
each() {
    local line
    for line in ${(f)"$(<@lines@)"}; do
        BUFFER=$line CURSOR=$#line
        zle all
        print -r -- "$BUFFER" >>@answers@
    done
    BUFFER=
}
zle -N each && bindkey '^G' each
"""
FISH = """while read --line line
    printf '%s ' (complete --escape -C $line | string replace -r '\\t.*' '') >>@answers@
    echo >>@answers@
end <@lines@
"""

VERBS = "clone completion config failures help list parse retry run schema setup show split status torch verify version weights"
TORCH = "cache check dir download fetch help init list load show trust weights"
EVERY = "--color --help --json --log --progress --quiet --verbose --version"
NAMES = ["a$b.pt", "it's.pt", 'm"q.pt', "my model.pt", "semi;colon&.pt", "star*.pt", "we:ird=1.pt", "ünï [1].pt"]
# What is typed, and what the last word of it may become.
LINES = {
    "ptm ": VERBS,
    "ptm sta": "status",
    "ptm torch ": TORCH,
    "ptm torch c": "cache check",
    "ptm weights ": "convert ls scan",
    "ptm lfs": "",  # hidden
    # Options, and their values, between the words of a verb.
    "ptm --quiet torch c": "cache check",
    "ptm --log net:debug torch c": "cache check",
    "ptm --hub-dir d torch c": "cache check",
    "ptm torch --hub-dir d c": "cache check",
    "ptm --ver": "--verbose --version",
    # A verb's word as an operand is no verb.
    "ptm torch list help --ru": "--run",
    "ptm torch help list --ru": "",
    "ptm run list --to": "--top",
    "ptm help torch tr": "trust",
    "ptm help list ": "",
    # Options of the verb, none behind --.
    "ptm torch trust --": EVERY + " --hub-dir",
    "ptm torch list --re": "--refresh --retries --rewrite",
    "ptm torch list --json=yes --re": "--refresh --retries --rewrite",
    "ptm run --rewrite https://a.b/=http://c/ --rewr": "--rewrite",
    "ptm torch list acme/model:v1 --re": "--refresh --retries --rewrite",
    "ptm torch list -- --re": "",
    # Their values.
    "ptm torch list --source ": "github local",
    "ptm torch list --source=": "github local",
    "ptm torch list --source gi": "github",
    "ptm torch list --source=gi": "github",
    "ptm --color=al": "always",
    "ptm torch download u --hash ": "",
    "ptm torch load x y -o s": "sub dir",
    "ptm torch load x y --out s": "sub dir",
    "ptm torch load x y --out=s": "sub dir",
    "ptm torch load x y --python st": "star*.pt",
    "ptm run --ca-bundle sta": "star*.pt",
    # Operands.
    "ptm run hugg": "huggingface",
    "ptm run -j 4 huggingface model": "modelhub modelzoo",
    "ptm torch cache ": "ls prune rm verify",
    "ptm torch cache rm ": "",
    "ptm torch trust r": "rm",
    "ptm completion ": "bash fish zsh",
    "ptm torch fetch s": "",
    "ptm torch weights s": "",
    "ptm torch list s": ["semi;colon&.pt", "star*.pt", "sub dir"],
    "ptm weights ls zz": "",
    "ptm weights convert my\\ model.pt m": ['m"q.pt', "my model.pt"],
    "ptm weights ls 'my": "my model.pt",
    **{f"ptm weights ls {name[:1]}": name for name in NAMES if name[0] not in "sm"},
}


def filled_in(text, folder):
    """The files' places."""
    for name in ("script", "lines", "answers"):
        text = text.replace(f"@{name}@", str(folder / name))
    return text


def environment(folder):
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}


class Terminal:
    """A shell that believes that somebody sits before it."""

    def __init__(self, argv, folder):
        self.answers = folder / "answers"
        self.answers.write_text("")
        self.said = b""
        self.end = time.monotonic() + DEADLINE
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder / "here")
            os.execvpe(argv[0], argv, environment(folder))

    def type(self, keys, until):
        """Types, and waits until so many answers are there in all."""
        os.write(self.fd, keys.encode())
        while time.monotonic() < self.end:
            if self.answers.read_text().count("\n") >= until:
                return
            if select.select([self.fd], [], [], 0.01)[0]:
                self.said += os.read(self.fd, 65536)
        pytest.fail(f"no answer {until}; the shell said: {self.said[-2000:]}")

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def typed_in_bash(folder, lines):
    (folder / "rc").write_text(filled_in(BASHRC, folder))
    shell = Terminal(["bash", "--noprofile", "--rcfile", str(folder / "rc"), "-i"], folder)
    try:
        shell.type("\x07", 1)  # it is ready
        for n, line in enumerate(lines):
            shell.type(line + "\x14\x07", n + 2)
        return shell.answers.read_text().split("\n")[1:-1]
    finally:
        shell.close()


def typed_in_zsh(folder, lines):
    (folder / "site").mkdir()
    shutil.copy(folder / "script", folder / "site/_ptm")
    (folder / ".zshrc").write_text(filled_in(ZSHRC, folder))
    shell = Terminal(["zsh", "-d", "-i"], folder)
    try:
        shell.type("\x07", len(lines))
        return shell.answers.read_text().split("\n")[:-1]
    finally:
        shell.close()


def typed_in_fish(folder, lines):
    (folder / "config/fish/completions").mkdir(parents=True)
    shutil.copy(folder / "script", folder / "config/fish/completions/ptm.fish")
    done = subprocess.run(["fish", "-c", filled_in(FISH, folder)], cwd=folder / "here", env=environment(folder),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (folder / "answers").read_text().split("\n")[:-1]


SHELLS = {"bash": typed_in_bash, "zsh": typed_in_zsh, "fish": typed_in_fish}


def last_word(line):
    return line[line.rindex(" ") + 1:]


def offered(line, answer):
    """What came in place of the line's last word, without what was there and stays: "" when nothing came."""
    typed = last_word(line)
    after = answer.removeprefix(line.removesuffix(typed)).strip()
    return "" if after == typed else re.sub(r"(^| )--[a-z-]+=(?=.)", r"\1", after)


def read_again(shell, folder, texts):
    """The words that the shell makes of each text."""
    script = "".join(f"printf '%s\\n' {text}\nprintf '%s\\n' =\n" for text in texts)
    done = subprocess.run([shell, *(["-f"] if shell == "zsh" else []), "-c", script], cwd=folder / "here", env=environment(folder),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")
    words = [[]]
    for line in done.stdout.splitlines():
        if line == "=":
            words.append([])
        else:
            words[-1].append(line)
    return words[:-1]


def plain(word):
    """A folder ends with / in some shells, an option that needs a value with = in zsh."""
    return word[:-1] if word[-1:] in ("/", "=") else word


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_in_a_real_shell(tmp_path, shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    here = tmp_path / "here"
    (here / "sub dir").mkdir(parents=True)
    for name in NAMES:
        (here / name).write_text("")
    (tmp_path / "lines").write_text("".join(f"{line}\n" for line in LINES))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ptm").symlink_to(os.path.abspath(PTM))  # fish loads completions of commands that there are
    (tmp_path / "script").write_text(subprocess.run([PTM, "completion", shell], capture_output=True, text=True, check=True).stdout)
    answers = SHELLS[shell](tmp_path, list(LINES))
    texts = [offered(line, answer) for line, answer in zip(LINES, answers, strict=True)]
    given = dict(zip(LINES, read_again(shell, tmp_path, texts), strict=True))
    for line, wanted in LINES.items():
        # Whole names stand for themselves; else it is a list of words.
        words = wanted if isinstance(wanted, list) else [wanted] if wanted in [*NAMES, "sub dir"] else wanted.split()
        got = sorted(plain(word) for word in given[line] if word)
        if line.endswith("--"):  # zsh and fish offer the letters, too
            got = [word for word in got if word.startswith("--")]
        assert got == sorted(words), f"{shell}: {line!r}"


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not here")
def test_the_script_of_zsh_can_be_sourced(tmp_path):
    """As `source <(ptm completion zsh)`, which others' scripts allow."""
    (tmp_path / "here").mkdir()
    script = f"autoload -Uz compinit && compinit -D -u; source <({PTM} completion zsh); print -r -- $_comps[ptm]"
    done = subprocess.run(["zsh", "-f", "-c", script], cwd=tmp_path, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=DEADLINE)
    assert (done.stdout, done.stderr) == ("_ptm\n", "")
