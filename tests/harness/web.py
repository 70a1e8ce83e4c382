#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 server that stands in for a pod, and does what a request asks of it.

usage: web.py --name NAME --port PORT [--bind ADDR]     prints "ready" when it listens

An answer is 200 with a JSON body: name, method, target, headers (as pairs) and body_bytes of the
request, request and connection (their numbers) and nth (of that connection). A request field
`x-do` changes that; its words are separated by spaces and may be limited to one server by a leading
"NAME:":
  status=N        answer N             delay=MS      wait before answering
  bytes=N         a body of N bytes    chunked       send the body in chunks
  close           close without an answer            cut           close in the middle of the body
  every=N         what follows only for each Nth request of this server, counted from the first
  surplus         send bytes beyond the answer       slow=MS       wait between pieces of the body
"""
import argparse
import json
import socket
import sys
import threading
import time

PIECE = 8192
PATTERN = b"0123456789abcdef" * (PIECE // 16)
SURPLUS = b"HTTP/1.1 200 Smuggled\r\ncontent-length: 0\r\n\r\n"


class Closed(Exception):
    """The peer is gone, or the connection is to be closed."""


class Server:
    """Counts requests over all connections."""

    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.requests = 0
        self.connections = 0

    def count_connection(self):
        """The number of a new connection."""
        with self.lock:
            self.connections += 1
            return self.connections

    def count_request(self):
        """The number of a new request."""
        with self.lock:
            self.requests += 1
            return self.requests


class Connection:
    """One client, request after request."""

    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self.file = sock.makefile("rb")
        self.number = server.count_connection()
        self.nth = 0

    def line(self):
        """A line without its end."""
        line = self.file.readline(65536)
        if not line.endswith(b"\r\n"):
            raise Closed
        return line[:-2].decode("latin-1")

    def read_head(self):
        """Method, target, fields."""
        method, target, _ = self.line().split(" ", 2)
        fields = []
        while True:
            line = self.line()
            if not line:
                return method, target, fields
            name, _, value = line.partition(":")
            fields.append((name.lower(), value.strip()))

    def read_body(self, fields):
        """How many bytes the body had."""
        fields = dict(fields)
        if fields.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fields.get("transfer-encoding") != "chunked":
            return self.skip(int(fields.get("content-length", 0)))
        total = 0
        while True:
            size = int(self.line().partition(";")[0], 16)
            if not size:
                while self.line():
                    pass
                return total
            total += self.skip(size)
            self.line()

    def skip(self, size):
        """Reads that many bytes."""
        left = size
        while left:
            got = self.file.read(min(left, PIECE))
            if not got:
                raise Closed
            left -= len(got)
        return size

    def orders(self, text, request):
        """What x-do asks of this server: a dictionary."""
        name, colon, rest = text.partition(":")
        if colon:
            if name != self.server.name:
                return {}
            text = rest
        done = {}
        for word in text.split():
            key, _, value = word.partition("=")
            if key == "every":
                if (request - 1) % int(value):
                    break
            else:
                done[key] = value
        return done

    def send_body(self, body, size, orders):
        """In pieces; cut in the middle if asked for. Without a body the pattern, which is never
        made as a whole: many clients ask for very much and do not stay to get it."""
        pause = int(orders.get("slow", 0)) / 1000
        end = size // 2 if "cut" in orders else size
        for at in range(0, end, PIECE):
            until = min(at + PIECE, end)
            piece = PATTERN[:until - at] if body is None else body[at:until]
            if "chunked" in orders:
                piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
            self.sock.sendall(piece)
            time.sleep(pause)
        if "cut" in orders:
            raise Closed
        if "chunked" in orders:
            self.sock.sendall(b"0\r\n\r\n")

    def serve_one(self):
        """One request."""
        method, target, fields = self.read_head()
        self.nth += 1
        request = self.server.count_request()
        orders = self.orders(dict(fields).get("x-do", ""), request)
        received = self.read_body(fields)
        time.sleep(int(orders.get("delay", 0)) / 1000)
        if "close" in orders:
            raise Closed
        body = None if "bytes" in orders else json.dumps({
            "name": self.server.name, "method": method, "target": target, "headers": fields,
            "body_bytes": received, "request": request, "connection": self.number,
            "nth": self.nth}).encode() + b"\n"
        size = int(orders["bytes"]) if body is None else len(body)
        length = f"content-length: {size}"
        if "chunked" in orders:
            length = "transfer-encoding: chunked"
        status = int(orders.get("status", 200))
        head = f"HTTP/1.1 {status} Told\r\nx-name: {self.server.name}\r\n{length}\r\n\r\n"
        if "surplus" in orders:
            # In one piece: what comes later can only be taken for the next answer.
            self.sock.sendall(head.encode() + (body or b"") + SURPLUS)
            return
        self.sock.sendall(head.encode())
        if method != "HEAD" and status not in (204, 304):
            self.send_body(body, size, orders)
        if dict(fields).get("connection", "").lower() == "close":
            raise Closed

    def run(self):
        """Until the client goes."""
        try:
            while True:
                self.serve_one()
        except (Closed, OSError, ValueError):
            pass
        finally:
            self.sock.close()


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bind", default="::")
    options = parser.parse_args()
    family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((options.bind, options.port))
    listener.listen(1024)
    server = Server(options.name)
    print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(server, sock).run, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
