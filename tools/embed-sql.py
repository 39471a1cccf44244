#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns src/catalog/schema/NNN_*.sql into a C header, so that no file has to be found at run time.

usage: embed-sql.py OUTPUT FILE...   (FILEs in the order of their numbers, which start at 1 and have no gaps)
"""
import os
import sys

def c_bytes(data):
    """The bytes as the items of an unsigned char array, 24 a line."""
    items = [str(byte) for byte in data] + ["0"]
    return ",\n    ".join(",".join(items[i:i + 24]) for i in range(0, len(items), 24))


def main(argv):
    out, files = argv[1], sorted(argv[2:], key=os.path.basename)
    text = ["/* Made by tools/embed-sql.py from src/catalog/schema. */"]
    names = []
    for number, path in enumerate(files, 1):
        name = os.path.basename(path)
        if int(name.split("_")[0]) != number:
            sys.exit(f"{name}: expected number {number:03d}")
        with open(path, "rb") as file:
            text.append(f"static const unsigned char migration_{number:03d}[] = {{\n    {c_bytes(file.read())}}};")
        names.append(f'    {{"{name}", migration_{number:03d}}},')
    text.append("static const struct migration MIGRATIONS[] = {\n" + "\n".join(names) + "\n};\n")
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(text))


main(sys.argv)
