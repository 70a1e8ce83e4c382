# SPDX-License-Identifier: Apache-2.0
"""What tests say and hear on a rig's segment about who has an address."""
import contextlib
import json
import select
import socket
import struct
import time

from proc import entered, eventually
from rig import CLIENT

ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD
# Of <linux/if_packet.h>; Python has no names for them.
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
SO_RCVBUFFORCE = 33
ASKER = bytes.fromhex("0200000000aa")


def mac(node):
    """The link address of a node's NIC, as ip shows it."""
    return json.loads(node.host.run(["ip", "-j", "link", "show", "eth0"]).stdout)[0]["address"]


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp_request(addr):
    """Who has the address? (RFC 826)"""
    return (b"\xff" * 6 + ASKER + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1) + ASKER +
            socket.inet_aton(CLIENT[4]) + bytes(6) + socket.inet_aton(addr))


def solicitation(addr):
    """The same for IPv6 (RFC 4861)."""
    target = socket.inet_pton(socket.AF_INET6, addr)
    src = socket.inet_pton(socket.AF_INET6, CLIENT[6])
    dst = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\x01\x01" + ASKER
    pseudo = src + dst + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return (b"\x33\x33" + dst[12:] + ASKER + struct.pack("!HIHBB", ETH_P_IPV6, 0x60000000,
                                                         len(body), 58, 255) + src + dst + body)


def is_answer(frame, addr):
    """True for an answer to one of the questions above: solicited, with neighbour discovery."""
    if ":" not in addr:
        return frame[20:22] == b"\x00\x02" and frame[28:32] == socket.inet_aton(addr)
    return (frame[20] == 58 and frame[54] == 136 and frame[58] & 0x40 and
            frame[62:78] == socket.inet_pton(socket.AF_INET6, addr))


@contextlib.contextmanager
def listening(rig, ethertype):
    """A socket at the client's NIC that hears all there is of a type."""
    with entered(rig.client.netns):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
        index = socket.if_nametoindex("eth0")
    with sock:
        sock.bind(("eth0", ethertype))
        # Also what is sent to a link address that the NIC has not.
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                        struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b""))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        yield sock


def frames(sock, seconds=0.4):
    """What comes in within that time."""
    end = time.monotonic() + seconds
    while select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
        yield sock.recv(2048)


def ask(rig, addr):
    """Asks the segment; the link addresses that answer, one for each answer."""
    with listening(rig, ETH_P_IPV6 if ":" in addr else ETH_P_ARP) as sock:
        sock.send(solicitation(addr) if ":" in addr else arp_request(addr))
        return [frame[6:12].hex(":") for frame in frames(sock) if is_answer(frame, addr)]


def answered(frame):
    """The address that a frame gives in answer to a question as those above, or None."""
    if frame[12:14] == struct.pack("!H", ETH_P_ARP) and frame[20:22] == b"\x00\x02":
        return socket.inet_ntoa(frame[28:32])
    if frame[20] == 58 and frame[54] == 136 and frame[58] & 0x40:
        return socket.inet_ntop(socket.AF_INET6, frame[62:78])
    return None


def owners(rig, addrs):
    """Asks the segment for many addresses at once: the link addresses that answer for each."""
    found = {addr: [] for addr in addrs}
    with listening(rig, ETH_P_ARP) as four, listening(rig, ETH_P_IPV6) as six:
        for addr in addrs:
            if ":" in addr:
                six.send(solicitation(addr))
            else:
                four.send(arp_request(addr))
        for sock in (four, six):
            for frame in frames(sock):
                if answered(frame) in found:
                    found[answered(frame)].append(frame[6:12].hex(":"))
    return found


def neighbour(place, addr):
    """The link address of a neighbour, as a place's kernel knows it, or None."""
    shown = place.run(["ip", "-j", "neigh", "show", addr, "dev", "eth0"]).stdout
    return json.loads(shown)[0].get("lladdr") if json.loads(shown) else None


def met(rig, *nodes):
    """Waits until these nodes (none: all) count with each other."""
    for node in nodes or rig.nodes:
        eventually(lambda n=node: sum(peer["counts"] for peer in view(n)["peers"]) ==
                   len(nodes or rig.nodes) - 1)


def view(node):
    """Who is heard, and what is announced, by a node's own words."""
    return node.naructl_json("announce")


def announcements(sock, addr, seconds=0.4):
    """The link addresses that said within that time, without being asked, to have an address."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in addr else socket.AF_INET, addr)
    found = []
    for frame in frames(sock, seconds):
        if ":" in addr:
            told = (frame[20] == 58 and frame[54] == 136 and frame[58] == 0x20 and
                    frame[62:78] == packed)
        else:
            told = frame[20:22] == b"\x00\x01" and frame[28:32] == frame[38:42] == packed
        if told:
            found.append(frame[6:12].hex(":"))
    return found


def announcement(addr, link=ASKER):
    """What a machine with that address would say."""
    if ":" not in addr:
        packed = socket.inet_aton(addr)
        return (b"\xff" * 6 + link + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1) + link +
                packed + bytes(6) + packed)
    packed = socket.inet_pton(socket.AF_INET6, addr)
    dst = socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + packed + b"\x02\x01" + link
    pseudo = packed + dst + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return (b"\x33\x33\x00\x00\x00\x01" + link +
            struct.pack("!HIHBB", ETH_P_IPV6, 0x60000000, len(body), 58, 255) + packed + dst + body)
