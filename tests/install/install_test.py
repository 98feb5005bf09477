#!/usr/bin/env python3
"""What `meson install` leaves behind: headers that stand alone, libraries that
export nothing but rota's names, and pkg-config files that are enough to build
a program, shared and static.

usage: install_test.py SOURCE BUILD MESON VERSION"""

import os
import re
import shutil
import sys
import urllib.request

sys.dont_write_bytecode = True

from installed import Failed, Server, Tap, Tree, command

COMPILERS = ["gcc", "clang"]
WARNINGS = ["-std=gnu17", "-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror"]
HERE = os.path.dirname(os.path.abspath(__file__))


def public_headers(folder):
    names = []
    for at, _, files in os.walk(folder):
        names += [os.path.relpath(os.path.join(at, f), folder)
                  for f in files if f.endswith(".h")]
    return sorted(names)


def all_headers_are_there(tree, source):
    wanted = set(public_headers(os.path.join(source, "include")))
    missing = wanted - set(public_headers(tree.headers))
    assert not missing, "not installed: " + ", ".join(sorted(missing))


def header_stands_alone(tree, compiler, header):
    tree.run([compiler, *WARNINGS, "-I" + tree.headers, "-fsyntax-only",
              "-x", "c", "-"], input="#include <%s>\n" % header)


def libraries(tree):
    return sorted(os.path.join(tree.libs, name)
                  for name in os.listdir(tree.libs) if name.endswith(".so"))


def exported(library):
    lines = command(["nm", "-D", "--defined-only", library]).splitlines()
    return [line.split()[-1].split("@")[0] for line in lines]


def exports_are_ours(library):
    names = exported(library)
    foreign = [n for n in names if not n.startswith("rota_")]
    assert names and not foreign, "exported: " + ", ".join(foreign)


def exports_are_declared(tree, library):
    text = ""
    for header in public_headers(tree.headers):
        with open(os.path.join(tree.headers, header)) as file:
            text += file.read()
    declared = set(re.findall(r"\brota_\w+", text))
    # The built-in types are declared by a macro that pastes their names.
    declared |= {"rota_type_" + word + tail for tail in ("", "_list")
                 for word in re.findall(r"^ROTA_M_BUILTIN\((\w+)", text, re.M)}
    names = {n for n in exported(library) if not n.startswith("rota_internal_")}
    assert names <= declared, "in no header: " + ", ".join(
        sorted(names - declared))


def only_one_needs(tree, own, foreign):
    for library in libraries(tree):
        if os.path.basename(library) != own:
            said = command(["readelf", "-d", library])
            assert foreign not in said, library + ": " + said


def version_is(tree, package, version):
    said = tree.pkg_config("--modversion", package)
    assert said == [version], said


def outside_program(tree, compiler, static):
    flags = ["-static"] if static else []
    how = ["--static"] if static else []
    program = os.path.join(tree.root, "outside")
    tree.run([compiler, *WARNINGS, *flags, os.path.join(HERE, "outside.c"),
              "-o", program,
              *tree.pkg_config(*how, "--cflags", "--libs", "rota-web",
                               "rota-sqlite")])
    with Server(tree, [program], tree.root) as server:
        url = "http://127.0.0.1:%d/items/21" % server.port
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
    if text != '{"id":42,"name":"lamp"}':
        raise Failed("answered " + text)


def outside_tls(tree, compiler, static):
    flags = ["-static"] if static else []
    how = ["--static"] if static else []
    program, cert, key = (os.path.join(tree.root, name)
                          for name in ("outside_tls", "own.crt", "own.key"))
    tree.run([compiler, *WARNINGS, *flags, os.path.join(HERE, "outside_tls.c"),
              "-o", program,
              *tree.pkg_config(*how, "--cflags", "--libs", "rota-tls")])
    tree.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own",
              "-keyout", key, "-out", cert])
    said = tree.run([program, cert, key])
    assert said == "good\n", said


def main(source, build, meson, version):
    tap = Tap()
    with Tree(build, meson) as tree:
        tap.test("every public header is installed", all_headers_are_there,
                 tree, source)
        for package in ("rota", "rota-web", "rota-sqlite", "rota-tls"):
            tap.test("pkg-config knows the version of " + package, version_is,
                     tree, package, version)
        for library in libraries(tree):
            name = os.path.basename(library)
            tap.test(name + " exports names of rota only", exports_are_ours,
                     library)
            tap.test(name + " exports what a header declares",
                     exports_are_declared, tree, library)
        tap.test("only librota-sqlite needs SQLite", only_one_needs, tree,
                 "librota-sqlite.so", "sqlite3")
        tap.test("only librota-tls needs OpenSSL", only_one_needs, tree,
                 "librota-tls.so", "libssl")
        for compiler in COMPILERS:
            if not shutil.which(compiler):
                tap.skip(compiler, "not installed")
                continue
            for header in public_headers(tree.headers):
                tap.test("%s stands alone (%s)" % (header, compiler),
                         header_stands_alone, tree, compiler, header)
            for static in (False, True):
                tap.test("an outside program builds and serves (%s, %s)" % (
                    compiler, "static" if static else "shared"),
                    outside_program, tree, compiler, static)
                tap.test("so does one with TLS (%s, %s)" % (
                    compiler, "static" if static else "shared"),
                    outside_tls, tree, compiler, static)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
