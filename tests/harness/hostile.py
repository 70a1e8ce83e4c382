#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that mean no good, on raw sockets.

usage: hostile.py KIND ADDR PORT [N]     clients: idle, loris, body, slow, vanish
       hostile.py backend ADDR PORT      a server that answers as the request's path says

Clients print "ready" when they have done their worst, and hold what they have open until they are
ended. A server prints "ready" when it listens.
"""
import socket
import struct
import sys
import threading
import time

HEAD = b"GET / HTTP/1.1\r\nhost: shop.example.com\r\n"
LARGE = HEAD + b"x-do: bytes=100000000\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nhost: shop.example.com\r\ncontent-length: 1000\r\n"

# What a client that is not going to stay has said by then.
STAGES = (b"GET / HT", UPLOAD + b"\r\nabc", HEAD + b"\r\n", LARGE, (HEAD + b"\r\n") * 50,
          UPLOAD + b"expect: 100-continue\r\n\r\n", b"\x16\x03\x01" + b"q" * 100000)

OK = b"HTTP/1.1 200 OK\r\n"
EVIL = OK + b"content-length: 4\r\n\r\nevil"

ANSWERS = {
    "close": b"",
    "garbage": b"\x00\xff" * 2000,
    "head": OK + b"x: " + b"y" * 65536 + b"\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000,
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "chunk": OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    "trailers": OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + b"t: v\r\n" * 20000,
    "short": OK + b"content-length: 50\r\n\r\nhello",
    "both": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "bare": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "surplus": OK + b"content-length: 5\r\n\r\nhello" + EVIL,
}


def reset(sock):
    """Closes so that the peer gets a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def dial(addr, port):
    """A connection whose buffer is small."""
    sock = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(5)
    sock.connect((addr, port))
    return sock


def attack(kind, addr, port, count):
    """Returns what is held open."""
    held = []
    said = {"idle": b"", "loris": HEAD + b"x: ", "body": UPLOAD + b"\r\nx", "slow": LARGE}
    for nth in range(count):
        try:
            sock = dial(addr, port)
            sock.sendall(said[kind] if kind in said else STAGES[nth % len(STAGES)])
        except OSError:
            continue
        if kind in said:
            held.append(sock)
        else:
            time.sleep(0.002 * (nth % 3))
            reset(sock)
    return held


def answer(sock):
    """One connection of the server: one request after another."""
    try:
        head = b""
        while b"\r\n\r\n" not in head:
            got = sock.recv(65536)
            if not got:
                return
            head += got
        sock.sendall(ANSWERS[head.split(b" ", 2)[1].decode().strip("/")])
        # What is unread would turn the end into a RST, which is another matter.
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    except (OSError, KeyError):
        pass
    finally:
        sock.close()


def serve(addr, port):
    """Until it is ended."""
    listener = socket.create_server((addr, port), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def main():
    """See the usage above."""
    kind, addr, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "backend":
        serve(addr, port)
    held = attack(kind, addr, port, int(sys.argv[4]))
    print("ready", len(held), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main())
