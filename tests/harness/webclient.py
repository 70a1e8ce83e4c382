#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 client that counts: what web.py's answers said, and every request that failed.

usage: webclient.py [OPTION]... ADDR PORT
  -n N          requests in all (default 1); 0: until SIGTERM, which ends after the current ones
  -c N          threads, each with a connection of its own (default 1)
  -k            keep connections open (default: one each request)
  -i MS         pause between requests of a thread
  -t SECONDS    time limit of a request (default 10)
  -H 'N: V'     a request field, may be repeated; Host is --host
  --host H --path P --method M --body BYTES [--chunked] --tls --ca FILE --show

Prints "up" after the first success, and at the end a line of JSON: ok (answers of 2xx and 3xx),
failed (no whole answer), statuses, by (answers per x-name), connections, errors (texts and
counts), and with --show the last answer: status, headers, body. A kept connection that the server
has closed without a byte of an answer is opened again, which is counted as reopened and not as
failed; nothing else is tried twice.
"""
import argparse
import collections
import json
import signal
import socket
import ssl
import sys
import threading
import time


class Failure(Exception):
    """No whole answer."""


class Idle(Exception):
    """The server had closed a kept connection before this request got a byte of an answer."""


class Client:
    """What all threads share."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.left = options.n
        self.stopping = False
        self.up = False
        self.last = None
        self.count = {"ok": 0, "failed": 0, "connections": 0, "reopened": 0}
        self.statuses, self.by, self.errors = (collections.Counter() for _ in range(3))
        self.context = None
        if options.tls:
            self.context = ssl.create_default_context(cafile=options.ca)

    def more(self):
        """True when one more request is due."""
        with self.lock:
            if self.stopping or (self.options.n and self.left <= 0):
                return False
            self.left -= 1
            return True

    def note(self, answer):
        """Counts a whole answer."""
        status, headers, body = answer
        with self.lock:
            self.statuses[str(status)] += 1
            self.count["ok"] += 200 <= status < 400
            if "x-name" in headers:
                self.by[headers["x-name"]] += 1
            self.last = {"status": status, "headers": headers, "body": body.decode("latin-1")}
            if not self.up:
                self.up = True
                print("up", flush=True)

    def note_failure(self, error):
        """Counts a request without one."""
        with self.lock:
            self.count["failed"] += 1
            self.errors[str(error) or type(error).__name__] += 1

    def connect(self):
        """A new connection."""
        options = self.options
        sock = socket.create_connection((options.addr, options.port), timeout=options.t)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.count["connections"] += 1
        if self.context:
            sock = self.context.wrap_socket(sock, server_hostname=options.host.partition(":")[0])
        return sock, sock.makefile("rb")

    def request(self):
        """The bytes of a request."""
        options = self.options
        lines = [f"{options.method} {options.path} HTTP/1.1", f"host: {options.host}", *options.H]
        body = b"x" * options.body
        if options.chunked:
            lines.append("transfer-encoding: chunked")
            pieces = [body[at:at + 4096] for at in range(0, len(body), 4096)]
            body = b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in pieces) + b"0\r\n\r\n"
        elif options.body:
            lines.append(f"content-length: {options.body}")
        if not options.k:
            lines.append("connection: close")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def work(self):
        """One thread."""
        wire = self.request()
        kept = None
        while self.more():
            try:
                kept = self.once(wire, kept)
            except (Failure, OSError, ValueError) as error:
                kept = None
                self.note_failure(error)
            time.sleep(self.options.i / 1000)

    def once(self, wire, kept):
        """One request; returns the connection if it may be used again."""
        for fresh in (False, True):
            if fresh or not kept:
                fresh, kept = True, self.connect()
            try:
                answer, reusable = exchange(kept, wire, self.options.method)
                break
            except Idle:
                kept[0].close()
                if fresh:
                    raise Failure("closed without an answer") from None
                with self.lock:
                    self.count["reopened"] += 1
        self.note(answer)
        if reusable and self.options.k:
            return kept
        kept[0].close()
        return None


def exchange(connection, wire, method):
    """Sends a request and reads its answer: (status, headers, body), reusable."""
    sock, file = connection
    try:
        sock.sendall(wire)
        first = file.readline(65536)
    except (BrokenPipeError, ConnectionResetError):
        raise Idle from None
    if not first:
        raise Idle
    while True:
        status = int(first.split(b" ", 2)[1])
        headers = read_fields(file)
        if status >= 200:
            break
        first = file.readline(65536)
    body = b"" if method == "HEAD" or status in (204, 304) else read_body(file, headers)
    return (status, headers, body or b""), body is not None and headers.get("connection") != "close"


def read_fields(file):
    """Header or trailer fields."""
    fields = {}
    while True:
        line = file.readline(65536)
        if not line.endswith(b"\r\n"):
            raise Failure("cut in the head")
        if line == b"\r\n":
            return fields
        name, _, value = line[:-2].decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()


def read_all(file, size):
    """That many bytes."""
    data = file.read(size)
    if len(data) != size:
        raise Failure("cut in the body")
    return data


def read_body(file, headers):
    """The whole body."""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            line = file.readline(100)
            if not line.endswith(b"\r\n"):
                raise Failure("cut in a chunk")
            size = int(line, 16)
            if not size:
                read_fields(file)
                return body
            body += read_all(file, size)
            read_all(file, 2)
    if "content-length" in headers:
        return read_all(file, int(headers["content-length"]))
    return file.read()


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("addr")
    parser.add_argument("port", type=int)
    for name, kind, default in (("-n", int, 1), ("-c", int, 1), ("-i", float, 0), ("-t", float, 10),
                                ("--host", str, "shop.example.com"), ("--path", str, "/"),
                                ("--method", str, "GET"), ("--body", int, 0), ("--ca", str, None)):
        parser.add_argument(name, type=kind, default=default)
    for name in ("-k", "--chunked", "--tls", "--show"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("-H", action="append", default=[])
    client = Client(parser.parse_args())

    def stop(_signum, _frame):
        client.stopping = True

    signal.signal(signal.SIGTERM, stop)
    threads = [threading.Thread(target=client.work) for _ in range(client.options.c)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {**client.count, "statuses": client.statuses, "by": client.by, "errors": client.errors}
    if client.options.show:
        told["answer"] = client.last
    print(json.dumps(told))


if __name__ == "__main__":
    sys.exit(main())
