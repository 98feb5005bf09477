#!/usr/bin/env python3
"""usage: tls_forward_test.py PROGRAM

Against it: Python's ssl, curl and openssl s_client, as they are installed."""

import http.server
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True

from program import (PATIENCE, Failed, Program, Tap, both_signals_end, receive,
                     receive_all, until, usage_of)

MIB = 1 << 20


class Certificate:
    """One of its own making, for localhost and 127.0.0.1."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="rota-forward-")
        self.cert = os.path.join(self.folder.name, "cert.pem")
        self.key = os.path.join(self.folder.name, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.key, "-out", self.cert],
            check=True, stderr=subprocess.DEVNULL, timeout=PATIENCE)

    def forward(self, path, port):
        return Program(path, "0", self.cert, self.key, "127.0.0.1", str(port))

    def connect(self, program):
        context = ssl.create_default_context(cafile=self.cert)
        return context.wrap_socket(program.connect(),
                                   server_hostname="localhost")


def bytes_both_ways(path, certificate):
    """Bytes go both ways, unchanged, TLS on one side and none on the
    other."""
    data = random.Random(5).randbytes(4 * MIB)
    with socket.create_server(("127.0.0.1", 0)) as target, \
            certificate.forward(path, target.getsockname()[1]) as program:
        pairs = []
        for _ in range(20):
            client = certificate.connect(program)
            pairs.append((client, target.accept()[0]))
        for client, server in pairs:
            for a, b in (client, server), (server, client):
                writer = threading.Thread(target=a.sendall, args=[data])
                writer.start()
                if receive(b, len(data)) != data:
                    raise Failed("other bytes arrived")
                writer.join()
        for client, server in pairs:
            client.close()
            server.close()


def ends_pass(path, certificate):
    """The end of the plain side is the end of the TLS side, said by the
    protocol, and the other way round."""
    with socket.create_server(("127.0.0.1", 0)) as target, \
            certificate.forward(path, target.getsockname()[1]) as program:
        before = program.descriptors()
        client = certificate.connect(program)
        server = target.accept()[0]
        server.sendall(b"all there is")
        server.shutdown(socket.SHUT_WR)
        if receive_all(client) != b"all there is":  # an error without the word
            raise Failed("other bytes arrived")
        client.sendall(b"mine")
        client.unwrap().close()
        if receive_all(server) != b"mine":
            raise Failed("the end did not come")
        server.close()
        until("descriptors to be closed",
              lambda: program.descriptors() == before)


def who_speaks_no_tls_goes_nowhere(path, certificate):
    """Who speaks no TLS is refused, told of, and nothing of it is passed on;
    the next one is served."""
    with socket.create_server(("127.0.0.1", 0)) as target, \
            certificate.forward(path, target.getsockname()[1]) as program:
        program.quiet = False
        with program.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
            try:
                receive_all(client)
            except ConnectionResetError:
                pass
        until("a word about it", lambda: "no TLS: " in program.said())
        target.settimeout(0.1)
        try:
            target.accept()
            raise Failed("it was passed on")
        except TimeoutError:
            pass
        with certificate.connect(program):
            target.settimeout(PATIENCE)
            target.accept()[0].close()


def target_refuses(path, certificate):
    """A target that refuses ends the client's connection, and is told of."""
    with socket.create_server(("127.0.0.1", 0)) as target:
        port = target.getsockname()[1]
    with certificate.forward(path, port) as program:
        program.quiet = False
        with certificate.connect(program) as client:
            if receive_all(client) != b"":
                raise Failed("it answered")
        if "port %d: Connection refused" % port not in program.said():
            raise Failed("said: " + program.said())


class Page(http.server.BaseHTTPRequestHandler):
    text = b"plain as can be" * 10000

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *unused):
        pass


def with_pages(check, path, certificate):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        with certificate.forward(path, pages.server_port) as program:
            check(program, certificate)
        pages.shutdown()


def said_by(*command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, **how)
    if done.returncode != 0:
        raise Failed("%s: %s" % (command[0], done.stderr.decode()))
    return done.stdout


def curl(program, certificate):
    for host in "localhost", "127.0.0.1":
        got = said_by("curl", "-sS", "--noproxy", "*", "--cacert",
                      certificate.cert,
                      "https://%s:%d/" % (host, program.port))
        if got != Page.text:
            raise Failed("curl got %r" % got[:100])


def s_client(program, certificate):
    for version in "-tls1_2", "-tls1_3":
        got = said_by("openssl", "s_client", "-quiet", "-verify_return_error",
                      "-CAfile", certificate.cert, "-verify_hostname",
                      "localhost", version, "-connect",
                      "127.0.0.1:%d" % program.port,
                      input=b"GET / HTTP/1.0\r\n\r\n")
        if not got.endswith(Page.text):
            raise Failed("s_client got %r" % got[:100])


def signals_end_it(path, certificate):
    """SIGINT and SIGTERM end it, with a connection that is open too."""
    both_signals_end(path, "0", certificate.cert, certificate.key,
                     "127.0.0.1", "9")
    with socket.create_server(("127.0.0.1", 0)) as target, \
            certificate.forward(path, target.getsockname()[1]) as program:
        client = certificate.connect(program)
        if program.end() != 0:
            raise Failed("it ended badly: " + program.said())
        client.close()


def bad_files(path, certificate):
    """A certificate that is not there, and a key that is not its own, are
    errors that say so."""
    for cert, key, word in (("/nowhere", certificate.key, "No such file"),
                            (certificate.cert, certificate.cert, "key")):
        with Program(path, "0", cert, key, "127.0.0.1", "9",
                     says_port=False) as program:
            program.quiet = False
            if program.wait() != 1 or word not in program.said():
                raise Failed("said: " + program.said())
            program.process.returncode = 0


def usage(path, certificate):
    """Wrong arguments are met with a line of usage."""
    usage_of(path, [], ["0"], ["x", certificate.cert, certificate.key,
                               "localhost", "80"])


def main(path):
    tap = Tap()
    certificate = Certificate()
    for test in (bytes_both_ways, ends_pass, who_speaks_no_tls_goes_nowhere,
                 target_refuses, signals_end_it, bad_files, usage):
        tap.test(" ".join(test.__doc__.split()).rstrip("."), test, path,
                 certificate)
    for tool, check in ("curl", curl), ("openssl", s_client):
        name = "%s gets a page through it" % tool
        if shutil.which(tool):
            tap.test(name, with_pages, check, path, certificate)
        else:
            tap.skip(name, "not installed")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
