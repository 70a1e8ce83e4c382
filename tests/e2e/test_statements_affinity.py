# SPDX-License-Identifier: Apache-2.0
"""Statements R and S: who is let in, and who stays where. See statements.py."""
from proc import eventually
from statements import KINDS, PROTOS, statement


# ---- R ----

def ranges(*places):
    """A policy that lets these addresses in, in both families."""
    return {"loadBalancerSourceRanges": [
        f"  {place.addr[family]}/{ {4: 32, 6: 128}[family] } " for place in places
        for family in (4, 6)]}


@statement("R1", "source ranges close LoadBalancer addresses to everybody else, and nothing more",
           differs="a socket of the node is told EHOSTUNREACH; a list with an entry that cannot be "
                   "read makes the Service wrong")
@PROTOS
def test_r1_source_ranges(path, family, proto):
    """In the ranges, outside them, and again after an edit."""
    mine = path.service(*path.near, *path.far, **ranges(path.place))
    path.becomes((*path.near, *path.far), mine, "LoadBalancer", family, *proto)
    other = path.service(*path.near, *path.far, **ranges(path.far[0]))
    path.becomes((*path.near, *path.far), other, "ClusterIP", family, *proto)
    path.becomes((*path.near, *path.far), other, "NodePort", family, *proto)
    before = path.drops("source_range")
    # Where addresses matter, pods' sockets are left to their packets.
    path.dropped(other, "LoadBalancer", family, *proto, sockets=("node",))
    if path.name != "node":
        assert path.drops("source_range") > before
    other.policy.update(ranges(path.place))
    other.write()
    path.becomes((*path.near, *path.far), other, "LoadBalancer", family, *proto)


# ---- S ----

STICKY = {"sessionAffinity": "ClientIP"}


def one(path, service, kind, family, *options, n=16):
    """The only server of many new flows, or None."""
    names = path.servers(service, kind, family, *options, n=n)
    return names.pop() if names and len(names) == 1 else None


@statement("S1", "ClientIP affinity: one endpoint for all frontends of a port, until its time-out",
           differs="the sockets of a node are one client")
@PROTOS
def test_s1_affinity(path, family, proto):
    """Over ClusterIP, NodePort and LoadBalancer; an endpoint that is gone is replaced for good; a
    short time-out passes."""
    everyone = (*path.near, *path.far)
    service = path.service(*everyone, **STICKY)
    first = eventually(lambda: one(path, service, "ClusterIP", family, *proto))
    for kind in KINDS:
        assert one(path, service, kind, family, *proto) == first
    path.set(service, *(pod for pod in everyone if pod.name != first))
    (second,) = eventually(lambda: {one(path, service, "NodePort", family, *proto)} - {first, None})
    path.set(service, *everyone)
    assert one(path, service, "LoadBalancer", family, *proto) == second


@statement("S1", "ClientIP affinity: one endpoint for all frontends of a port, until its time-out",
           differs="the sockets of a node are one client")
def test_s1_timeout(path, family):
    """After the time-out a client is spread anew: in many rounds it meets another endpoint."""
    service = path.service(*path.near, *path.far, **STICKY,
                           sessionAffinityConfig={"clientIP": {"timeoutSeconds": 1}})
    eventually(lambda: one(path, service, "ClusterIP", family))
    met = set()

    def again():
        met.add(one(path, service, "ClusterIP", family, n=1))
        return len(met) > 1
    eventually(again, seconds=60, pause=3)


@statement("S2", "affinity is switched on and off without a reset")
def test_s2_switch(path, family):
    """Connections go on; new flows follow the new rule."""
    everyone = (*path.near, *path.far)
    service = path.service(*everyone)
    path.becomes(everyone, service, "ClusterIP", family)
    hold = path.place.start("hold", *path.front(service, "ClusterIP", family),
                            "-i", 2000).wait_up()
    service.policy.update(STICKY)
    service.write()
    eventually(lambda: one(path, service, "ClusterIP", family))
    del service.policy["sessionAffinity"]
    service.write()
    path.becomes(everyone, service, "ClusterIP", family)
    counts = hold.stop()
    assert counts["failed"] == 0 and len(counts["by"]) == 1, counts
