#!/usr/bin/env python3
"""The `rota` command and gdb's script, on programs that do what tests/cli/
target.c says: in good order, in a deadlock, hanging, switching at full speed.

usage: cli_test.py ROTA TARGET GDB_SCRIPT INSTALL_TESTS SANITIZER"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[4])

from installed import Failed, Tap, command

ROTA, TARGET, SCRIPT = sys.argv[1:4]
SECONDS = 60
RUNS = 100  # against a process that switches all the time
TORN = 75   # EX_TEMPFAIL: "retry"


class Target:
    """A running target; a context manager that ends it."""

    def __init__(self, way, **env):
        self.process = subprocess.Popen(
            [TARGET, way], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=dict(os.environ, **env))
        signal.alarm(SECONDS)
        line = self.process.stdout.readline()
        signal.alarm(0)
        assert line == "ready\n", line + self.process.stderr.read()
        self.pid = str(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.alive = self.process.poll() is None
        self.process.kill()
        self.process.communicate()


def rota(*args):
    """Its exit status, standard output and standard error."""
    done = subprocess.run([ROTA, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


def shown(*args):
    status, out, err = rota(*args)
    assert status == 0 and err == "", (status, out, err)
    return out


def has(text, pattern):
    assert re.search(pattern, text, re.M), "no %r in:\n%s" % (pattern, text)


def settled(verb, target, pattern):
    """What is shown once `pattern` is in it: the target says it is ready a
    moment before its tasks have parked."""
    for _ in range(200):
        out = shown(verb, target.pid)
        if re.search(pattern, out, re.M):
            return out
    has(out, pattern)


TREE = r"""^loop of thread \d+ \((uring|epoll)\): 7 tasks, (asleep|busy)
main #1 waiting: group_end 0x[0-9a-f]+
├─ pair #2 waiting: group_end 0x[0-9a-f]+ \(tests/cli/target\.c:\d+\)
│  ├─ sleeper #4 waiting: sleep \(tests/cli/target\.c:\d+\)
│  └─ sleeper #5 waiting: sleep \(tests/cli/target\.c:\d+\)
└─ pair #3 waiting: group_end 0x[0-9a-f]+ \(tests/cli/target\.c:\d+\)
   ├─ sleeper #6 waiting: sleep \(tests/cli/target\.c:\d+\)
   └─ sleeper #7 waiting: sleep \(tests/cli/target\.c:\d+\)
$"""


# DBG-03
def tree():
    with Target("tree") as target:
        settled("pstree", target, TREE)


def list_of_tasks():
    with Target("tree") as target:
        settled("pstree", target, TREE)
        out = shown("ps", target.pid)
        has(out, r"^ +ID +SINCE +NAME +STATE +SPAWNED AT$")
        has(out, r"^ +2 +\d+\.\d (s|ms|us) +pair +waiting: group_end 0x\w+ +"
                 r"tests/cli/target\.c:\d+$")
        assert out.count("\n") == 9, out


def dump():
    with Target("tree") as target:
        settled("pstree", target, TREE)
        out = shown("dump", target.pid)
        has(out, r"^sleeper #4 \(tests/cli/target\.c:\d+\) waiting: sleep, for")
        has(out, r"^    #\d pair\+0x\w+ \(cli_target\)$")
        has(out, r"^    #\d tree\+0x\w+ \(cli_target\)$")
        assert out.count("coro_trampoline+") == 7, out


# DBG-04, DBG-08
def cycle():
    with Target("cycle") as target:
        for verb in ("ps", "pstree", "dump"):
            out = shown(verb, target.pid)
            has(out, r"^deadlock: 2 tasks wait for each other:\n"
                     r"  crossed #3 waiting: lock 0x\w+ of crossed #4\n"
                     r"  crossed #4 waiting: lock 0x\w+ of crossed #3\n")
            has(out, r"ticker")


# DBG-04
def await_cycle():
    with Target("awaits") as target:
        out = shown("pstree", target.pid)
        has(out, r"^deadlock: 2 tasks wait for each other:\n"
                 r"  gathers #2 waiting: gather 0x\w+ of joins #3\n"
                 r"  joins #3 waiting: await 0x\w+ of gathers #2\n")
        assert len(out.splitlines()) == 7, out


def hanging(way, culprit):
    with Target(way) as target:
        out = shown("ps", target.pid)
        has(out, r"\d+ tasks, busy$")
        has(out, r"^ +\d+ +%s +running +tests/cli/target\.c:\d+$" % culprit)
        has(out, r"sleeper +waiting: sleep")
        has(shown("dump", target.pid), r"^    #\d sleeper\w*\+|rota_sleep")


# DBG-05
def full_speed(way, names, count):
    torn = 0
    with Target(way) as target:
        for i in range(RUNS):
            status, out, err = rota("ps" if i % 2 else "pstree", target.pid)
            if status == TORN:
                torn += 1
                has(err, "^rota: process %s changes faster than it can be "
                         "read; retry$" % target.pid)
                continue
            assert status == 0 and err == "", (status, out, err)
            for line in out.splitlines():
                assert re.search(r"loop of|SINCE|" + names, line), out
            # All of the tasks, each once.
            ids = re.findall(r"^ +(\d+) |#(\d+) (?!.* of )", out, re.M)
            assert len(set(ids)) == len(ids), out
            has(out, r"loop of thread \d+ \(\w+\): %s tasks?," % count)
    assert target.alive, "the target died"
    print("# %d of %d runs: retry" % (torn, RUNS))


def refusals():
    status, out, err = rota("ps", "999999999")
    assert (status, out) == (1, ""), (status, out)
    has(err, "^rota: process 999999999 does not exist$")
    status, out, err = rota("ps", str(os.getpid()))
    assert (status, out) == (1, ""), (status, out)
    has(err, "is no program of rota's$")
    for args in (["ps"], ["ps", "x"], ["pstree", "-1"], ["ps", "1", "2"],
                 ["ps", "--core"], ["dump", "--retries", "x", "1"], []):
        status, out, err = rota(*args)
        assert (status, out) == (2, ""), (args, status, out)
        has(err, "usage: rota ")
    status, out, err = rota("ps", "--core", "/nonexistent")
    assert status == 1
    has(err, "No such file")
    status, out, err = rota("ps", "--core", SCRIPT)
    assert status == 1
    has(err, "is no program of rota's$")
    assert rota("--help")[0] == 0


def no_loop():
    with Target("none") as target:
        out = shown("ps", target.pid)
        assert out == "process %s runs no loop\n" % target.pid, out


NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


def nobody_may_run_it():
    """Not where the checkout is in a folder of root's own."""
    try:
        return subprocess.run([ROTA], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, **NOBODY) is not None
    except PermissionError:
        return False


def forbidden():
    with Target("tree") as target:
        done = subprocess.run([ROTA, "ps", target.pid], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, **NOBODY)
        assert (done.returncode, done.stdout) == (1, ""), done
        has(done.stderr, "may not be read by you")


def gdb(*args):
    return command(["gdb", "-q", "-batch", "-nx", "-iex",
                    "set debuginfod enabled off", "-x", SCRIPT, *args])


GDB_CYCLE = (r"^  crossed #3 \(tests/cli/target\.c:\d+\) waiting: lock 0x\w+ "
             r"of crossed #4$")


def check_gdb(out):
    has(out, r"^loop of thread \d+ \(\w+\): 4 tasks$")
    has(out, GDB_CYCLE)
    has(out, r"^  ticker #2 \(tests/cli/target\.c:\d+\) "
             r"(waiting: sleep|running)$")
    trace = out[out.index("TRACE"):]
    has(trace, r"^crossed #4 .* waiting: lock")
    has(trace, r"^    #\d +0x\w+ in crossed\+\d+")
    has(trace, r"^    #\d +0x\w+ in coro_trampoline\+\d+")


SHOW = ["-ex", "rota tasks", "-ex", "echo TRACE\\n", "-ex", "rota bt 4"]


# PITFALL 8
def gdb_live():
    with Target("cycle") as target:
        check_gdb(gdb("-p", target.pid, *SHOW))


# PITFALL 8
def gdb_core(folder):
    """A core file for gdb's script and for `rota --core`. gdb leaves out the
    pieces of memory in which it meets a guard that is no mapping."""
    core = os.path.join(folder, "core")
    with Target("cycle", ROTA_GUARD="mprotect") as target:
        gdb("-p", target.pid, "-ex", "generate-core-file " + core)
    check_gdb(gdb(*SHOW, TARGET, core))
    out = shown("pstree", "--core", core)
    has(out, r"^└─ ticker #2 (waiting: sleep|running)")
    has(out, r"^  crossed #3 waiting: lock 0x\w+ of crossed #4$")
    out = shown("dump", "--core", core)
    has(out, r"^    #\d crossed\+0x")
    with open(core, "r+b") as file:  # cut short: refused or told, no crash
        file.truncate(os.path.getsize(core) // 2)
    assert rota("dump", "--core", core)[0] in (0, 1, TORN)


def main():
    tap = Tap()
    tap.test("pstree shows tasks as they were spawned", tree)
    tap.test("ps has a row for each task", list_of_tasks)
    tap.test("dump has their backtraces", dump)
    tap.test("a cycle of locks is told of, beside a timer", cycle)
    tap.test("a cycle of awaits is told of, and ends", await_cycle)
    tap.test("a loop that hangs, busy, can be looked at", hanging, "busy",
             "hog")
    tap.test("a loop that hangs in the kernel can be looked at", hanging,
             "blocked", "blocker")
    tap.test("100 looks at a process that switches at full speed", full_speed,
             "switching", "main|switcher", "9")
    tap.test("100 looks at a process whose tasks come and go", full_speed,
             "storm", "main|brief", "[12]")
    tap.test("what cannot be looked at is refused in words", refusals)
    tap.test("a program without a loop has none", no_loop)
    if os.geteuid() != 0:
        tap.skip("another user's process is refused", "needs root")
    elif not nobody_may_run_it():
        tap.skip("another user's process is refused", "nobody may come here")
    else:
        tap.test("another user's process is refused", forbidden)
    if not shutil.which("gdb"):
        tap.skip("gdb", "not installed")
        return tap.end()
    tap.test("gdb lists and traces the tasks of a live process", gdb_live)
    if sys.argv[5] != "none":
        tap.skip("a core file", "a sanitizer's memory would fill the disk")
        return tap.end()
    with tempfile.TemporaryDirectory() as folder:
        tap.test("gdb and rota read a core file", gdb_core, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
