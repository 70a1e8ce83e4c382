# SPDX-License-Identifier: Apache-2.0
"""Statements M: whom the endpoint sees. See statements.py."""
import collections
import itertools
import socket
import struct

import pytest
from proc import entered, eventually
from spray import checksum
from statements import INSIDE, KINDS, OUTSIDE, PROTOS, statement

EXTERNAL_LOCAL = {"externalTrafficPolicy": "Local"}
PORTS = itertools.count(31000)  # no NodePort, and none of the kernel's choice
KEPT = ("an address of outside is also kept when the endpoint is on the node that was asked: "
        "answers pass there anyway, and the application learns who asks")


def seen(path, service, kind, family, *options, n=8):
    """The addresses that the endpoints see, without ports. Each flow has a port that is nobody
    else's: one that met the endpoint by another address a moment ago would show the node."""
    peers = set()
    for _ in range(n):
        source = () if path.name == "node" else ("-s", path.place.addr[family], "-p", next(PORTS))
        counts = path.ask(service, kind, family, *options, *source)
        assert counts["failed"] == 0, counts
        peers |= set(counts["peers"])
    return peers


def own(path, family):
    """Addresses of node 1 on its way to other nodes."""
    return {path.address(path.node, family)}


@statement("M1", "a pod's address is kept; to a ClusterIP from outside the node's is used",
           differs=KEPT)
@PROTOS
def test_m1_cluster_ip(path, family, proto):
    """By what the endpoint sees: the pod, the node, or for outside clients the node unless the
    endpoint is on it."""
    near, far = path.service(path.near[0]), path.service(path.far[0])
    path.becomes({"near1"}, near, "ClusterIP", family, *proto)
    path.becomes({"far1"}, far, "ClusterIP", family, *proto)
    client = {path.address(path.place, family)}
    if path.name == "node":
        assert seen(path, far, "ClusterIP", family, *proto) == own(path, family)
    elif path.inside:
        assert seen(path, near, "ClusterIP", family, *proto) == client
        assert seen(path, far, "ClusterIP", family, *proto) == client
    else:
        assert seen(path, near, "ClusterIP", family, *proto) == client
        assert seen(path, far, "ClusterIP", family, *proto) == own(path, family)


@statement("M2", "external traffic: the node's address under Cluster, the client's under Local",
           OUTSIDE, differs=KEPT)
@pytest.mark.parametrize("kind", ("NodePort", "LoadBalancer"))
@PROTOS
def test_m2_external(path, kind, family, proto):
    """A client outside, under both policies."""
    cluster, local = path.service(path.far[0]), path.service(path.near[0], **EXTERNAL_LOCAL)
    path.becomes({"far1"}, cluster, kind, family, *proto)
    path.becomes({"near1"}, local, kind, family, *proto)
    assert seen(path, cluster, kind, family, *proto) == own(path, family)
    assert seen(path, local, kind, family, *proto) == {path.address(path.place, family)}


@statement("M3", "a pod that reaches itself sees the node's address", ("pod-packets",),
           differs="a socket that is led to its own pod has the pod's address")
@pytest.mark.parametrize("kind", KINDS)
@PROTOS
def test_m3_hairpin(path, kind, family, proto):
    """By every frontend. (By sockets the connection never leaves the pod and has its address.)"""
    path.rig.bare.node = path.node
    service = path.service(path.rig.bare)
    path.becomes({"bare"}, service, kind, family, *proto)
    gateway = path.address(path.node.gateway[family], family)
    assert seen(path, service, kind, family, *proto) <= own(path, family) | {gateway}


@statement("M4", "the node's source ports cannot be guessed from the client's", OUTSIDE)
def test_m4_source_ports(path, family):
    """Consecutive client ports: what the endpoint sees neither follows nor repeats them."""
    service = path.service(path.far[0])
    path.becomes({"far1"}, service, "NodePort", family)
    addr, port = path.front(service, "NodePort", family)
    with_ports = []
    for number in range(20000, 20032):  # none that the kernel gives to others
        counts = path.place.ask(addr, port, "-s", path.place.addr[family], "-p", number, "-f")
        assert counts["failed"] == 0, counts
        with_ports += [int(peer.rpartition(":")[2]) for peer in counts["peers"]]
    steps = collections.Counter(b - a for a, b in zip(with_ports, with_ports[1:]))
    assert len(set(with_ports)) == 32 and steps.most_common(1)[0][1] < 8, with_ports


@statement("M6", "segments that connection tracking would call invalid reset nothing",
           (*INSIDE[2:], *OUTSIDE))
def test_m6_nothing_invalid(path, family):
    """Large transfers over every road: no segment is invalid to the node's own tracking."""
    before = path.node.ct_count("invalid")
    for pod in (path.near[0], path.far[0]):
        service = path.service(pod)
        path.becomes({pod.name}, service, "LoadBalancer", family)
        counts = path.place.ask(*path.front(service, "LoadBalancer", family), mode="stream",
                                n=16384)
        assert counts["failed"] == 0 and counts["ok"] == 16384, counts
    assert path.node.ct_count("invalid") == before


def send_outside_window(netns, family, source, destination):
    """Sends segments of a connection with numbers from all over: most are in nobody's window."""
    kind = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
    ends = [socket.inet_pton(kind, end[0]) for end in (source, destination)]
    with entered(netns), socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.bind((source[0], 0))
        for seq in range(1000, 1 << 32, 1 << 29):
            body = struct.pack("!HHIIBBHHH", source[1], destination[1], seq, seq, 5 << 4, 0x18,
                               1000, 0, 0) + b"stray..."
            total = checksum(b"".join(ends) + struct.pack("!II", len(body), 6) + body)
            raw.sendto(body[:16] + struct.pack("!H", total) + body[18:], (destination[0], 0))


@statement("M6", "segments that connection tracking would call invalid reset nothing",
           (*INSIDE[2:], *OUTSIDE))
def test_m6_invalid_segments(path, family):
    """They come from both ends of a connection that goes on; tracking, where it sees the
    connection, does call them invalid."""
    for pod in (path.near[0], path.far[0]):
        service, client = path.service(pod), (path.place.addr[family], next(PORTS))
        path.becomes({pod.name}, service, "LoadBalancer", family)
        front, before = path.front(service, "LoadBalancer", family), path.node.ct_count("invalid")
        hold = path.place.start("hold", *front, "-i", 2000, "-s", client[0], "-p",
                                client[1]).wait_up()
        send_outside_window(path.place.netns, family, client, front)
        if pod is path.near[0]:
            eventually(lambda n=before: path.node.ct_count("invalid") > n)
            before = path.node.ct_count("invalid")
            send_outside_window(pod.netns, family, (pod.addr[family], 8080), client)
            eventually(lambda n=before: path.node.ct_count("invalid") > n)
        counts = hold.stop()
        assert counts["failed"] == 0 and set(counts["by"]) == {pod.name}, counts
