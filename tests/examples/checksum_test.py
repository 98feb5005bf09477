#!/usr/bin/env python3
"""usage: checksum_test.py PROGRAM"""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from program import PATIENCE, Failed, complaints, run


def output_of(*command):
    done = subprocess.run(command, timeout=PATIENCE, capture_output=True)
    return (done.returncode, done.stdout.decode().splitlines(),
            complaints(done.stderr.decode()))


def cksum(paths):
    """What the tool of that name says, in an order of its own."""
    code, lines, err = output_of("cksum", *paths)
    if code != 0:
        raise Failed("cksum: %s" % err)
    return sorted(lines)


def compare(program, arguments, paths):
    code, lines, err = output_of(program, *arguments)
    if code != 0 or err:
        raise Failed("%d: %s" % (code, err))
    if sorted(lines) != cksum(paths):
        raise Failed("not what cksum says: %s" % lines[:5])


def sums_are_those_of_cksum(program):
    """Files of all sizes have the sums that cksum finds."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for size in (0, 1, 2, 255, 256, 4096, 262143, 262144, 262145, 3000000):
            paths.append(os.path.join(folder, str(size)))
            with open(paths[-1], "wb") as file:
                file.write(os.urandom(size))
        compare(program, paths, paths)


def directories_are_gone_through(program):
    """A tree of many files is gone through to its ends, without what is none."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i in range(20):
            below = os.path.join(folder, *("d%d" % k for k in range(i)))
            os.makedirs(below, exist_ok=True)
            for k in range(30):
                paths.append(os.path.join(below, "file%d" % k))
                with open(paths[-1], "wb") as file:
                    file.write(b"%d %d" % (i, k) * k * 100)
        os.mkfifo(os.path.join(folder, "fifo"))
        os.symlink("nowhere", os.path.join(folder, "link"))
        compare(program, [folder], paths)


def errors_are_told(program):
    """What cannot be read is told, and the rest is summed."""
    with tempfile.TemporaryDirectory() as folder:
        good = os.path.join(folder, "good")
        with open(good, "wb") as file:
            file.write(b"good")
        code, lines, err = output_of(program, folder + "/none", good)
        if code != 1 or lines != cksum([good]):
            raise Failed("%d: %s" % (code, lines))
        if "none: No such file" not in err:
            raise Failed("said: %s" % err)


if __name__ == "__main__":
    sys.exit(run([sums_are_those_of_cksum, directories_are_gone_through,
                  errors_are_told], *sys.argv[1:]))
