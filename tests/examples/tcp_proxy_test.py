#!/usr/bin/env python3
"""usage: tcp_proxy_test.py PROGRAM

TEST_LONG=1 passes 4 GiB through it instead of 256 MiB."""

import os
import random
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True

from program import (PATIENCE, SANITIZED, Failed, Program, both_signals_end,
                     receive, receive_all, run, until, usage_of)

MIB = 1 << 20
THROUGH = 4096 * MIB if os.environ.get("TEST_LONG") else 256 * MIB
GROWTH_MOST = 1024 * SANITIZED  # KiB, however much goes through
AHEAD_MOST = 64  # MiB that sockets between writer and reader may hold


class Target:
    """A listening socket, and what connects to it."""

    def __init__(self, buffer=None):
        self.listener = socket.socket()
        self.listener.settimeout(PATIENCE)
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                     buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1000)
        self.port = str(self.listener.getsockname()[1])

    def accept(self):
        s, _ = self.listener.accept()
        s.settimeout(PATIENCE)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()


def bytes_both_ways(path):
    """Bytes go both ways, unchanged, for many clients."""
    chance = random.Random(2)
    with Target() as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        pairs = []
        for _ in range(50):
            client = proxy.connect()
            pairs.append((client, target.accept()))
        for _ in range(5):
            for a, b in pairs + [(b, a) for a, b in pairs]:
                data = chance.randbytes(chance.randrange(1, 50000))
                a.sendall(data)
                if receive(b, len(data)) != data:
                    raise Failed("other bytes arrived")
        for a, b in pairs:
            a.close()
            b.close()


def half_close_passes(path):
    """The end of one direction is passed on, and the other goes on."""
    with Target() as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        for first_ends in True, False:
            client = proxy.connect()
            server = target.accept()
            one, other = (client, server) if first_ends else (server, client)
            one.sendall(b"question")
            one.shutdown(socket.SHUT_WR)
            if receive_all(other) != b"question":
                raise Failed("the end did not come with the data")
            other.sendall(b"answer")
            other.shutdown(socket.SHUT_WR)
            if receive_all(one) != b"answer":
                raise Failed("the other direction did not go on")
            one.close()
            other.close()


def refused(path):
    """A target that refuses ends the client's connection, and is told of; once
    it is there, it is used."""
    with Target() as target:
        port = target.port
    with Program(path, "0", "127.0.0.1", port) as proxy:
        proxy.quiet = False
        with proxy.connect() as client:
            if receive_all(client) != b"":
                raise Failed("it answered")
        if "port %s: Connection refused" % port not in proxy.said():
            raise Failed("said: " + proxy.said())
        listener = socket.create_server(("127.0.0.1", int(port)))
        with proxy.connect() as client, listener.accept()[0] as server:
            client.sendall(b"now")
            receive(server, 3)
        listener.close()


def reset_passes(path):
    """A reset on one side ends the connection on the other, with nothing left
    open."""
    with Target() as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        before = proxy.descriptors()
        for first_resets in True, False:
            client = proxy.connect()
            server = target.accept()
            one, other = (client, server) if first_resets else (server, client)
            one.sendall(b"x")
            receive(other, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
            one.close()
            try:
                receive_all(other)
            except ConnectionResetError:
                pass
            other.close()
        until("descriptors to be closed",
              lambda: proxy.descriptors() == before)


class Writer(threading.Thread):
    """Writes the same MiB over and over, as fast as it can."""

    def __init__(self, s, data, size):
        super().__init__(daemon=True)
        self.socket, self.data, self.left = s, data, size
        self.start()

    def run(self):
        while self.left > 0:
            self.socket.sendall(self.data)
            self.left -= len(self.data)

    def is_held_up(self):
        left = self.left
        time.sleep(0.05)
        return left == self.left


def slow_reader_grows_no_memory(path):
    """A fast writer and a slow reader: all of it arrives, the writer is held
    up, and memory is flat."""
    data = random.Random(3).randbytes(MIB)
    with Target(buffer=65536) as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        client, reader = proxy.connect(), target.accept()
        started = time.monotonic()
        writer = Writer(client, data, THROUGH)
        before = most = 0
        for read in range(THROUGH // MIB):
            if read % 32 == 0:
                until("the writer to be held up", writer.is_held_up)
                ahead = THROUGH // MIB - writer.left // MIB - read
                if ahead > AHEAD_MOST:
                    raise Failed("the writer is %d MiB ahead" % ahead)
            if receive(reader, MIB) != data:
                raise Failed("other bytes arrived, after %d MiB" % read)
            if read == THROUGH // MIB // 4:
                before = proxy.memory()
            if read % 8 == 0:
                most = max(most, proxy.memory())
        print("# %d MiB in %.1f s; %d KiB resident after a quarter, at most "
              "%d KiB" % (THROUGH // MIB, time.monotonic() - started, before,
                          most))
        if most - before > GROWTH_MOST:
            raise Failed("memory grew by %d KiB" % (most - before))
        writer.join()
        client.close()
        reader.close()


def slow_reader_slows_nobody_else(path):
    """While one reader stands still, what others send goes through."""
    data = random.Random(4).randbytes(MIB)
    with Target(buffer=65536) as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        stuck, stands_still = proxy.connect(), target.accept()
        writer = Writer(stuck, data, 256 * MIB)
        until("the writer to be held up", writer.is_held_up)
        client, reader = proxy.connect(), target.accept()
        other = Writer(client, data, 64 * MIB)
        for _ in range(64):
            if receive(reader, MIB) != data:
                raise Failed("other bytes arrived")
        other.join()
        if not writer.is_held_up() or writer.left == 0:
            raise Failed("nothing held the other one up")
        for _ in range(256):
            if receive(stands_still, MIB) != data:
                raise Failed("other bytes arrived where it stood still")
        writer.join()
        for s in stuck, stands_still, client, reader:
            s.close()


def signals_end_it(path):
    """SIGINT and SIGTERM end it, with a connection that stands still too."""
    both_signals_end(path, "0", "127.0.0.1", "9")
    with Target(buffer=4096) as target, \
            Program(path, "0", "127.0.0.1", target.port) as proxy:
        client, reader = proxy.connect(), target.accept()
        client.setblocking(False)
        try:
            while True:
                client.send(bytes(65536))
        except BlockingIOError:
            pass
        if proxy.end() != 0:
            raise Failed("it ended badly: " + proxy.said())
        client.close()
        reader.close()


def usage(path):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["0", "localhost"], ["x", "localhost", "80"],
             ["0", "localhost", "0"])


if __name__ == "__main__":
    sys.exit(run([bytes_both_ways, half_close_passes, refused, reset_passes,
                  slow_reader_grows_no_memory, slow_reader_slows_nobody_else,
                  signals_end_it, usage],
                 *sys.argv[1:]))
