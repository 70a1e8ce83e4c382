# SPDX-License-Identifier: Apache-2.0
"""Statements A2 and B: NodePorts at the node's addresses, and what statements of kube-proxy do not
speak of: external IPs and hostPorts. See statements.py."""
import contextlib
import itertools

import pytest
from objects import NAMESPACE
from proc import eventually
from rig import ip
from statements import PROTOS, statement

MORE = {4: "192.168.77.71", 6: "fd77::71"}
ALLOWED = {4: "198.51.100.", 6: "2001:db8:2::"}
numbers = itertools.count(1)


def by(path, addr, port, *options, n=24):
    """Who answers many new flows; None when one of them failed."""
    counts = path.place.ask(addr, port, *options, n=n)
    return set(counts["by"]) if not counts["failed"] else None


def nobody(path, addr, port, *options):
    """Waits until nobody answers any more."""
    eventually(lambda: path.place.ask(addr, port, "-t", 200, *options)["ok"] == 0)


# ---- NodePorts -----------------------------------------------------------------------------------

NODE_PORTS = "NodePorts are served at all addresses of the node, or at those that are asked for"


@contextlib.contextmanager
def one_more(node, family):
    """Node 1 has one more address for a while."""
    length = {4: 24, 6: 64}[family]
    ip(node.netns, f"addr add {MORE[family]}/{length} dev eth0" + " nodad" * (family == 6))
    try:
        yield MORE[family]
    finally:
        ip(node.netns, f"addr del {MORE[family]}/{length} dev eth0")


@statement("A2", NODE_PORTS,
           differs="sockets of the node have them on loopback, too; a family without a prefix "
                   "serves all its addresses")
@PROTOS
def test_a2_every_address(path, family, proto):
    """The one of the Node object, one on the pods' side, and one that comes while narud runs."""
    service = path.service(path.near[0], path.far[0])
    with one_more(path.node, family) as more:
        for addr in (path.node.addr[family], path.node.gateway[family], more):
            eventually(lambda a=addr: by(path, a, service.node_port, *proto) == {"near1", "far1"})


@statement("A2", NODE_PORTS,
           differs="sockets of the node have them on loopback, too; a family without a prefix "
                   "serves all its addresses")
def test_a2_asked_for(path, family):
    """With --nodeport-addresses those in the prefixes serve, and no other; without it all again."""
    node = path.node
    service = path.service(path.near[0], path.far[0])
    path.becomes({"near1", "far1"}, service, "NodePort", family)
    with one_more(node, family) as more:
        node.stop_narud()
        node.start_narud("--nodeport-addresses", f"{MORE[4]}/32,{MORE[6]}/128")
        try:
            eventually(lambda: by(path, more, service.node_port) == {"near1", "far1"})
            for addr in (node.addr[family], node.gateway[family]):
                nobody(path, addr, service.node_port)
            path.becomes({"near1", "far1"}, service, "ClusterIP", family)
        finally:
            node.stop_narud()
            node.start_narud()
    path.becomes({"near1", "far1"}, service, "NodePort", family)


# ---- external IPs --------------------------------------------------------------------------------

EXTERNAL = "external IPs are served where --external-ip-cidrs says, by the external policy"


@statement("B1", EXTERNAL, differs="none is served unless --external-ip-cidrs allows it")
@PROTOS
def test_b1_external_ips(path, family, proto):
    """One that may be served, and one that may not: it is reported and changes nothing else."""
    number = next(numbers)
    mine = {f: f"{ALLOWED[f]}{number}" for f in (4, 6)}
    other = {4: f"198.18.0.{number}", 6: f"2001:db8:3::{number}"}
    service = path.service(path.near[0], path.far[0],
                           externalIPs=[mine[4], mine[6], other[4], other[6]])
    eventually(lambda: by(path, mine[family], 80, *proto) == {"near1", "far1"})
    fields = {d["field"] for d in path.node.naructl_json("status")["diagnostics"]
              if d["object"] == f"Service {NAMESPACE}/{service.name}"}
    assert fields == {"spec.externalIPs[2]", "spec.externalIPs[3]"}
    nobody(path, other[family], 80, *proto)
    assert path.servers(service, "ClusterIP", family, *proto) == {"near1", "far1"}
    service.policy["externalTrafficPolicy"] = "Local"
    service.write()
    wanted = {"near1", "far1"} if path.inside else {"near1"}
    eventually(lambda: by(path, mine[family], 80, *proto) == wanted)
    assert path.servers(service, "ClusterIP", family, *proto) == {"near1", "far1"}
    del service.policy["externalIPs"]
    service.write()
    nobody(path, mine[family], 80, *proto)


# ---- hostPorts -----------------------------------------------------------------------------------

HOST_PORTS = "hostPorts of this node's pods are served at its addresses, or at one that is named"


def pod_object(place, port, **more):
    """A Pod whose port 8080 is a port of its node, in TCP and UDP."""
    ports = [{"containerPort": 8080, "hostPort": port, "protocol": p, **more}
             for p in ("TCP", "UDP")]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": place.name, "namespace": NAMESPACE, "uid": place.name},
            "spec": {"nodeName": place.node.name, "containers": [{"name": "c", "ports": ports}]},
            "status": {"phase": "Running", "podIPs": [{"ip": a} for a in place.addr.values()]}}


@pytest.fixture(name="pods")
def fixture_pods(path):
    """The file in which a test's Pods are."""
    manifests = path.rig.manifests
    name = "pods.yaml"
    manifests.put(name)
    yield lambda *pods: manifests.put(name, *pods)
    manifests.remove(name)


@statement("B2", HOST_PORTS,
           differs="a hostIP must be an address of the Node object, or of the loopback")
@PROTOS
def test_b2_host_ports(path, pods, family, proto):
    """At every address; the endpoint sees the client; another node's are not served; a named
    address is the only one; they go with the pod."""
    port, other = 9000 + next(numbers), 9000 + next(numbers)
    node, near, far = path.node, path.near[0], path.far[0]
    pods(pod_object(near, port), pod_object(far, other))
    for addr in (node.addr[family], node.gateway[family]):
        eventually(lambda a=addr: by(path, a, port, *proto) == {"near1"})
        nobody(path, addr, other, *proto)
    if path.name != "node":
        # By chance a client's port is one that it has just used towards the other address; only
        # then does the endpoint see the node, see M1.
        eventually(lambda: set(path.place.ask(node.addr[family], port, *proto, n=4)["peers"])
                   == {path.address(path.place, family)})
    pods(pod_object(near, port, hostIP=node.addr[family]))
    nobody(path, node.gateway[family], port, *proto)
    assert by(path, node.addr[family], port, *proto) == {"near1"}
    pods()
    nobody(path, node.addr[family], port, *proto)


@statement("B2", HOST_PORTS, ("pod", "pod-packets"))
@PROTOS
def test_b2_itself(path, pods, family, proto):
    """A pod that reaches itself by its hostPort."""
    port = 9000 + next(numbers)
    place = path.rig.caller if path.name == "pod" else path.rig.bare
    place.node = path.node
    pods(pod_object(place, port))
    eventually(lambda: by(path, path.node.addr[family], port, *proto) == {place.name})


@statement("B2", HOST_PORTS, ("pod", "pod-packets"))
@PROTOS
def test_b2_other_node(path, pods, family, proto):
    """A pod of this node reaches the hostPort of another node at that node's address."""
    port = 9000 + next(numbers)
    pods(pod_object(path.far[0], port))
    eventually(lambda: by(path, path.other.addr[family], port, *proto) == {"far1"})
