#!/usr/bin/env python3
"""usage: chat_server_test.py PROGRAM"""

import socket
import sys

sys.dont_write_bytecode = True

from program import (SANITIZED, Failed, Program, both_signals_end, run,
                     until, usage_of)


class Client:
    def __init__(self, server, name, **how):
        self.socket = server.connect(**how)
        self.file = self.socket.makefile("rb")
        self.say(name)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def hears(self, *lines):
        for line in lines:
            heard = self.file.readline().decode()
            if heard != line + "\n":
                raise Failed("heard %r and not %r" % (heard, line))

    def leave(self):
        self.socket.close()
        self.file.close()


def lines_fan_out(path):
    """What one says all others hear, by its name and in order, and it does
    not."""
    with Program(path, "0") as server:
        ann = Client(server, "ann")
        others = []
        for i in range(20):
            others.append(Client(server, "other%d" % i))
            for who in [ann] + others[:-1]:
                who.hears("other%d has come" % i)
        for i in range(50):
            ann.say("line %d" % i)
            for who in others:
                who.hears("ann: line %d" % i)
        others[0].say("hello, ann\r")
        ann.hears("other0: hello, ann")
        for who in others[1:]:
            who.hears("other0: hello, ann")
        ann.leave()
        for who in others:
            who.hears("ann has left")
            who.leave()


def who_does_not_read_is_shown_the_door(path):
    """A client that does not read is dropped, and the others miss nothing."""
    with Program(path, "0") as server:
        ann, bob = Client(server, "ann"), Client(server, "bob")
        ann.hears("bob has come")
        deaf = Client(server, "deaf", buffer=2048)
        ann.hears("deaf has come")
        bob.hears("deaf has come")
        before = server.memory()
        said, gone = 0, False
        while not gone:
            ann.say("%0300d" % said)
            heard = bob.file.readline().decode()
            if heard == "deaf has left\n":
                gone = True
                heard = bob.file.readline().decode()
            if heard != "ann: %0300d\n" % said:
                raise Failed("bob heard " + heard)
            said += 1
            if said > 100000:
                raise Failed("it is still there")
        ann.hears("deaf has left")
        if server.memory() - before > 4096 * SANITIZED:
            raise Failed("its memory grew by %d KiB" % (
                server.memory() - before))
        ann.leave()
        bob.hears("ann has left")
        bob.leave()
        deaf.leave()


def long_lines_end_it(path):
    """A line or a name without an end is not collected: its sender is dropped,
    and no word of it is passed on."""
    with Program(path, "0") as server:
        ann, bob = Client(server, "ann"), Client(server, "bob")
        ann.hears("bob has come")
        bob.socket.sendall(bytes(b"x" * 500))
        ann.hears("bob has left")
        nameless = server.connect()
        nameless.sendall(b"x" * 500)
        if nameless.recv(1) != b"":
            raise Failed("it was told something")
        cut = Client(server, "n" * 30)
        ann.hears("n" * 20 + " has come")
        for who in ann, bob, cut:
            who.leave()
        nameless.close()


def leaves_nothing(path):
    """Who comes, talks and goes leaves no descriptor behind."""
    with Program(path, "0") as server:
        before = server.descriptors()
        for _ in range(20):
            crowd = [Client(server, "c%d" % i) for i in range(10)]
            for who in crowd:
                who.say("hello")
            # All are in before any leaves, and all are gone before the next
            # come: what several crowds say at once may be more than a client
            # may have unsent, and it would be shown the door.
            until("everybody to be let in",
                  lambda: server.descriptors() == before + len(crowd))
            for who in crowd:
                who.socket.shutdown(socket.SHUT_WR)
            for who in crowd:
                who.leave()
            until("descriptors to be closed",
                  lambda: server.descriptors() == before)


def signals_end_it(path):
    """SIGINT and SIGTERM end it, with clients in the room too."""
    both_signals_end(path, "0")
    with Program(path, "0") as server:
        ann, bob = Client(server, "ann"), Client(server, "bob")
        ann.hears("bob has come")
        if server.end() != 0:
            raise Failed("it ended badly: " + server.said())
        ann.leave()
        bob.leave()


def usage(path):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["x"], ["1", "2"])


if __name__ == "__main__":
    sys.exit(run([lines_fan_out, who_does_not_read_is_shown_the_door,
                  long_lines_end_it, leaves_nothing, signals_end_it, usage],
                 *sys.argv[1:]))
