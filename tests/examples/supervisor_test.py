#!/usr/bin/env python3
"""usage: supervisor_test.py PROGRAM"""

import glob
import os
import re
import signal
import sys
import tempfile

sys.dont_write_bytecode = True

from program import Failed, Program, run, until, usage_of


def children_of(pid):
    """Processes whose parent it is, by whatever thread, and theirs."""
    found = []
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        with open(path) as file:
            for child in map(int, file.read().split()):
                found += [child] + children_of(child)
    return found


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def started(program, command=None):
    """The process id of the next line that tells of a start, of that command
    if one is given."""
    while True:
        line = program.line()
        found = re.fullmatch(r"(.*): runs as process (\d+)", line)
        if found and command in (None, found.group(1)):
            return int(found.group(2))
        if not line:
            raise Failed("it said no more: " + program.said())


def supervisor(path, *args):
    return Program(path, *args, says_port=False)


def crash_is_restarted(path):
    """A program that crashes is started again, each time after a longer
    pause."""
    with tempfile.TemporaryDirectory() as folder:
        times = os.path.join(folder, "times")
        with supervisor(path, "date +%%s%%N >>%s; exit 3" % times) as program:
            pids = {started(program) for _ in range(5)}
            if len(pids) != 5:
                raise Failed("the same process")
            started_by = program.line()
            if "ended with status 3" not in started_by:
                raise Failed("said: " + started_by)
        with open(times) as file:
            at = [int(line) / 1e9 for line in file]
        for i, pause in enumerate([0.1, 0.2, 0.4, 0.8]):
            if at[i + 1] - at[i] < pause:
                raise Failed("pause %d was %f s" % (i, at[i + 1] - at[i]))


def kill_is_a_crash(path):
    """A program that is killed is started again."""
    with supervisor(path, "exec sleep 1000") as program:
        first = started(program)
        os.kill(first, signal.SIGKILL)
        line = program.line()
        if line != "exec sleep 1000: ended by signal 9":
            raise Failed("said: " + line)
        second = started(program)
        if lives(first) or not lives(second):
            raise Failed("the wrong one lives")


def crash_is_ones_own(path):
    """One that crashes and crashes does not touch the others."""
    with supervisor(path, "exit 1", "exec sleep 1000") as program:
        calm = started(program, "exec sleep 1000")
        for _ in range(3):
            started(program, "exit 1")
        if not lives(calm):
            raise Failed("it is gone")


def good_end_is_the_end(path):
    """What ends with status 0 is not started again, and when all have, the
    supervisor does."""
    with supervisor(path, "exit 0", "exit 0") as program:
        if program.wait() != 0:
            raise Failed("its status")
        said = program.process.stdout.read()
        if said.count("runs as") != 2 or said.count("with status 0") != 2:
            raise Failed("said: " + said)


def all_are_stopped(path):
    """On SIGTERM, and on SIGINT, its programs are stopped, with what they have
    started, and no process is left."""
    for number in signal.SIGTERM, signal.SIGINT:
        with supervisor(path, "exec sleep 1000", "sleep 1000 | sleep 1001",
                        "exit 1") as program:
            started(program), started(program), started(program)
            everyone = until("the pipeline to be there", lambda: [
                pids for pids in [children_of(program.pid)]
                if len(pids) >= 4])[0]
            if program.end(number) != 0:
                raise Failed("it ended badly: " + program.said())
            left = [pid for pid in everyone if lives(pid)]
            if left:
                raise Failed("left alive: %s" % left)


def who_refuses_is_killed(path):
    """A program that ignores SIGTERM is killed when the grace is over; one
    that ends by it is not."""
    with tempfile.TemporaryDirectory() as folder:
        good = os.path.join(folder, "good")
        ready = os.path.join(folder, "ready")
        with supervisor(
                path, "-g", "0.5",
                "trap '' TERM; touch %s1; while :; do sleep 1; done" % ready,
                "exec 2>/dev/null; trap 'touch %s; exit 0' TERM; "
                "touch %s2; while :; do sleep 0.1; done" % (good, ready)) as program:
            pids = [started(program), started(program)]
            until("traps to be set", lambda: os.path.exists(ready + "1") and
                  os.path.exists(ready + "2"))
            pids += children_of(program.pid)
            if program.end() != 0:
                raise Failed("it ended badly: " + program.said())
            if [pid for pid in pids if lives(pid)]:
                raise Failed("left alive")
            if not os.path.exists(good):
                raise Failed("the good one was not given its time")


def usage(path):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["-g", "1"], ["-g", "x", "true"])


if __name__ == "__main__":
    sys.exit(run([crash_is_restarted, kill_is_a_crash, crash_is_ones_own,
                  good_end_is_the_end, all_are_stopped, who_refuses_is_killed,
                  usage],
                 *sys.argv[1:]))
