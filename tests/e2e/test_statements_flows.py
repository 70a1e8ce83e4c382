# SPDX-License-Identifier: Apache-2.0
"""Statements C and V: what becomes of flows when endpoints change, and how soon. See
statements.py."""
import socket
import struct

import pytest

from proc import entered, eventually
from statements import KINDS, OUTSIDE, PATHS, UDP, leaving, statement

# A socket of the node that has dialled before the service was there keeps what it dialled:
# unconnected ones are translated with each datagram.
UNCONNECTED = ("-x",)

# A connected socket of the node, which no packet path can lead elsewhere, loses its peer.
AGAIN = ("-r",)

# That a datagram is lost is to be noticed soon.
SOON = ("-t", 500)
TOLD = "a connected socket of the node itself is told ECONNABORTED and moves as it dials again"


def held(path, service, family, *options):
    """A socket that talks through the service all the time."""
    return path.place.start("hold", *path.front(service, "ClusterIP", family), "-i", 5000,
                            *(SOON if options else ()), *options).wait_up()


def aborted(counts):
    """How often a client was told that its socket had lost its peer."""
    return sum(counts["errors"].get(error, 0) for error in ("ECONNABORTED", "EDESTADDRREQ"))


@statement("C1", "UDP flows to what is no endpoint any more are cut, and no others", differs=TOLD)
def test_c1_stale_udp(path, family):
    """A socket moves when its endpoint has gone, and not because it terminates or another policy
    would not choose it."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", family, *UDP)
    hold = held(path, service, family, *UDP, *AGAIN)
    path.set(service, leaving(path.near[0]), path.far[0])
    path.becomes({"far1"}, service, "ClusterIP", family, *UDP)
    service.policy["internalTrafficPolicy"] = "Local"
    service.write()
    path.becomes({"near1"}, service, "ClusterIP", family, *UDP)
    del service.policy["internalTrafficPolicy"]
    service.write()
    path.becomes({"far1"}, service, "ClusterIP", family, *UDP)
    other = held(path, service, family, *UDP, *AGAIN)
    assert hold.heard("near1") and not hold.heard("far1")
    path.set(service, path.far[0])
    hold.wait_from("far1")
    counts, others = hold.stop(), other.stop()
    assert set(counts["by"]) == {"near1", "far1"}
    assert set(others["by"]) == {"far1"}
    assert (aborted(counts), aborted(others)) == (int(path.name == "node"), 0)


@statement("C1", "UDP flows to what is no endpoint any more are cut, and no others", PATHS[:1],
           differs=TOLD)
@pytest.mark.parametrize("kind", KINDS)
def test_c1_of_the_node(path, family, kind):
    """By each kind of frontend. A socket that dialled the endpoint itself is let alone, one that
    dials another service with the endpoint, too."""
    pod = path.near[0]
    service, twin = path.service(pod), path.service(pod)
    for each in (service, twin):
        path.becomes({"near1"}, each, kind, family, *UDP)

    def talk(addr, port, *options):
        return path.place.start("hold", addr, port, "-i", 5000, *options, *UDP, *AGAIN).wait_up()

    hold = talk(*path.front(service, kind, family), *SOON)
    direct, other = talk(pod.addr[family], 8080), talk(*path.front(twin, kind, family))
    path.set(service, path.far[0])
    hold.wait_from("far1")
    assert aborted(hold.stop()) == 1
    for each in (direct, other):
        counts = each.stop()
        assert counts["failed"] == 0 and set(counts["by"]) == {"near1"}, counts


@statement("C1", "UDP flows to what is no endpoint any more are cut, and no others", PATHS[:1],
           differs=TOLD)
def test_c1_mapped(path):
    """An IPv6 socket of the node that dialled an IPv4 service."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", 4, *UDP)
    hold = held(path, service, 4, *UDP, *AGAIN, "-m")
    path.set(service, path.far[0])
    hold.wait_from("far1")
    assert aborted(hold.stop()) == 1


@statement("C2", "UDP flows of a service that has lost its last endpoint are cut, too",
           differs=TOLD)
def test_c2_last_endpoint(path, family):
    """They are refused, or not answered, and come back with an endpoint."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", family, *UDP)
    hold = held(path, service, family, *UDP, *AGAIN)
    path.set(service)
    path.refused(service, "ClusterIP", family, *UDP)
    hold.wait_failed()
    assert not hold.heard("far1")
    path.set(service, path.far[0])
    hold.wait_from("far1")
    assert set(hold.stop()["by"]) == {"near1", "far1"}


@statement("C3", "a UDP flow from before the service was there becomes the service's",
           differs="a connected socket of the node keeps the peer that it had")
def test_c3_before_the_service(path, family):
    """The same socket gets answers as soon as the service has come."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", family, *UDP)
    service.remove()
    eventually(lambda: not path.ask(service, "ClusterIP", family, "-t", 200, *UDP)["ok"])
    options = UNCONNECTED if path.name == "node" else UDP
    hold = path.place.start("hold", *path.front(service, "ClusterIP", family), "-i", 5000,
                            "-t", 200, *options)
    hold.wait_failed()
    service.set(path.rig.endpoint(path.near[0]))
    service.write()
    hold.wait_up()
    counts = hold.stop()
    assert counts["failed"] and set(counts["by"]) == {"near1"}, counts


@statement("C4", "TCP connections are never cut")
def test_c4_tcp_stays(path, family):
    """Not when the endpoint has gone, not when the whole service has."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", family)
    hold = held(path, service, family)
    path.set(service, path.far[0])
    path.becomes({"far1"}, service, "ClusterIP", family)
    other = held(path, service, family)
    service.remove()
    eventually(lambda: not path.ask(service, "ClusterIP", family, "-t", 200)["ok"])
    for each, name in ((hold, "near1"), (other, "far1")):
        counts = each.stop()
        assert counts["failed"] == 0 and set(counts["by"]) == {name}, counts


@statement("C5", "flows are remembered as long as the kernel would", OUTSIDE)
def test_c5_timers(path, family):
    """A connection that was reset is forgotten soon, an idle one is not. (The times themselves are
    those of conntrack with kube-proxy's changes; packet tests go through them.)"""
    service = path.service(path.far[0])
    path.becomes({"far1"}, service, "NodePort", family)
    front = path.front(service, "NodePort", family)
    with entered(path.place.netns):
        idle, reset = (socket.create_connection(front) for _ in range(2))
    ports = [sock.getsockname()[1] for sock in (idle, reset)]

    def known():
        """Of all that the rig remembers, a client's port tells only with the service."""
        rows = path.node.naructl_json("flows", "--service", service.name)["flows"]
        return [port in [row["client_port"] for row in rows] for port in ports]

    assert known() == [True, True]
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reset.close()
    eventually(lambda: known() == [True, False], seconds=60)
    idle.close()


@statement("V4", "no new flow reaches a pod that stopped to serve after the event has arrived")
def test_v4_rolling_update(path, family):
    """Once the first new flow has met the new pod, none meets the old one."""
    pods = (*path.near, *path.far)
    service = path.service(pods[0])
    path.becomes({pods[0].name}, service, "ClusterIP", family)
    for turn in range(1, 9):
        pod = pods[turn % len(pods)]
        path.set(service, leaving(pods[(turn - 1) % len(pods)], serving=bool(turn % 2)), pod)
        eventually(lambda p=pod: path.servers(service, "ClusterIP", family, n=1) == {p.name},
                   pause=0)
        assert path.servers(service, "ClusterIP", family, n=24) == {pod.name}
