# SPDX-License-Identifier: Apache-2.0
"""An address that both nodes have by a local route: who asks on the segment gets one answer.

For the packet path by itself the entries of steer_vip are written by hand; with a Gateway they come
from its manifest, and a proxy serves on both nodes."""
import contextlib
import ipaddress
import json
import select
import socket
import struct
import time

import gateway as gw
import objects
import pytest
from conftest import made
from edge import edge_made
from proc import entered, eventually, run
from rig import CLIENT, ip

VIP = {4: "192.168.77.200", 6: "fd77::200"}
ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD
# Of <linux/if_packet.h>; Python has no names for them.
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
ASKER = bytes.fromhex("0200000000aa")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with the address; node 1 announces it."""
    with made() as rig:
        for node in rig.nodes:
            for addr in VIP.values():
                ip(node.netns, f"route add local {addr} dev lo")
        yield rig


def key(addr):
    """An address as the maps have it, in bpftool's words."""
    addr = ipaddress.ip_address(addr)
    packed = addr.packed if addr.version == 6 else bytes(10) + b"\xff\xff" + addr.packed
    return ["hex", *(f"{byte:02x}" for byte in packed)]


def announce(rig, who, *others):
    """Makes a node the announcer, and others ones that keep still; the rest knows nothing."""
    for node in rig.nodes:
        for addr in VIP.values():
            pinned = ["pinned", node.pinned("steer_vip"), "key", *key(addr)]
            if node is who or node in others:
                flag = "01" if node is who else "00"
                run(["bpftool", "map", "update", *pinned, "value", "hex", flag, "00", "00", "00"])
            else:
                run(["bpftool", "map", "delete", *pinned], check=False)


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
    """True for an answer to one of the questions above."""
    if ":" not in addr:
        return frame[20:22] == b"\x00\x02" and frame[28:32] == socket.inet_aton(addr)
    return (frame[20] == 58 and frame[54] == 136 and
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
        yield sock


def frames(sock, seconds=0.4):
    """What comes in within that time."""
    end = time.monotonic() + seconds
    while select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
        yield sock.recv(2048)


def ask(rig, family, addr=None):
    """Asks the segment; the link addresses that answer, one for each answer."""
    addr = addr or VIP[family]
    with listening(rig, ETH_P_ARP if family == 4 else ETH_P_IPV6) as sock:
        sock.send(arp_request(addr) if family == 4 else solicitation(addr))
        return [frame[6:12].hex(":") for frame in frames(sock) if is_answer(frame, addr)]


def reaches(rig, family):
    """True when the client reaches the address: a port that nobody has is refused."""
    with entered(rig.client.netns):
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    with sock:
        sock.settimeout(1)
        try:
            sock.connect((VIP[family], 9))
        except ConnectionRefusedError:
            return True
        except OSError:
            pass
    return False


def neighbour(place, addr):
    """The link address of a neighbour, as a place's kernel knows it, or None."""
    shown = place.run(["ip", "-j", "neigh", "show", addr, "dev", "eth0"]).stdout
    return json.loads(shown)[0].get("lladdr") if json.loads(shown) else None


def test_announcer_alone_answers(cluster, family):
    """One answer, from the announcer, whoever that is."""
    first, second = cluster.nodes
    for who, other in ((first, second), (second, first)):
        announce(cluster, who, other)
        assert ask(cluster, family) == [mac(who)]


def test_nobody_announces(cluster, family):
    """Addresses of Services are asked for in vain."""
    announce(cluster, None, *cluster.nodes)
    assert not ask(cluster, family)


def test_kernel_would_answer_twice(cluster):
    """Without us, that is: the reason for all of this."""
    announce(cluster, None)
    assert sorted(ask(cluster, 4)) == sorted(mac(node) for node in cluster.nodes)


def test_client_finds_the_announcer(cluster, family):
    """The client's own kernel asks, and reaches the node that answered."""
    for who in cluster.nodes:
        announce(cluster, who, *cluster.nodes)
        ip(cluster.client.netns, "neigh flush dev eth0")
        eventually(lambda: reaches(cluster, family))
        assert neighbour(cluster.client, VIP[family]) == mac(who)


def test_no_node_asks_in_its_name(cluster):
    """A node that sends to a client by that address has to ask for the client; what it says about
    itself would turn the client's traffic to it."""
    first, second = cluster.nodes
    announce(cluster, first, second)
    ip(second.netns, "neigh flush dev eth0")
    with entered(second.netns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock, listening(cluster, ETH_P_ARP) as heard:
        sock.bind((VIP[4], 0))
        sock.sendto(b"x", (CLIENT[4], 9))
        eventually(lambda: neighbour(second.host, CLIENT[4]))
        said = [socket.inet_ntoa(frame[28:32]) for frame in frames(heard)
                if frame[6:12].hex(":") == mac(second) and frame[20:22] == b"\x00\x01"]
    assert second.addr[4] in said and VIP[4] not in said


# ---- with a Gateway -----------------------------------------------------------------------------

@pytest.fixture(scope="module", name="gateways")
def fixture_gateways():
    """A Gateway with an address on the segment, and a Service with a route of its own."""
    with edge_made() as edge:
        edge.put_gateway(addresses=VIP.values(), name="segment")
        edge.put("segment-route.yaml",
                 gw.route("segment", gw.rule(edge.v1), parent="segment"),
                 gw.route("mesh", gw.rule(edge.v1), service=edge.v2))
        for family in VIP:
            eventually(lambda f=family: edge.rig.client.ask_web(VIP[f], 80, "-t", 1)["ok"] == 1)
        yield edge


def put_nodes(rig, nodes):
    """Makes these the cluster's Node objects."""
    rig.manifests.put("cluster.yaml", objects.namespace(),
                      *(objects.node(n.name, n.addr.values(), list(n.pod_cidr.values()))
                        for n in nodes))


def test_gateway_has_one_announcer(gateways, family):
    """One of the nodes that serve it answers, always the same; when its Node object goes another
    takes over, and when that comes back so does the announcer. All serve it the whole time."""
    rig, client = gateways.rig, gateways.rig.client
    macs = {mac(node): node for node in rig.nodes}
    assert len(macs) == 2
    [first] = ask(rig, family)
    assert ask(rig, family) == [first]
    [other] = [node for node in rig.nodes if node is not macs[first]]
    put_nodes(rig, [other])
    try:
        eventually(lambda: ask(rig, family) == [mac(other)])
        ip(client.netns, "neigh flush dev eth0")
        counts = client.ask_web(VIP[family], 80, "-n", 10)
        assert counts["ok"] == 10 and counts["failed"] == 0, counts
        assert neighbour(client, VIP[family]) == mac(other)
    finally:
        put_nodes(rig, rig.nodes)
    eventually(lambda: ask(rig, family) == [first])


def test_services_are_not_announced(gateways, family):
    """Nobody answers for a ClusterIP, whether the proxy serves it or packets do."""
    for service in (gateways.v1, gateways.v2):
        assert not ask(gateways.rig, family, service.cluster[family])
