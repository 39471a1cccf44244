#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs cases of the command line: VERB/CASE.sh in a folder of its own with an environment of its own, `ptm` in PATH. Beside it stand what is expected:
#
#   CASE.exit            exit status; absent: 0
#   CASE.stdout.exact    standard output, byte for byte, or
#   CASE.stdout.glob     standard output as a shell pattern (* ? [..]); absent both: anything
#   CASE.stderr.exact, CASE.stderr.glob    the same for standard error
#
#   PTM=build/src/cli/ptm tests/cli/run.sh [--update] [CASE.sh...]     no case: all
#
# --update writes .exit and the .exact files that are there anew, and never touches a pattern. A case that exits with 77 is skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
update=no
if [ "${1:-}" = --update ]; then update=yes; shift; fi
[ -n "${PTM:-}" ] && [ -x "$PTM" ] || { echo "run.sh: set PTM to the program under test" >&2; exit 1; }
PTM=$(cd "$(dirname "$PTM")" && pwd)/$(basename "$PTM")
[ $# -gt 0 ] || set -- "$here"/*/*.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/bin"
ln -s "$PTM" "$scratch/bin/ptm"

matches() { # matches ACTUAL PATTERN-FILE
    pattern=$(cat "$2")
    case $(cat "$1") in
    $pattern) return 0 ;;
    esac
    return 1
}

compare() { # compare STREAM: prints what differs
    if [ -f "$case.$1.exact" ] && ! cmp -s "$work/$1" "$case.$1.exact"; then
        if [ $update = yes ]; then cp "$work/$1" "$case.$1.exact"; return 0; fi
        echo "--- $1 is not as in $case.$1.exact:"
        diff -u "$case.$1.exact" "$work/$1"
        return 1
    fi
    if [ -f "$case.$1.glob" ] && ! matches "$work/$1" "$case.$1.glob"; then
        echo "--- $1 does not fit $case.$1.glob; it is:"
        cat "$work/$1"
        return 1
    fi
}

passed=0 failed=0 skipped=0
for script in "$@"; do
    script=$(cd "$(dirname "$script")" && pwd)/$(basename "$script")
    case=${script%.sh}
    name=${case#"$here"/}
    work=$scratch/work
    mkdir -p "$work/here" "$work/home"
    (
        cd "$work/here" || exit 1
        exec env -i PATH="$scratch/bin:$PATH" HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" LC_ALL=C.UTF-8 TERM=dumb \
            PROJECT="$project" ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
            sh "$script" >"$work/stdout" 2>"$work/stderr" </dev/null
    )
    status=$?
    expected=0
    [ ! -f "$case.exit" ] || expected=$(cat "$case.exit")
    if [ $status -eq 77 ]; then
        skipped=$((skipped + 1)); echo "skipped: $name: $(cat "$work/stderr")"
        rm -rf "$work"
        continue
    fi
    good=yes
    if [ $status -ne "$expected" ]; then
        if [ $update = yes ]; then echo $status >"$case.exit"; else echo "--- exit status $status, not $expected"; good=no; fi
    fi
    if grep -q -e Sanitizer -e 'runtime error' "$work/stderr"; then echo "--- a sanitizer spoke"; good=no; fi
    compare stdout || good=no
    compare stderr || good=no
    if [ $good = yes ]; then
        passed=$((passed + 1)); echo "ok: $name"
    else
        failed=$((failed + 1)); echo "FAILED: $name"; sed 's/^/    stderr: /' "$work/stderr"
    fi
    rm -rf "$work"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] || exit 1
[ $passed -gt 0 ] || exit 77
