# SPDX-License-Identifier: Apache-2.0
"""Who answers for a load balancer's address when nodes die, stop, lose their link or come back:
always one, and the segment is told."""
import contextlib
import ipaddress
import json
import signal

import pytest
from conftest import made
from link import (ASKER, ETH_P_ARP, ETH_P_IPV6, announcement, announcements, ask, listening, mac,
                  met, neighbour, view)
from proc import eventually, run
from rig import CLIENT, ip

CIDRS = "203.0.112.0/20,2001:db8:1::/112"


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes, a load balancer with a pod on each, on a client that has its addresses on link."""
    with made(narud_options=("--announce-cidrs", CIDRS)) as rig:
        rig.web = rig.service("web", *(node.pod(f"web{node.index}") for node in rig.nodes),
                              kind="LoadBalancer")
        for node in rig.nodes:
            for pod in node.pods.values():
                pod.serve(8080)
        for addr in rig.web.balancer.values():
            ip(rig.client.netns, f"route replace {addr} dev eth0")
        eventually(lambda: all(len(view(node)["addresses"]) == 2 for node in rig.nodes))
        met(rig)
        yield rig


@pytest.fixture(autouse=True)
def whole(cluster):
    """A test that fails leaves the cluster to the next one as it found it."""
    yield
    for node in cluster.nodes:
        plug(cluster, node, "up")
        if node.narud.poll() is not None:
            node.start_narud()


def settled(rig):
    """The node that answers for the first address, and the other one."""
    met(rig)
    [who] = [node for node in rig.nodes if answer(rig, node)]
    [other] = [node for node in rig.nodes if node is not who]
    return who, other


def answer(rig, node, service=None):
    """True when the node alone answers for what is its own by the names of nodes, and the others
    for the rest: the service's first address is meant."""
    return ask(rig, (service or rig.web).balancer[4]) == [mac(node)]


def answers_all(rig, node):
    """True when the node alone answers, in both families."""
    return all(ask(rig, addr) == [mac(node)] for addr in rig.web.balancer.values())


def serves(rig):
    """True when the client gets answers at the addresses."""
    return all(rig.client.ask(addr, 80, "-t", 300)["failed"] == 0
               for addr in rig.web.balancer.values())


def knows(rig, node):
    """True when the client's kernel thinks the addresses are at that node."""
    return all(neighbour(rig.client, addr) == mac(node) for addr in rig.web.balancer.values())


def moves(node):
    """How often addresses came or went there so far, by its log."""
    return node.log().count(" is announced ")


def held(node):
    """How many it has now, by its own words."""
    return sum(row["here"] for row in view(node)["addresses"])


def plug(rig, node, state):
    """Pulls a node's cable, or puts it back."""
    ip(rig.switch, f"link set {node.name} {state}")


@pytest.mark.slow
def test_killed_with_its_node(cluster):
    """narud dies with SIGKILL and the cable is out: the other one answers, and tells the client,
    which does not ask. When both are back, so are the addresses, once."""
    who, other = settled(cluster)
    eventually(lambda: serves(cluster))
    with contextlib.ExitStack() as stack:
        heard = {family: stack.enter_context(listening(cluster, ethertype))
                 for family, ethertype in ((4, ETH_P_ARP), (6, ETH_P_IPV6))}
        mine = held(who)
        plug(cluster, who, "down")
        who.stop_narud(signal.SIGKILL)
        eventually(lambda: answers_all(cluster, other))
        eventually(lambda: knows(cluster, other))
        for family, sock in heard.items():
            assert set(announcements(sock, cluster.web.balancer[family])) <= {mac(other)}
    eventually(lambda: serves(cluster))
    before = moves(other)
    plug(cluster, who, "up")
    who.start_narud()
    eventually(lambda: answer(cluster, who))
    met(cluster)
    assert held(who) == mine and held(other) == 2 - mine
    assert moves(other) == before + mine
    eventually(lambda: serves(cluster))


@pytest.mark.slow
def test_stopped(cluster):
    """A planned end hands over before narud is gone, also while the segment is still being told
    that the addresses are there."""
    who, other = settled(cluster)
    for _ in range(2):
        assert who.stop_narud() == 0
        assert answers_all(cluster, other)
        who.start_narud()
        eventually(lambda: answer(cluster, who))


@pytest.mark.slow
def test_killed_alone(cluster):
    """narud dies, its programs do not: they fall silent when the other node takes over. The next
    narud gets the addresses back."""
    who, other = settled(cluster)
    who.stop_narud(signal.SIGKILL)
    eventually(lambda: answers_all(cluster, other))
    assert answers_all(cluster, other)
    who.start_narud()
    eventually(lambda: answer(cluster, who), seconds=60)


@pytest.mark.slow
def test_cable(cluster):
    """Out and in again, with narud alive: the other one answers meanwhile."""
    who, other = settled(cluster)
    plug(cluster, who, "down")
    eventually(lambda: answers_all(cluster, other))
    assert not held(who)
    plug(cluster, who, "up")
    eventually(lambda: answer(cluster, who), seconds=60)
    eventually(lambda: serves(cluster))


@pytest.mark.slow
def test_alone(cluster):
    """The last narud of the segment leaves addresses that are answered for: those that it has, at
    least, when it had no time to notice."""
    who, other = settled(cluster)
    other.stop_narud(signal.SIGKILL)
    assert who.stop_narud() == 0
    assert answer(cluster, who)
    for node in cluster.nodes:
        node.start_narud()
    eventually(lambda: answer(cluster, who), seconds=60)


def test_blink(cluster, family):
    """The carrier goes and is back before narud looks: the segment is told again, since a switch
    may have forgotten where the address is."""
    who, _ = settled(cluster)
    [mine, *_] = [row["address"] for row in view(who)["addresses"]
                  if row["here"] and (":" in row["address"]) == (family == 6)] or [None]
    if not mine:
        who = next(node for node in cluster.nodes if node is not who)
        mine = cluster.web.balancer[family]
    before = moves(who)
    with listening(cluster, ETH_P_IPV6 if family == 6 else ETH_P_ARP) as wire:
        who.narud.send_signal(signal.SIGSTOP)
        ip(cluster.switch, f"link set {who.name} down", f"link set {who.name} up")
        who.narud.send_signal(signal.SIGCONT)
        eventually(lambda: mac(who) in announcements(wire, mine))
    assert moves(who) == before


@pytest.mark.slow
def test_entry_is_removed(cluster, family):
    """Somebody takes away what the kernel answers by: within ten seconds it does again."""
    addr = cluster.web.balancer[family]
    met(cluster)
    [who] = [node for node in cluster.nodes if ask(cluster, addr) == [mac(node)]]
    key = ipaddress.ip_address(addr if family == 6 else f"::ffff:{addr}").packed
    run(["bpftool", "map", "delete", "pinned", who.pinned("steer_vip"), "key", "hex",
         *(f"{byte:02x}" for byte in key)])
    index = json.loads(who.host.run(["ip", "-j", "link", "show", "eth0"]).stdout)[0]["ifindex"]
    run(["bpftool", "map", "delete", "pinned", who.pinned("device"), "key",
         *map(str, index.to_bytes(4, "little"))])
    assert any(addr in row["what"] for row in who.naructl_json("diff")["differences"])
    eventually(lambda: not who.naructl_json("diff")["differences"], seconds=30)
    assert ask(cluster, addr) == [mac(who)]
    assert "map steer_vip was changed by somebody else" in who.log()


def test_stranger(cluster, family):
    """A machine that takes an address is counted, named and contradicted."""
    addr = cluster.web.balancer[family]
    met(cluster)
    [who] = [node for node in cluster.nodes if ask(cluster, addr) == [mac(node)]]
    with listening(cluster, ETH_P_IPV6 if family == 6 else ETH_P_ARP) as wire:
        wire.send(announcement(addr))
        eventually(lambda: mac(who) in announcements(wire, addr))
    eventually(lambda: any(f" {addr}" in line and ASKER.hex(":") in line
                           for line in who.naructl("status", check=False).stdout.splitlines()))
    counted = {row["event"]: row["count"] for row in who.naructl_json("drops")["events"]}
    assert counted["address_conflicts"] >= 1
    assert counted["announcements"] >= 1
    assert ask(cluster, addr) == [mac(who)]


def test_strangers_beats(cluster):
    """Only what a node itself may have said counts."""
    who, _ = settled(cluster)
    beat = b"naru\x01\x03" + b"\x00\x05\x00\x00" + who.name.encode()
    script = ("import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
              f"s.bind(('{CLIENT[4]}',10254))\n"
              "s.setsockopt(socket.IPPROTO_IP,socket.IP_MULTICAST_TTL,255)\n"
              f"s.sendto({beat!r},('224.0.0.254',10254))\n")

    def is_believed():
        before = [moves(node) for node in cluster.nodes]
        cluster.client.run(["/usr/bin/python3", "-c", script])
        assert answer(cluster, who)
        met(cluster)
        return [moves(node) for node in cluster.nodes] != before

    # A busy machine may have lost beats of the nodes at that moment, but not each time.
    assert not all(is_believed() for _ in range(3))


def test_local_policy(cluster, family):
    """With externalTrafficPolicy Local a node without a ready endpoint does not answer."""
    met(cluster)
    service = cluster.service("local", kind="LoadBalancer", externalTrafficPolicy="Local")
    addr = service.balancer[family]
    try:
        for node in cluster.nodes:
            service.set(cluster.endpoint(node.pods[f"web{node.index}"]))
            eventually(lambda n=node: ask(cluster, addr) == [mac(n)])
        service.set(cluster.endpoint(cluster.nodes[0].pods["web1"], ready=False))
        eventually(lambda: not ask(cluster, addr))
    finally:
        service.remove()
