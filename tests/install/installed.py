"""rota as somebody else has it: installed into a folder of its own, found by
pkg-config, and used by programs that know nothing of the source tree.

`meson install` puts it below a temporary DESTDIR; pkg-config is told that this
is the root of the system. Shared by the tests of the installation and of the
documentation."""

import glob
import os
import re
import signal
import subprocess
import tempfile

COMMAND_SECONDS = 120
START_SECONDS = 20
END_SECONDS = 20


class Failed(Exception):
    """What went wrong, with all that was printed."""


def command(args, **options):
    """Runs it; its standard output, or Failed with everything it said."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=COMMAND_SECONDS, **options)
    if done.returncode != 0:
        shown = args if isinstance(args, str) else " ".join(args)
        raise Failed("%s: exit status %d\n%s%s" % (
            shown, done.returncode, done.stdout, done.stderr))
    return done.stdout


class Tree:
    """An installed rota; a context manager that removes it again."""

    def __init__(self, build, meson="meson"):
        self.folder = tempfile.TemporaryDirectory(prefix="rota-installed-")
        self.root = self.folder.name
        try:
            command([meson, "install", "-C", build, "--no-rebuild",
                     "--destdir", self.root])
            self.libs = os.path.dirname(self.find("librota.a"))
            self.headers = os.path.dirname(self.find("rota.h"))
            pkgconfig = os.path.dirname(self.find("rota.pc"))
        except BaseException:
            self.folder.cleanup()
            raise
        self.env = dict(os.environ, LC_ALL="C", PKG_CONFIG_PATH=pkgconfig,
                        PKG_CONFIG_SYSROOT_DIR=self.root,
                        LD_LIBRARY_PATH=self.libs)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def find(self, name):
        found = glob.glob(os.path.join(self.root, "**", name), recursive=True)
        if len(found) != 1:
            raise Failed("%s: installed %d times" % (name, len(found)))
        return found[0]

    def pkg_config(self, *args):
        return command(["pkg-config", *args], env=self.env).split()

    def run(self, args, **options):
        return command(args, env=self.env, **options)


class Server:
    """A program of rota_app_main, on any free port; a context manager that
    ends it as an operator would, and expects it to end well."""

    def __init__(self, tree, args, cwd):
        self.process = subprocess.Popen(
            args + ["--port", "0"], cwd=cwd, env=tree.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # A program that says nothing is ended by the alarm.
        signal.signal(signal.SIGALRM, lambda *unused: self.process.kill())
        signal.alarm(START_SECONDS)
        self.greeting = self.process.stdout.readline().rstrip("\n")
        signal.alarm(0)
        port = re.search(r"http://127\.0\.0\.1:(\d+)", self.greeting)
        if not port:
            self.process.kill()
            raise Failed("%s did not start: %s%s" % (
                args[0], self.greeting, "".join(self.process.communicate())))
        self.port = int(port.group(1))

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self.process.send_signal(signal.SIGTERM)
        try:
            said = "".join(self.process.communicate(timeout=END_SECONDS))
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = "it did not end on SIGTERM"
        if kind is None and self.process.returncode != 0:
            raise Failed("server: exit status %d\n%s" % (
                self.process.returncode, said))


class Tap:
    """Tests, one after the other, in the Test Anything Protocol."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def test(self, name, check, *args):
        self.count += 1
        try:
            check(*args)
            print("ok %d - %s" % (self.count, name), flush=True)
        except (Failed, AssertionError, OSError,
                subprocess.SubprocessError) as error:
            self.failed += 1
            print("not ok %d - %s" % (self.count, name))
            print("\n".join("# " + line for line in str(error).split("\n")),
                  flush=True)

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why), flush=True)

    def end(self):
        print("1..%d" % self.count)
        return 1 if self.failed else 0
