#!/usr/bin/env python3
"""The documentation says what is true: every C block of README.md and of docs/
compiles as printed, programs print what the page says they print, a session in
a terminal goes as shown, links lead somewhere, names that are mentioned exist,
every public function is on a page of the reference, and every file of the
library in the drawing of the house.

usage: docs_test.py SOURCE BUILD MESON

Only a server's port is not taken as printed: it gets a free one."""

import concurrent.futures
import fnmatch
import glob
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "install"))

import page as pages
from installed import Failed, Server, Tap, Tree

FIRST_PROGRAM_MOST = 24  # lines of the README's first program
EXAMPLE_MOST = 120  # lines; each has fewer
LIBRARIES = ["rota-web", "rota-sqlite", "rota-tls"]
FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wno-unused",
         "-Wno-missing-field-initializers"]
INCLUDES = "#include <poll.h>\n#include <stdio.h>\n#include <unistd.h>\n" \
           "#include <rota/sqlite.h>\n#include <rota/tls.h>\n" \
           "#include <rota/web.h>\n"


def source_of(block):
    """What the compiler gets; its messages name the page and the line."""
    at = '#line %d "%s"\n' % (block.line, block.page)
    if block.mark == "top":
        return INCLUDES + at + block.text
    if block.mark == "body":
        before = source_of(block.above) if block.above else INCLUDES
        return "%sint example(%s)\n{\n%s%sreturn 0;\n}\n" % (
            before, block.argument or "void", at, block.text)
    return at + block.text


def compiles(tree, block):
    if block.mark is None:
        raise Failed("no mark above this block: see tests/docs/page.py")
    tree.run(["cc", *FLAGS, *tree.pkg_config("--cflags", *LIBRARIES),
              "-fsyntax-only", "-x", "c", "-"], input=source_of(block))


def runs(tree, block):
    with tempfile.TemporaryDirectory() as folder:
        tree.run(["cc", *FLAGS, "-x", "c", "-", "-o", "program",
                  *tree.pkg_config("--cflags", "--libs", *LIBRARIES)],
                 input=source_of(block), cwd=folder)
        said = tree.run([os.path.join(folder, "program")], cwd=folder)
    if block.prints is not None and said != block.prints:
        raise Failed("prints:\n%s" % said)


class Session:
    """A terminal of one page: its files, and its server while it runs."""

    def __init__(self, tree):
        self.tree = tree
        self.folder = tempfile.TemporaryDirectory()
        self.server = None

    def close(self):
        if self.server:
            self.server.__exit__(None)
            self.server = None

    def save(self, block):
        with open(os.path.join(self.folder.name, block.argument), "w") as f:
            f.write(block.text)

    def start(self, line, shown):
        self.close()
        program, *args = line.split()
        self.server = Server(
            self.tree, [os.path.join(self.folder.name, program), *args],
            self.folder.name)
        pattern = r"(:\d+ \(backend )\w+"
        as_shown = re.sub(pattern, r":0 (backend x", shown)
        said = re.sub(pattern, r":0 (backend x", self.server.greeting)
        if said != as_shown:
            raise Failed("printed: " + self.server.greeting)

    def command(self, line, shown):
        if self.server:
            line = re.sub(r"(http://127\.0\.0\.1:)\d+",
                          r"\g<1>%d" % self.server.port, line)
        said = self.tree.run(line, shell=True, cwd=self.folder.name)
        if said.replace("\r", "").rstrip("\n") != shown:
            raise Failed("$ %s\n%s" % (line, said))

    def run(self, block):
        """Each "$ command" with the lines below it, which it must print."""
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            line, _, shown = part.partition("\n")
            shown = shown.rstrip("\n")
            if "listening on http://" in shown:
                self.start(line, shown)
            else:
                self.command(line, shown)


def first_program_is_short(blocks):
    lines = len(next(b for b in blocks if b.mark == "file").lines)
    if lines > FIRST_PROGRAM_MOST:
        raise Failed("%d lines" % lines)


def examples_are_short(source):
    names = glob.glob(os.path.join(source, "examples/*.c"))
    lengths = {name: sum(1 for _ in open(name)) for name in names}
    long = ["%s: %d lines" % (os.path.relpath(name, source), lines)
            for name, lines in lengths.items() if lines >= EXAMPLE_MOST]
    if long or not names:
        raise Failed(", ".join(long) or "there are none")


def links_lead_somewhere(source, name, text):
    folder = os.path.dirname(os.path.join(source, name))
    dead = [link for link in pages.links(text)
            if not os.path.exists(os.path.join(folder, link))]
    if dead:
        raise Failed("dead: " + ", ".join(dead))


def code_of(source):
    """All of the library's source, in one string."""
    text = ""
    for at in ("include", "src"):
        for name in glob.glob(os.path.join(source, at, "**"), recursive=True):
            if name.endswith((".h", ".c")):
                with open(name) as file:
                    text += file.read()
    return text


def names_exist(known, text):
    """What is mentioned outside of code blocks."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    names = set(re.findall(r"\b(?:rota|ROTA)_\w*[A-Za-z0-9]\b", prose))
    names = {n for n in names if not n.startswith("rota_type_T")}
    if names - known:
        raise Failed("no such thing: " + ", ".join(sorted(names - known)))


def public_functions(header):
    with open(header) as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    names = re.findall(r"ROTA_API[^;(]*?\b(rota_\w+)\(", text)
    return [n for n in names if not n.endswith("_")]


def functions_are_described(source, header):
    text = ""
    for name in glob.glob(os.path.join(source, "docs/reference/*.md")):
        with open(name) as file:
            text += file.read()
    # A function under a macro is described by the macro.
    missing = [n for n in public_functions(header)
               if not re.search(r"\b%s(_at|_copy)?\b" %
                                re.sub("_(at|copy)$", "", n), text)]
    if missing:
        raise Failed("on no page of docs/reference: " + ", ".join(missing))


def files_are_drawn(source, text):
    """Each file of the house, by its name or a pattern; what stands beside the
    house is drawn as a whole."""
    drawn = [name for cell in re.findall(r"^\| (.*?) \|", text, flags=re.M)
             for name in re.findall(r"`([^`/]+\.c)`", cell)]
    files = glob.glob(os.path.join(source, "src/*/**/*.c"), recursive=True)
    missing = [os.path.relpath(file, source) for file in sorted(files)
               if not re.search("/src/(cli|locks)/", file) and
               not any(fnmatch.fnmatch(os.path.basename(file), name)
                       for name in drawn)]
    if missing:
        raise Failed("not drawn: " + ", ".join(missing))


def all_pages(source):
    names = ["README.md"] + sorted(
        os.path.relpath(name, source) for name in
        glob.glob(os.path.join(source, "docs/**/*.md"), recursive=True))
    texts = {}
    for name in names:
        with open(os.path.join(source, name)) as file:
            texts[name] = file.read()
    return texts


def test_blocks(tap, tree, blocks, pool):
    """The examples that stand alone; compiled side by side."""
    alone = [b for b in blocks
             if b.mark == "run" or b.language == "c" and b.mark != "none"]
    ways = [(b, pool.submit(runs if b.mark == "run" else compiles, tree, b))
            for b in alone]
    for block, result in ways:
        tap.test("%s: %s" % (block.where, block.mark), result.result)


def test_sessions(tap, tree, blocks):
    session = Session(tree)
    for block in blocks:
        if block.mark == "file":
            tap.test("%s: %s" % (block.where, block.argument),
                     session.save, block)
        elif block.mark == "session":
            tap.test("%s: session" % block.where, session.run, block)
    tap.test("%s: its servers end well" % blocks[0].page, session.close)


def main(source, build, meson):
    tap = Tap()
    texts = all_pages(source)
    known = set(re.findall(r"\b(?:rota|ROTA)_\w+", code_of(source)))
    with Tree(build, meson) as tree, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, text in texts.items():
            blocks = pages.read(text, name)
            tap.test("%s: links lead somewhere" % name, links_lead_somewhere,
                     source, name, text)
            tap.test("%s: what it mentions exists" % name, names_exist, known,
                     text)
            test_blocks(tap, tree, blocks, pool)
            if any(b.mark == "session" for b in blocks):
                test_sessions(tap, tree, blocks)
        tap.test("the first program is short", first_program_is_short,
                 pages.read(texts["README.md"], "README.md"))
    tap.test("the examples are short", examples_are_short, source)
    tap.test("every file of the house is drawn", files_are_drawn, source,
             texts["docs/design.md"])
    for header in sorted(glob.glob(os.path.join(source, "include/rota/*.h"))):
        tap.test("%s is described" % os.path.basename(header),
                 functions_are_described, source, header)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
