#!/usr/bin/env python3
"""Whether fault injection covers every call, both ways.

usage: cover.py HEADERS TESTS WRAPPED LIBRARY...

Every function of a public header of I/O and TLS that can fail is called by a
scenario of TESTS, a folder; and every function outside of the libraries that
they call is WRAPPED (names with commas between), or stands in unwrapped.txt
under the reason why not."""

import fnmatch
import glob
import os
import re
import subprocess
import sys

ROOMS = ["address", "dns", "fd", "file", "fs", "net", "process", "server",
         "signal", "stream", "tls", "udp", "watch"]

# Return something, and cannot fail when they are used rightly.
SURE = {
    "rota_process_err", "rota_process_in", "rota_process_out",
    "rota_process_pid", "rota_server_clients",
    "rota_stream_fd", "rota_stream_tls_info", "rota_tls_context_ref",
    "rota_process_output", "rota_process_errors",
    "rota_remove_signal_handler",
}


def read(name):
    with open(name) as file:
        return file.read()


def fallible(header):
    """The functions of a header that return something, but for the sure."""
    text = re.sub(r"/\*.*?\*/", "", read(header), flags=re.S)
    found = re.findall(r"ROTA_API\s+([\w\s*]+?)\b(rota_\w+)\s*\(", text)
    return [name for kind, name in found
            if kind.strip() != "void" and name not in SURE]


def undefined(library):
    """What a static library needs and does not have itself."""
    out = subprocess.run(["nm", library], check=True, capture_output=True,
                         text=True).stdout
    needs, has = set(), set()
    for kind, name in re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", out,
                                 flags=re.M):
        (needs if kind in "Uw" else has).add(name)
    return needs - has


def patterns(name):
    return [line for line in read(name).splitlines()
            if line and line[0] not in "#["]


def ours(name):
    """The library's own, and what sanitizers and coverage put in."""
    return re.match(r"(rota_|_?__(asan|ubsan|tsan|sanitizer|gcov|llvm)|"
                    r"_?_lsan|_asan|_ubsan)", name)


def main():
    headers, tests, wrapped, *libraries = sys.argv[1:]
    wrapped = set(wrapped.split(","))
    sources = "".join(read(name) for name in
                      glob.glob(os.path.join(tests, "*_faults_test.c")))
    wrong = []
    for room in ROOMS:
        for name in fallible(os.path.join(headers, room + ".h")):
            if not re.search(r"\b%s\b" % name, sources):
                wrong.append("%s (%s.h) is in no scenario" % (name, room))
    called = set().union(*(undefined(name) for name in libraries))
    excused = patterns(os.path.join(tests, "unwrapped.txt"))
    for name in sorted(called - wrapped):
        if not ours(name) and not any(fnmatch.fnmatchcase(name, p)
                                      for p in excused):
            wrong.append("%s is called, and neither wrapped nor in "
                         "unwrapped.txt" % name)
    for name in sorted(wrapped - called):
        wrong.append("%s is wrapped, and called by nobody" % name)
    for pattern in excused:
        if any(fnmatch.fnmatchcase(name, pattern) for name in wrapped):
            wrong.append("%s is in unwrapped.txt, and wrapped" % pattern)
    print("\n".join(wrong) if wrong else "all calls are covered")
    sys.exit(1 if wrong else 0)


main()
