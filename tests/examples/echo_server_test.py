#!/usr/bin/env python3
"""usage: echo_server_test.py PROGRAM"""

import random
import socket
import struct
import sys

sys.dont_write_bytecode = True

from program import (Failed, Program, both_signals_end, receive, receive_all,
                     run, until, usage_of)


def bytes_come_back(path):
    """What many clients send at once comes back to each of them."""
    chance = random.Random(1)
    with Program(path, "0") as server:
        clients = [server.connect() for _ in range(200)]
        for _ in range(5):
            sent = [chance.randbytes(chance.randrange(1, 30000))
                    for _ in clients]
            for client, data in zip(clients, sent):
                client.sendall(data)
            for client, data in zip(clients, sent):
                if receive(client, len(data)) != data:
                    raise Failed("other bytes came back")
        for client in clients:
            client.shutdown(socket.SHUT_WR)
            if receive_all(client) != b"":
                raise Failed("more came back than was sent")
            client.close()


def leaves_nothing(path):
    """Connections that have ended, by the end or by a reset, leave no
    descriptor behind."""
    with Program(path, "0") as server:
        before = server.descriptors()
        for reset in False, True:
            clients = [server.connect() for _ in range(50)]
            for client in clients:
                client.sendall(b"hello")
                receive(client, 5)
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
                client.close()
            until("descriptors to be closed",
                  lambda: server.descriptors() == before)


def stuck_client_is_left(path):
    """A client that does not read keeps nobody waiting, not even the end."""
    with Program(path, "0") as server:
        stuck = server.connect(buffer=4096)
        stuck.setblocking(False)
        try:
            while True:
                stuck.send(bytes(65536))
        except BlockingIOError:
            pass
        with server.connect() as other:
            other.sendall(b"and me?")
            receive(other, 7)
        if server.end() != 0:
            raise Failed("it ended badly: " + server.said())
        stuck.close()


def signals_end_it(path):
    """SIGINT and SIGTERM end it."""
    both_signals_end(path, "0")


def clients_are_ended(path):
    """Its clients meet the end of the stream when it ends."""
    with Program(path, "0") as server:
        client = server.connect()
        client.sendall(b"x")
        receive(client, 1)
        if server.end() != 0 or receive_all(client) != b"":
            raise Failed("it ended badly: " + server.said())
        client.close()


def port_is_taken(path):
    """A port that is taken is an error that says so."""
    with Program(path, "0") as server:
        with Program(path, str(server.port), says_port=False) as second:
            second.quiet = False
            if second.wait() != 1 or "in use" not in second.said():
                raise Failed("said: " + second.said())
            second.process.returncode = 0


def usage(path):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["x"], ["-1"], ["65536"], ["1", "2"])


if __name__ == "__main__":
    sys.exit(run([bytes_come_back, leaves_nothing, stuck_client_is_left,
                  signals_end_it, clients_are_ended, port_is_taken, usage],
                 *sys.argv[1:]))
