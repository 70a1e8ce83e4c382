# SPDX-License-Identifier: Apache-2.0
"""Which endpoints a client may get: traffic policies and endpoints that are going away.

The rules are kube-proxy's: see "endpoint choice" in its topology.go.
"""
import pytest
from conftest import answers, made, settled
from proc import eventually

EXTERNAL_LOCAL = {"externalTrafficPolicy": "Local"}
INTERNAL_LOCAL = {"internalTrafficPolicy": "Local"}


@pytest.fixture(scope="module", params=("off", "native"), ids=("tc", "xdp"))
def cluster(request):
    """Two nodes with two pods each; services under each policy are made by the tests."""
    with made(xdp=request.param) as rig:
        rig.near = [rig.nodes[0].pod("near1"), rig.nodes[0].pod("near2")]
        rig.far = [rig.nodes[1].pod("far1"), rig.nodes[1].pod("far2")]
        rig.caller = rig.nodes[0].pod("caller")
        rig.bare = rig.nodes[0].pod("bare").outside
        for place in rig.near + rig.far:
            place.serve(8080)
        probe = rig.service("probe", *rig.near, *rig.far, kind="LoadBalancer")
        settled(rig, probe)
        for place in (rig.bare, rig.client):
            eventually(lambda p=place: answers(p, probe, 4))
        yield rig


def servers(place, service, family, options=(), kind="ClusterIP", node=None, n=24):
    """The pods that answer many new flows."""
    addr, port = service.front(kind, family, node and node.addr)
    counts = place.ask(addr, port, *options, n=n)
    assert counts["failed"] == 0, counts
    return set(counts["by"])


def becomes(names, *args, **kwargs):
    """Waits until exactly these pods answer."""
    def check():
        try:
            return servers(*args, **kwargs) == names
        except AssertionError:
            return False
    eventually(check)


@pytest.fixture
def service(cluster, request):
    """Makes services of the test's own, removed after it."""
    mine = []

    def make(*endpoints, **policy):
        name = f"s{len(cluster.services)}"
        mine.append(cluster.service(name, *endpoints, kind="LoadBalancer", **policy))
        return mine[-1]
    yield make
    for each in mine:
        each.remove()


OPTIONS = pytest.mark.parametrize("options", ((), ("-u",)), ids=("tcp", "udp"))


@OPTIONS
def test_spread_over_all(cluster, service, family, options):
    """Under policy Cluster every kind of client reaches every endpoint by every frontend."""
    web = service(*cluster.near, *cluster.far)
    everyone = {"near1", "near2", "far1", "far2"}
    node = cluster.nodes[0]
    becomes(everyone, node.host, web, family, options)
    for place in (node.host, cluster.caller, cluster.bare, cluster.client):
        for kind in ("ClusterIP", "NodePort", "LoadBalancer"):
            assert servers(place, web, family, options, kind, node, n=80) == everyone


@OPTIONS
def test_external_local(cluster, service, family, options):
    """Under externalTrafficPolicy Local outside sees the node's own pods, with its own address
    kept; clients inside the cluster see all."""
    web = service(*cluster.near, *cluster.far, **EXTERNAL_LOCAL)
    first, second = cluster.nodes
    everyone = {"near1", "near2", "far1", "far2"}
    becomes({"near1", "near2"}, cluster.client, web, family, options, "LoadBalancer")
    becomes({"far1", "far2"}, cluster.client, web, family, options, "NodePort", second)
    assert servers(cluster.client, web, family, options, "NodePort", first) == {"near1", "near2"}
    for place in (first.host, cluster.caller, cluster.bare):
        assert servers(place, web, family, options, "LoadBalancer", n=80) == everyone
        assert servers(place, web, family, options, "ClusterIP", n=80) == everyone
    addr, port = web.front("NodePort", family, first.addr)
    counts = cluster.client.ask(addr, port, *options, n=4)
    own = cluster.client.addr[family]
    assert set(counts["peers"]) == {own if family == 4 else f"[{own}]"}


@OPTIONS
def test_internal_local(cluster, service, family, options):
    """Under internalTrafficPolicy Local the cluster address leads to pods of the same node."""
    web = service(*cluster.near, *cluster.far, **INTERNAL_LOCAL)
    first, second = cluster.nodes
    becomes({"near1", "near2"}, first.host, web, family, options)
    becomes({"far1", "far2"}, second.host, web, family, options)
    for place in (cluster.caller, cluster.bare):
        assert servers(place, web, family, options) == {"near1", "near2"}


@OPTIONS
@pytest.mark.parametrize("kind", ("NodePort", "LoadBalancer"))
def test_external_local_without_endpoint_drops(cluster, service, family, options, kind):
    """No endpoint on this node but some elsewhere: outside gets no answer, and the drop has its
    reason in naructl; the cluster is served."""
    web = service(*cluster.far, **EXTERNAL_LOCAL)
    node = cluster.nodes[0]
    becomes({"far1", "far2"}, node.host, web, family, options)
    before = drops(node, "no_local_endpoint")
    addr, port = web.front(kind, family, node.addr)
    counts = cluster.client.ask(addr, port, "-t", 300, *options)
    assert counts["errors"] == {"timeout": 1}
    assert drops(node, "no_local_endpoint") > before


def test_internal_local_without_endpoint(cluster, service, family):
    """No endpoint on this node but some elsewhere: a pod's packets are dropped, not refused."""
    web = service(*cluster.far, **INTERNAL_LOCAL)
    front = web.front("ClusterIP", family)
    becomes({"far1", "far2"}, cluster.nodes[1].host, web, family)
    # The node itself is told what the packets of its pods are not.
    refused = {"EHOSTUNREACH": 1}
    eventually(lambda: cluster.nodes[0].host.ask(*front, "-t", 300)["errors"] == refused)
    before = drops(cluster.nodes[0], "no_local_endpoint")
    counts = cluster.bare.ask(*front, "-t", 300)
    assert counts["errors"] == {"timeout": 1}
    assert drops(cluster.nodes[0], "no_local_endpoint") > before


def drops(node, reason):
    """A drop counter as naructl shows it."""
    rows = node.naructl_json("drops")
    rows = rows["drops"] if isinstance(rows, dict) else rows
    return {row["reason"]: row["packets"] for row in rows}[reason]


@OPTIONS
def test_terminating_fallback(cluster, service, family, options):
    """Without ready endpoints those that still serve while terminating are used, else never."""
    def leaving(pod, serving=True):
        return cluster.endpoint(pod, ready=False, serving=serving, terminating=True)

    host = cluster.nodes[0].host
    web = service(cluster.near[0], leaving(cluster.near[1]), leaving(cluster.far[0]))
    becomes({"near1"}, host, web, family, options)
    web.set(leaving(cluster.near[1]), leaving(cluster.far[0]),
            leaving(cluster.far[1], serving=False))
    becomes({"near2", "far1"}, host, web, family, options)


def test_terminating_fallback_local(cluster, service, family):
    """The Local set falls back on its own: a ready endpoint elsewhere does not matter to it."""
    leaving = cluster.endpoint(cluster.near[1], ready=False, serving=True, terminating=True)
    web = service(leaving, cluster.far[0], **EXTERNAL_LOCAL)
    becomes({"near2"}, cluster.client, web, family, kind="LoadBalancer")
    assert servers(cluster.nodes[0].host, web, family, kind="LoadBalancer") == {"far1"}


def test_unready_is_refused(cluster, service, family):
    """Endpoints that neither are ready nor serve count as none."""
    web = service(cluster.endpoint(cluster.near[0], ready=False))
    addr, port = web.front("ClusterIP", family)
    for place in (cluster.nodes[0].host, cluster.bare, cluster.client):
        eventually(lambda p=place: p.ask(addr, port)["errors"] == {"ECONNREFUSED": 1})
