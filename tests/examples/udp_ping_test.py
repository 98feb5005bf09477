#!/usr/bin/env python3
"""usage: udp_ping_test.py PROGRAM"""

import re
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True

from program import (PATIENCE, Failed, Program, both_signals_end, complaints,
                     run, usage_of)


def ping(path, *args):
    """What it prints, and its exit status."""
    done = subprocess.run([path, *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=PATIENCE)
    if complaints(done.stderr):
        raise Failed("said: " + done.stderr)
    return done.stdout.splitlines(), done.returncode


def nothing_is_lost(path):
    """A thousand datagrams go there and back, and none is lost."""
    with Program(path, "0") as server:
        lines, status = ping(path, "127.0.0.1", str(server.port), "1000", "0")
        if status != 0 or len(lines) != 1001:
            raise Failed("\n".join(lines))
        if lines[-1] != "1000 sent, 0 lost":
            raise Failed(lines[-1])
        for i, line in enumerate(lines[:-1]):
            if not re.match(r"%d: \d+\.\d+ ms$" % (i + 1), line):
                raise Failed(line)


def both_families(path):
    """It goes by IPv4 and by IPv6 to the same socket."""
    with Program(path, "0") as server:
        for host in "127.0.0.1", "::1", "localhost":
            lines, status = ping(path, host, str(server.port), "3", "0")
            if status != 0:
                raise Failed("\n".join(lines))


def closed_port_is_a_loss(path):
    """What is sent to a port that is closed is lost, each with the reason; the
    status says so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    lines, status = ping(path, "127.0.0.1", str(port), "3", "0")
    if status != 1 or lines != ["%d: lost (Connection refused)" % i
                                for i in (1, 2, 3)] + ["3 sent, 3 lost"]:
        raise Failed("\n".join(lines))


def silence_is_a_loss(path):
    """What is not answered is lost, and what is answered late, or by something
    else, is not taken for the next one's answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        peer.bind(("127.0.0.1", 0))
        with Program(path, "127.0.0.1", str(peer.getsockname()[1]), "2", "0",
                     says_port=False) as program:
            first, at = peer.recvfrom(100)
            if program.line() != "1: lost (Connection timed out)":
                raise Failed("it was not lost")
            second, _ = peer.recvfrom(100)
            for data in first, b"", b"x" * 50, second:
                peer.sendto(data, at)
            if not re.match(r"2: \d+\.\d+ ms$", program.line()):
                raise Failed("it did not come")
            if program.line() != "2 sent, 1 lost":
                raise Failed("they were not counted")
            if program.wait() != 1:
                raise Failed("its status")
            program.process.returncode = 0


def signals_end_it(path):
    """SIGINT and SIGTERM end the one that sends back, and the one that sends,
    which tells what it has counted."""
    both_signals_end(path, "0")
    with Program(path, "0") as server:
        for number in signal.SIGINT, signal.SIGTERM:
            with Program(path, "127.0.0.1", str(server.port), "1000", "100",
                         says_port=False) as program:
                program.line()
                status = program.end(number)
                said = program.process.stdout.read()
                if status != 0 or said != "1 sent, 0 lost\n":
                    raise Failed("status %d, %s" % (status, said))


def usage(path):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["x"], ["localhost", "x"], ["localhost", "1", "0"],
             ["localhost", "1", "1", "1", "1"])


if __name__ == "__main__":
    sys.exit(run([nothing_is_lost, both_families, closed_port_is_a_loss,
                  silence_is_a_loss, signals_end_it, usage], *sys.argv[1:]))
