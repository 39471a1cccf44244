#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns files into a C header, so that none has to be found at run time.

usage: embed.py migrations OUTPUT FILE...   src/catalog/schema/NNN_*.sql (numbers start at 1 and have no gaps)
       embed.py text OUTPUT NAME FILE       one file as the array NAME, with a NUL after it
"""
import os
import sys


def c_array(name, path):
    """The bytes of a file as an unsigned char array, 24 a line."""
    with open(path, "rb") as file:
        items = [str(byte) for byte in file.read()] + ["0"]
    lines = ",\n    ".join(",".join(items[i:i + 24]) for i in range(0, len(items), 24))
    return f"static const unsigned char {name}[] = {{\n    {lines}}};"


def migrations(*paths):
    text, names = [], []
    for number, path in enumerate(sorted(paths, key=os.path.basename), 1):
        name = os.path.basename(path)
        if int(name.split("_")[0]) != number:
            sys.exit(f"{name}: expected number {number:03d}")
        text.append(c_array(f"migration_{number:03d}", path))
        names.append(f'    {{"{name}", migration_{number:03d}}},')
    return text + ["static const struct migration MIGRATIONS[] = {\n" + "\n".join(names) + "\n};"]


def text(name, path):
    return [c_array(name, path)]


def main(argv):
    kind, out, rest = {"migrations": migrations, "text": text}[argv[1]], argv[2], argv[3:]
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(["/* Made by tools/embed.py. */", *kind(*rest)]) + "\n")


main(sys.argv)
