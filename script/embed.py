#!/usr/bin/env python3
"""Writes a file into a C source, so that it is part of the program.

usage: embed.py INPUT SYMBOL [OUTPUT]

The source defines `const unsigned char SYMBOL[]`, followed by a NUL byte that
is not counted, and `const size_t SYMBOL_size`. OUTPUT defaults to standard
output. The same input gives the same bytes, so builds stay reproducible.
"""
import os
import re
import sys

PER_LINE = 12


def rows(data):
    for at in range(0, len(data), PER_LINE):
        row = data[at:at + PER_LINE]
        yield "    " + " ".join("0x%02x," % byte for byte in row)


def source(data, symbol, name):
    yield "/* Made by embed.py from %s; do not edit. */" % name
    yield "#include <stddef.h>"
    yield ""
    yield "extern const unsigned char %s[];" % symbol
    yield "extern const size_t %s_size;" % symbol
    yield ""
    yield "const unsigned char %s[] = {" % symbol
    yield from rows(data + b"\0")
    yield "};"
    yield "const size_t %s_size = sizeof %s - 1;" % (symbol, symbol)
    yield ""


def main(args):
    if len(args) not in (2, 3):
        sys.exit(__doc__)
    path, symbol = args[:2]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", symbol):
        sys.exit("embed.py: %r is no name in C" % symbol)
    try:
        with open(path, "rb") as file:
            data = file.read()
        name = os.path.basename(path).replace("*/", "")
        text = "\n".join(source(data, symbol, name))
        if len(args) == 2:
            sys.stdout.write(text)
            return
        with open(args[2], "w", encoding="ascii") as file:
            file.write(text)
    except (OSError, UnicodeError) as error:
        sys.exit("embed.py: %s" % error)


if __name__ == "__main__":
    main(sys.argv[1:])
