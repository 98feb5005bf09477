"""What bench/http and script/compare share: building, servers, the client.

A server is a child process on 127.0.0.1, started on a free port, waited for
until it answers, and ended by its process id. Nothing else is ever touched.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_SECONDS = 10
STOP_SECONDS = 5

# The Debian package that has each program.
PACKAGES = {
    "meson": "meson",
    "ninja": "ninja-build",
    "cc": "gcc",
    "nginx": "nginx-light",
    "go": "golang-go",
    "taskset": "util-linux",
}


# Servers inherit it: thousands of connections need a descriptor each.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))


class LabError(Exception):
    """Something that ends the experiment; its text is for the user."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def find(program):
    """The program's path, also where a user's PATH does not look, or None."""
    return shutil.which(program) or shutil.which(
        program, path="/usr/sbin:/sbin:/usr/local/sbin")


def need(*programs):
    missing = [p for p in programs if not find(p)]
    if missing:
        packages = " ".join(PACKAGES.get(p, p) for p in missing)
        raise LabError("missing: %s (Debian: apt install %s)"
                       % (", ".join(missing), packages))


def run_quiet(command):
    """Runs a build step; its output is shown only if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        say(done.stdout)
        raise LabError("failed: " + " ".join(command))


def build(directory):
    """Builds the whole tree into directory, which may not exist yet."""
    bootstrap = os.path.join(ROOT, "script", "bootstrap")
    if not (find("meson") and find("ninja")) and os.access(bootstrap, os.X_OK):
        run_quiet([bootstrap])
    need("meson", "ninja")
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        say("configuring " + directory)
        run_quiet(["meson", "setup", directory, "--buildtype=release"])
    say("building " + directory)
    run_quiet(["ninja", "-C", directory])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, command, nice=0):
    """The command on one core, if there is more than one and a taskset."""
    if core is not None and core < os.cpu_count() and find("taskset"):
        command = ["taskset", "-c", str(core)] + command
    if nice:
        command = ["nice", "-n", str(nice)] + command
    return command


def fetch(port, path, timeout=5.0):
    """One response: (its bytes, status, headers in lower case, body)."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                   % (path, port)).encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += receive(s)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict((k.strip().lower(), v.strip()) for k, _, v in
                       (line.partition(":") for line in lines[1:]))
        length = int(headers.get("content-length", 0))
        while len(body) < length:
            piece = receive(s)
            data, body = data + piece, body + piece
        return data, int(lines[0].split()[1]), headers, body


def receive(s):
    piece = s.recv(65536)
    if not piece:
        raise OSError("the server closed the connection")
    return piece


class Server:
    """One server process. command is a function of the port."""

    def __init__(self, name, command, env=None, core=None, nice=0):
        self.name = name
        self.port = free_port()
        self.log = ""
        self._errors = os.memfd_create("stderr")
        self._process = subprocess.Popen(
            pinned(core, command(self.port), nice),
            env=dict(os.environ, **(env or {})), cwd=ROOT,
            stdin=subprocess.DEVNULL, stdout=self._errors,
            stderr=self._errors)
        # taskset and nice exec the server: the id stays the same.
        self.pid = self._process.pid

    def wait(self, path):
        """Waits until it answers. Returns that response as fetch gives it."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None:
                raise LabError("%s ended at once: %s"
                               % (self.name, self.said()))
            try:
                return fetch(self.port, path)
            except OSError as e:
                if time.monotonic() > deadline:
                    raise LabError("%s does not answer: %s" % (self.name, e))
                time.sleep(0.02)

    def said(self):
        """The end of what it printed."""
        with open("/proc/self/fd/%d" % self._errors, "rb") as f:
            return f.read()[-2000:].decode("utf-8", "replace").strip()

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1


@contextlib.contextmanager
def running(server):
    try:
        yield server
    finally:
        server.stop()


def load(binary, core, nice, server, bound, **options):
    """Runs the load client; bound is its hard limit in seconds. Returns its
    results as a dict of numbers."""
    command = [binary, "--port", str(server.port), "--pid", str(server.pid)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(pinned(core, command, nice), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=bound)
    if done.returncode > 1 or done.returncode < 0:
        raise LabError("load client: " + done.stderr)
    result = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        result[name] = float(value)
    return result


def aligned(table):
    """A Markdown table, for a terminal."""
    rows = [[c.strip() for c in line.strip("|").split("|")]
            for line in table.splitlines()]
    right = [rule.endswith(":") for rule in rows.pop(1)]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(
        c.rjust(w) if r else c.ljust(w)
        for c, w, r in zip(row, widths, right)).rstrip() for row in rows)


def insert(name, text):
    """Puts text into docs/benchmarks.md, between the marks of that name."""
    page = os.path.join(ROOT, "docs", "benchmarks.md")
    begin, end = "<!-- %s: begin -->" % name, "<!-- %s: end -->" % name
    with open(page, encoding="utf-8") as f:
        before, _, rest = f.read().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise LabError("docs/benchmarks.md has no place for " + name)
    with open(page, "w", encoding="utf-8") as f:
        f.write("%s%s\n\n%s\n%s%s" % (before, begin, text, end, after))


def document(name, text, svg):
    """Puts results into docs/benchmarks.md, and the plot beside it."""
    image = "benchmarks-%s.svg" % name
    insert(name, "![The table below as a plot](%s)\n\n%s" % (image, text))
    shutil.copyfile(svg, os.path.join(ROOT, "docs", image))


def machine():
    """One line on what this was measured on."""
    model = "unknown CPU"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return "%s, %d cores, Linux %s" % (model, os.cpu_count(),
                                       os.uname().release.partition("-")[0])

