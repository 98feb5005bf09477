"""An example as its user has it: a program that is started, talked to, and
ended by a signal. Shared by the tests of the examples."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "install"))

from installed import Failed, Tap

# Long: a loaded machine may take its time. A test that waits for so long has
# failed; none is measured by it.
PATIENCE = 60

# A sanitizer keeps what was freed for a while: how much more memory that is.
SANITIZED = 16 if os.environ.get("TEST_SANITIZED") == "true" else 1

# Thousands of connections need a descriptor each, here and there.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(_most, 16000), _most))


def until(what, check):
    """Waits until check() is true and returns that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.01)
    raise Failed("waited in vain for " + what)


def complaints(errors):
    """What was said to stderr. That io_uring is not to be had, and epoll taken
    instead, is no complaint."""
    return re.sub(r"^rota: io_uring is not available .*\n", "", errors,
                  flags=re.M)


class Program:
    """A running example; a context manager that ends it with SIGTERM, and
    expects that to end well and in silence."""

    def __init__(self, *args, says_port=True):
        self.errors = tempfile.TemporaryFile()
        self.quiet = True  # it is to say nothing to stderr
        self.ended = False
        self.process = subprocess.Popen(
            list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.errors, text=True, bufsize=1)
        self.alarm = threading.Timer(10 * PATIENCE, self.process.kill)
        self.alarm.start()
        self.port = None
        if says_port:
            line = self.line()
            found = re.fullmatch(r"listening on port (\d+)", line)
            if not found:
                self.end(signal.SIGKILL)
                raise Failed("said: %s %s" % (line, self.said()))
            self.port = int(found.group(1))

    @property
    def pid(self):
        return self.process.pid

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def said(self):
        """What it complained of so far."""
        self.errors.seek(0)
        return complaints(self.errors.read().decode())

    def end(self, number=signal.SIGTERM):
        """Ends it; its exit status."""
        self.ended = True
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        self.ended = True
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("it did not end")
        finally:
            self.alarm.cancel()

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        status = 0 if self.ended else self.end()
        self.process.stdout.close()
        if kind is None and status != 0:
            raise Failed("exit status %d: %s" % (status, self.said()))
        if kind is None and self.quiet and self.said():
            raise Failed("said: " + self.said())

    def connect(self, source="127.0.0.1", buffer=None):
        """A connection to it, with a small receive buffer if asked."""
        s = socket.socket()
        s.settimeout(PATIENCE)
        if buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        s.bind((source, 0))
        s.connect(("127.0.0.1", self.port))
        return s

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def memory(self):
        """Resident KiB."""
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(r"^VmRSS:\s+(\d+)", file.read(),
                                 re.M).group(1))


def receive(s, size):
    """Exactly so many bytes."""
    parts = []
    while size > 0:
        part = s.recv(min(size, 1 << 20))
        if not part:
            raise Failed("the stream ended %d bytes before" % size)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive_all(s):
    """Everything until the end of the stream."""
    parts = []
    while True:
        part = s.recv(1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)


def usage_of(path, *wrong):
    """Wrong arguments: status 2 and a line of usage."""
    for args in wrong:
        done = subprocess.run([path, *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE)
        if done.returncode != 2 or not done.stderr.startswith("usage: "):
            raise Failed("%s: status %d, %s" % (" ".join(args),
                                                done.returncode, done.stderr))


def both_signals_end(path, *args):
    """SIGINT and SIGTERM, with nobody connected."""
    for number in signal.SIGINT, signal.SIGTERM:
        with Program(path, *args) as program:
            status = program.end(number)
            if status != 0:
                raise Failed("signal %d: status %d, %s" % (
                    number, status, program.said()))


def run(tests, *args):
    """Runs functions as tests, named by what their docstrings say."""
    tap = Tap()
    for test in tests:
        tap.test(" ".join(test.__doc__.split()).rstrip("."), test, *args)
    return tap.end()
