# SPDX-License-Identifier: Apache-2.0
"""Who can reach what: every kind of frontend from every kind of client to every kind of backend.

The same table is run on nodes of several builds. Each case checks that the answer comes from the
one backend, from the address that was dialled, and that the backend saw the right source.
"""
import ipaddress
import itertools
import re

import pytest
from conftest import answers, made, settled
from proc import entered, eventually

VARIANTS = {
    "ptp": {},
    "ptp-clsact": {"narud_options": ("--tc", "clsact")},
    "ptp-xdp": {"xdp": "native"},
    "ptp-bypass": {"narud_options": ("--bypass-netfilter",)},
    "bridge": {"pods": "bridge"},
    "bridge-xdp": {"pods": "bridge", "xdp": "native"},
    "ptp-vxlan": {"overlay": True},
    "bridge-vxlan-xdp": {"pods": "bridge", "overlay": True, "xdp": "native"},
}
KINDS = ("ClusterIP", "NodePort", "LoadBalancer")
# Client, backend and the source that the backend must see.
CASES = (
    ("host", "local", "own"),
    ("host", "remote", "own"),
    ("host", "hostnet", "own"),
    ("pod", "local", "kept"),
    ("pod", "remote", "kept"),
    ("pod", "self", "kept"),
    ("pod", "hostnet", "kept"),
    ("pod-tc", "local", "kept"),
    ("pod-tc", "remote", "kept"),
    ("pod-tc", "self-tc", "node"),
    ("pod-tc", "hostnet", "kept"),
    ("outside", "local", "kept"),
    ("outside", "remote", "node"),
    ("outside", "hostnet", "kept"),
)


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS.keys())
def cluster(request):
    """Two nodes; node 1 has two client pods and a pod, node 2 a pod; a service for each of them."""
    with made(**request.param) as rig:
        first, second = rig.nodes
        caller, bare = first.pod("caller"), first.pod("bare")
        local, remote = first.pod("local"), second.pod("remote")
        first.host.node = first
        for place in (caller, bare, local, remote, first.host):
            place.serve(8080)
        rig.backends = {"self": caller, "self-tc": bare, "local": local, "remote": remote,
                        "hostnet": first.host}
        for name, place in rig.backends.items():
            rig.service(name, place, kind="LoadBalancer")
        rig.service("empty", kind="LoadBalancer")
        rig.clients = {"host": first.host, "pod": caller, "pod-tc": bare.outside,
                       "outside": rig.client}
        settled(rig, *(rig.services[name] for name in rig.backends))
        eventually(lambda: answers(bare.outside, rig.services["remote"], 4))
        yield rig


def exploded(addr):
    """An address as the table of connection tracking writes it."""
    return ipaddress.ip_address(addr).exploded


def texts(addrs, family):
    """Addresses as the client reports them."""
    return {a if family == 4 else f"[{a}]" for a in addrs}


def sources(rig, client, backend, source, family):
    """The addresses of which the backend must see one."""
    place = rig.clients[client]
    node = rig.nodes[0]
    if source == "kept":
        return texts([place.addr[family]], family)
    if source == "node":
        own = {"node": node.addr, "gateway": node.gateway, "vtep": rig.vtep(1)}
        return texts([addrs[family] for addrs in own.values()], family)
    direct = place.ask(rig.backends[backend].addr[family], 8080)
    return set(direct["peers"])


# Of nobody else: a port that met the same backend by another address a moment ago would be a clash,
# which is another test's matter, and the node's address the right source.
own_ports = itertools.count(61000)


def ask_twice(place, addr, port, family, options):
    """Two requests, each from a port of its own; the peers that the backend saw by its name."""
    seen = {}
    for _ in range(2):
        counts = place.ask(addr, port, *options, "-s", place.addr[family], "-p", next(own_ports))
        assert counts["failed"] == 0, counts
        for name in counts["by"]:
            seen.setdefault(name, set()).update(counts["peers"])
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client,backend,source", CASES, ids=("-".join(c[:2]) for c in CASES))
def test_reached(cluster, kind, client, backend, source, family, proto):
    """Two requests arrive at the right backend with the right source."""
    addr, port = cluster.services[backend].front(kind, family, cluster.nodes[0].addr)
    if (client, backend) == ("pod", "self") and proto == ("-u",):
        source = "node"  # A datagram socket that keeps its peer goes by packets, not by the socket.
    wanted = sources(cluster, client, backend, source, family)
    if source == "kept":
        seen = ask_twice(cluster.clients[client], addr, port, family, proto)
        assert seen == {cluster.backends[backend].name: wanted}
        return
    counts = cluster.clients[client].ask(addr, port, *proto, n=2)
    assert counts["failed"] == 0, counts
    assert counts["by"] == {cluster.backends[backend].name: 2}
    assert set(counts["peers"]) <= wanted


@pytest.mark.parametrize("client", ("host", "pod", "pod-tc"))
def test_node_port_of_other_node(cluster, client, family, proto):
    """A NodePort of node 2 is reached from node 1, also when its backend is on node 1."""
    addr, port = cluster.services["local"].front("NodePort", family, cluster.nodes[1].addr)
    counts = cluster.clients[client].ask(addr, port, *proto, n=2)
    assert counts["failed"] == 0, counts
    assert counts["by"] == {"local": 2}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", ("host", "pod", "pod-tc", "outside"))
@pytest.mark.parametrize("options", ((), ("-u",)), ids=("tcp", "udp"))
def test_no_endpoint_is_refused(cluster, kind, client, family, options):
    """A service without endpoints refuses: RST, ICMP port unreachable, or at the socket."""
    addr, port = cluster.services["empty"].front(kind, family, cluster.nodes[0].addr)
    # The kernel limits how many ICMPv6 errors it sends to one peer; ours are not its own.
    counts = cluster.clients[client].ask(addr, port, *options, n=2)
    assert counts["errors"] == {"ECONNREFUSED": 2}


@pytest.mark.parametrize("client", ("host", "pod"))
@pytest.mark.parametrize("options", ((), ("-u",), ("-x",)), ids=("tcp", "udp", "udp-unconnected"))
def test_ipv4_through_ipv6_socket(cluster, client, options):
    """A dual-stack socket dials a v4-mapped address; the application sees what it dialled."""
    addr, port = cluster.services["remote"].front("ClusterIP", 4)
    counts = cluster.clients[client].ask(addr, port, "-m", *options, mode="hold", n=3)
    assert counts["failed"] == 0, counts
    assert counts["by"] == {"remote": 3}


@pytest.mark.parametrize("client", ("pod-tc", "outside"))
@pytest.mark.parametrize("backend", ("local", "remote"))
@pytest.mark.parametrize("options", ((), ("-u",)), ids=("tcp", "udp"))
def test_two_addresses_one_backend(cluster, client, backend, family, options):
    """One client port to two frontends of one backend at the same time: answers do not mix."""
    service = cluster.services[backend]
    place = cluster.clients[client]
    args = (*options, "-s", place.addr[family], "-p", next(own_ports), "-i", 2000)
    holds = [place.start("hold", *service.front(kind, family), *args).wait_up()
             for kind in ("ClusterIP", "LoadBalancer")]
    for hold in holds:
        counts = hold.stop()
        assert counts["failed"] == 0, counts
        assert counts["ok"] > 0


@pytest.mark.parametrize("client,backend", (("pod-tc", "remote"), ("outside", "local")))
def test_conntrack_sees_one_tuple(cluster, client, backend, family):
    """On the stack's road the kernel tracks client and pod, both ways, as established."""
    if "--bypass-netfilter" in cluster.narud_options and backend == "local":
        return
    addr, port = cluster.services[backend].front("ClusterIP", family)
    place = cluster.clients[client]
    hold = place.start("hold", addr, port, "-i", 2000).wait_up()
    with entered(cluster.nodes[0].netns):
        with open("/proc/thread-self/net/nf_conntrack", encoding="ascii") as table:
            entries = table.read().splitlines()
    counts = hold.stop()
    assert counts["failed"] == 0, counts
    ends = exploded(place.addr[family]), exploded(cluster.backends[backend].addr[family])
    mine = [e for e in entries if f"src={ends[0]} dst={ends[1]} " in e and "ESTABLISHED" in e]
    assert mine and all("ASSURED" in entry for entry in mine), entries
    assert not [e for e in entries if exploded(addr) in e]


@pytest.mark.parametrize("client", ("host", "pod", "pod-tc", "outside"))
@pytest.mark.parametrize("backend", ("local", "remote"))
def test_bulk_transfer(cluster, client, backend, family):
    """Four megabytes in large segments arrive byte for byte."""
    addr, port = cluster.services[backend].front("LoadBalancer", family)
    counts = cluster.clients[client].ask(addr, port, mode="stream", n=32768)
    assert counts["failed"] == 0, counts
    assert counts["ok"] == 32768


def test_xdp_does_the_work(cluster, family):
    """With XDP in the driver, frames to a remote backend and their answers are turned around there
    and the kernel's stack sees neither."""
    if cluster.xdp == "off" or cluster.overlay:
        assert sent_by_xdp(cluster) == 0
        return
    before = sent_by_xdp(cluster)
    addr, port = cluster.services["remote"].front("LoadBalancer", family)
    counts = cluster.client.ask(addr, port, mode="hold", n=200)
    assert counts["failed"] == 0, counts
    assert sent_by_xdp(cluster) - before >= 400


def sent_by_xdp(rig):
    """Frames that XDP sent back out of node 1's NIC, as the veth driver counts them."""
    text = rig.nodes[0].host.run(["ethtool", "-S", "eth0"]).stdout
    return sum(int(n) for n in re.findall(r"rx_queue_\d+_xdp_tx: (\d+)", text))


def test_nothing_was_invalid(cluster):
    """After all that, connection tracking has dropped nothing, and naru has dropped nothing."""
    for node in cluster.nodes:
        assert node.ct_count("invalid") == 0
        assert node.ct_count("established") > 0
