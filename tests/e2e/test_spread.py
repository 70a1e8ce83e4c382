# SPDX-License-Identifier: Apache-2.0
"""Many addresses over three nodes, objects from an API server: who answers for them when one node
dies, ends or comes back, and while nodes do not hear each other."""
import contextlib
import signal

import pytest
from conftest import made
from link import (ETH_P_ARP, ETH_P_IPV6, announcements, listening, mac, met, neighbour, owners,
                  view)
from proc import eventually
from rig import ip

CIDRS = "203.0.112.0/20,2001:db8:1::/112"


@contextlib.contextmanager
def spread(services):
    """Three nodes and as many load balancers, with an address of each family."""
    with made(nodes=3, api=True, narud_options=("--announce-cidrs", CIDRS)) as rig:
        pods = [node.pod(f"web{node.index}") for node in rig.nodes]
        rig.addrs = [addr for i in range(services) for addr in
                     rig.service(f"web{i}", *pods, kind="LoadBalancer").balancer.values()]
        for pod in pods:
            pod.serve(8080)
        ip(rig.client.netns, *(f"route replace {addr} dev eth0" for addr in rig.addrs))
        rig.at = {mac(node): node for node in rig.nodes}
        eventually(lambda: all(len(view(node)["addresses"]) == len(rig.addrs)
                               for node in rig.nodes))
        met(rig)
        yield rig


@pytest.fixture(scope="module", name="cluster",
                params=[12, pytest.param(400, marks=pytest.mark.slow)])
def fixture_cluster(request):
    """A few addresses in make check, many of them in check-slow."""
    with spread(request.param) as rig:
        yield rig


@pytest.fixture(autouse=True)
def whole(cluster):
    """A test that fails leaves the cluster to the next one as it found it."""
    yield
    cut(cluster, "off")
    for node in cluster.nodes:
        plug(cluster, node, "up")
        if node.narud.poll() is not None:
            node.start_narud()


def plug(rig, node, state):
    """Pulls a node's cable, or puts it back."""
    ip(rig.switch, f"link set {node.name} {state}")


def cut(rig, state):
    """Lets the segment pass nothing from node to node (on), or everything (off)."""
    ip(rig.switch, *(f"link set {node.name} type bridge_slave isolated {state}"
                     for node in rig.nodes))


def map_of(rig, *nodes):
    """Who answers for each address, asked on the segment; None unless it is one of the nodes."""
    found = {addr: macs[0] if len(macs) == 1 else None for addr, macs in owners(rig,
                                                                               rig.addrs).items()}
    among = {mac(node) for node in nodes or rig.nodes}
    return found if set(found.values()) <= among else None


def told(rig, node):
    """Who answers for each address, by the words of one node."""
    return {row["address"]: row["here"] for row in view(node)["addresses"]}


def moves(rig):
    """How often addresses came or went so far, on all nodes, by their logs."""
    return [node.log().count(" is announced ") for node in rig.nodes]


def settled(rig):
    """The map when all nodes count with each other."""
    met(rig)
    eventually(lambda: map_of(rig))
    return map_of(rig)


def load(found, node):
    """The addresses that are one node's."""
    link = mac(node)
    return {addr for addr, who in found.items() if who == link}


def one(addrs, colon):
    """One of some addresses, of IPv6 or not."""
    return min(addr for addr in addrs if (":" in addr) == colon)


def believe(rig, addr, link):
    """Makes the client's kernel think that an address is there."""
    ip(rig.client.netns, f"neigh replace {addr} lladdr {link} dev eth0 nud stale")


def test_spread(cluster):
    """Every node has its share, in both families, and says so itself."""
    found = settled(cluster)
    for node in cluster.nodes:
        for colon in (False, True):
            share = sum((":" in addr) == colon for addr in load(found, node))
            assert share > len(cluster.addrs) / 2 / 3 / 4
        assert {addr for addr, here in told(cluster, node).items() if here} == load(found, node)


def test_death_and_return(cluster):
    """Of a node that dies only its addresses move, each to one other node, and the client, which
    does not ask, is told so; when it is back it gets the same ones, once."""
    before = settled(cluster)
    dead, *others = sorted(cluster.nodes, key=lambda node: -len(load(before, node)))
    count = moves(cluster)
    for addr in (one(load(before, dead), ":" in addr) for addr in cluster.addrs[:2]):
        believe(cluster, addr, before[addr])
    plug(cluster, dead, "down")
    dead.stop_narud(signal.SIGKILL)
    eventually(lambda: map_of(cluster, *others))
    during = map_of(cluster, *others)
    assert {addr for addr in before if before[addr] != during[addr]} == load(before, dead)
    assert all(load(during, node) > load(before, node) for node in others)
    for addr in (one(load(before, dead), ":" in addr) for addr in cluster.addrs[:2]):
        eventually(lambda a=addr: neighbour(cluster.client, a) == during[a])
    plug(cluster, dead, "up")
    dead.start_narud()
    eventually(lambda: map_of(cluster) == before)
    assert settled(cluster) == before
    lost = len(load(before, dead))
    changed = [now - then for now, then in zip(moves(cluster), count)]
    assert changed[cluster.nodes.index(dead)] == lost
    assert sum(changed) == 3 * lost


def test_planned_end(cluster):
    """All is handed over before narud is gone; nothing else moves."""
    before = settled(cluster)
    gone, *others = cluster.nodes
    assert gone.stop_narud() == 0
    after = map_of(cluster, *others)
    assert after and {a for a in before if before[a] != after[a]} == load(before, gone)
    gone.start_narud()
    eventually(lambda: map_of(cluster) == before)


def test_split(cluster):
    """Nodes that do not hear each other all answer for everything, without an API server, too; when
    they hear each other again one does, and tells clients that believed another one."""
    before = settled(cluster)
    cluster.manifests.stop()
    try:
        assert map_of(cluster) == before
        cut(cluster, "on")
        everybody = sorted(cluster.at)
        eventually(lambda: all(sorted(macs) == everybody
                               for macs in owners(cluster, cluster.addrs).values()))
        with contextlib.ExitStack() as stack:
            heard = {family: stack.enter_context(listening(cluster, ethertype))
                     for family, ethertype in ((4, ETH_P_ARP), (6, ETH_P_IPV6))}
            addrs = {4: cluster.addrs[0], 6: cluster.addrs[1]}
            for addr in addrs.values():
                believe(cluster, addr, next(m for m in everybody if m != before[addr]))
            cut(cluster, "off")
            eventually(lambda: map_of(cluster) == before)
            for addr in addrs.values():
                eventually(lambda a=addr: neighbour(cluster.client, a) == before[a])
            for family, addr in addrs.items():
                assert before[addr] in announcements(heard[family], addr)
        assert settled(cluster) == before
    finally:
        cluster.start_api()
