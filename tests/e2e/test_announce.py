# SPDX-License-Identifier: Apache-2.0
"""An address that both nodes have by a local route: who asks on the segment gets one answer.

For the packet path by itself the entries of steer_vip are written by hand; with a Gateway they come
from its manifest, and a proxy serves on both nodes."""
import contextlib
import ipaddress
import os
import signal
import socket

import gateway as gw
import objects
import pytest
from conftest import made
from edge import edge_made
from link import ETH_P_ARP, ask, frames, listening, mac, met, neighbour
from proc import entered, eventually, run
from rig import CLIENT, ip

VIP = {4: "192.168.77.200", 6: "fd77::200"}


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


def test_announcer_alone_answers(cluster, family):
    """One answer, from the announcer, whoever that is."""
    first, second = cluster.nodes
    for who, other in ((first, second), (second, first)):
        announce(cluster, who, other)
        assert ask(cluster, VIP[family]) == [mac(who)]


def test_nobody_announces(cluster, family):
    """Addresses of Services are asked for in vain."""
    announce(cluster, None, *cluster.nodes)
    assert not ask(cluster, VIP[family])


def test_kernel_would_answer_twice(cluster):
    """Without us, that is: the reason for all of this."""
    announce(cluster, None)
    assert sorted(ask(cluster, VIP[4])) == sorted(mac(node) for node in cluster.nodes)


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
        met(edge.rig)
        for family in VIP:
            eventually(lambda f=family: announcer(edge.rig, f))
        yield edge


def announcer(rig, family):
    """The node that answers for the Gateway's address, when all nodes say so, else None."""
    names = {*by_name(rig, family)}
    found = [node for node in rig.nodes if {node.name} == names]
    return found[0] if found and ask(rig, VIP[family]) == [mac(found[0])] else None


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
    [first] = ask(rig, VIP[family])
    assert ask(rig, VIP[family]) == [first]
    [other] = [node for node in rig.nodes if node is not macs[first]]
    put_nodes(rig, [other])
    try:
        eventually(lambda: ask(rig, VIP[family]) == [mac(other)])
        ip(client.netns, "neigh flush dev eth0")
        counts = client.ask_web(VIP[family], 80, "-n", 10)
        assert counts["ok"] == 10 and counts["failed"] == 0, counts
        assert neighbour(client, VIP[family]) == mac(other)
    finally:
        put_nodes(rig, rig.nodes)
    eventually(lambda: ask(rig, VIP[family]) == [first])


@contextlib.contextmanager
def halted(*nodes):
    """While the proxies of these nodes give no sign of life."""
    pids = [node.naructl_json("status")["l7"]["proxy"]["pid"] for node in nodes]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def by_name(rig, family):
    """Who has the Gateway's address by the words of each node."""
    return [row["node"] for node in rig.nodes
            for row in node.naructl_json("announce")["addresses"] if row["address"] == VIP[family]]


def test_no_proxy_no_announcer(gateways):
    """A node whose proxy does nothing leaves the address to one whose proxy works, and has it back
    when its own works again."""
    rig, client = gateways.rig, gateways.rig.client
    macs = {mac(node): node for node in rig.nodes}
    firsts = {family: macs[ask(rig, VIP[family])[0]] for family in VIP}
    for family, first in firsts.items():
        eventually(lambda f=family, n=first.name: by_name(rig, f) == [n] * 2)
    first = firsts[4]
    [other] = [node for node in rig.nodes if node is not first]
    with halted(first):
        for family in VIP:
            eventually(lambda f=family: ask(rig, VIP[f]) == [mac(other)], seconds=30)
            eventually(lambda f=family, n=other.name: by_name(rig, f) == [n] * 2)
            ip(client.netns, "neigh flush dev eth0")
            counts = client.ask_web(VIP[family], 80, "-n", 10)
            assert counts["ok"] == 10 and counts["failed"] == 0, counts
    for family in VIP:
        eventually(lambda f=family: ask(rig, VIP[f]) == [mac(firsts[f])], seconds=30)


@pytest.mark.slow
def test_no_proxy_anywhere(gateways, family):
    """Nobody answers for what nobody can serve."""
    rig = gateways.rig
    [first] = ask(rig, VIP[family])
    with halted(*rig.nodes):
        eventually(lambda: by_name(rig, family) == [""] * 2, seconds=30)
        assert not ask(rig, VIP[family])
    eventually(lambda: ask(rig, VIP[family]) == [first], seconds=30)


def test_services_are_not_announced(gateways, family):
    """Nobody answers for a ClusterIP, whether the proxy serves it or packets do."""
    for service in (gateways.v1, gateways.v2):
        assert not ask(gateways.rig, service.cluster[family])
