#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A flood of datagrams, each from another client: what fills the maps of flows.

usage: spray.py ADDR PORT RATE     RATE a second, from 198.18.0.0/15 or 2001:2::/48 (benchmarking)

Runs until it is ended. Answers go where the receiver's routes lead them; nobody takes them.
"""
import ipaddress
import itertools
import socket
import struct
import sys
import time

SOURCES = {4: ipaddress.ip_network("198.18.0.0/15"), 6: ipaddress.ip_network("2001:2::/48")}
PORTS = (1024, 65536)
BATCH_S = 0.01


def checksum(data):
    """RFC 1071, of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def datagram(source, sport, destination, port):
    """An IP packet; the kernel sums the header of IPv4, and UDP need not be summed there."""
    payload = b"spray...".ljust(16, b".")
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", sport, port, length, 0) + payload
    if source.version == 4:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                           source.packed, destination.packed) + udp
    addrs = source.packed + destination.packed
    total = checksum(addrs + struct.pack("!II", length, socket.IPPROTO_UDP) + udp) or 0xffff
    udp = udp[:6] + struct.pack("!H", total) + udp[8:]
    return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + addrs + udp


def clients(family):
    """Every port of every address, one after the other."""
    for source in itertools.cycle(SOURCES[family]):
        for sport in range(*PORTS):
            yield source, sport


def main():
    """Sends."""
    destination, port, rate = ipaddress.ip_address(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender = clients(destination.version)
    due = time.monotonic()
    while True:
        for source, sport in itertools.islice(sender, max(1, int(rate * BATCH_S))):
            raw.sendto(datagram(source, sport, destination, port), (str(destination), 0))
        due += BATCH_S
        time.sleep(max(0, due - time.monotonic()))


if __name__ == "__main__":
    main()
