# SPDX-License-Identifier: Apache-2.0
"""Addresses of AddressPools: Services and Gateways get them, and are served there. With a folder of
manifests each narud gives them by itself; with an API server one writes them into statuses."""
import ipaddress

import gateway as gw
import pytest
from edge import edge_made
from objects import NAMESPACE
from proc import eventually

RANGES = {4: "203.0.113.64/28", 6: "2001:db8:1::40/124"}
CLASS = "naru.io/load-balancer"


def pool(name="edge", ranges=tuple(RANGES.values()), **spec):
    """An AddressPool."""
    return {"apiVersion": "naru.io/v1alpha1", "kind": "AddressPool", "metadata": {"name": name},
            "spec": {"addresses": [{"cidr": r} for r in ranges], **spec}}


def put(edge, service, ports=None, annotations=None):
    """Makes a service one of type LoadBalancer that has no address yet, with its TCP port alone."""
    made = service.service()
    del made["status"]
    spec = {"type": "LoadBalancer", "loadBalancerClass": CLASS,
            "ports": [{"name": "web-tcp", "port": port, "targetPort": 8080}
                      for port in ports or [80]]}
    made["spec"].update(spec)
    made["metadata"]["annotations"] = annotations or {}
    edge.put(f"{service.name}.yaml", made)


def owner(node, name, kind="Service"):
    """What a node says of who may have addresses."""
    found = [o for o in node.naructl_json("addresses")["owners"]
             if (o["kind"], o["namespace"], o["name"]) == (kind, NAMESPACE, name)]
    return found[0] if found else {"addresses": [], "reason": None}


def given(node, name, kind="Service"):
    """Addresses that a node serves, by family."""
    return {ipaddress.ip_address(a["address"]).version: a["address"]
            for a in owner(node, name, kind)["addresses"] if a["in_status"]}


def agreed(edge, name, kind="Service", families=(4, 6)):
    """Waits until all nodes say the same; returns addresses by family."""
    def seen():
        all_of_them = [given(node, name, kind) for node in edge.rig.nodes]
        return all(one == all_of_them[0] for one in all_of_them) and \
            set(all_of_them[0]) == set(families)
    eventually(seen)
    return given(edge.node, name, kind)


@pytest.fixture(scope="module", params=(False, True), ids=("folder", "api"))
def edge(request):
    """Two nodes with a folder of manifests or an API server, two services and a pool."""
    with edge_made(api=request.param) as made:
        made.put("pool.yaml", pool())
        yield made


@pytest.fixture(autouse=True)
def plain(edge):
    """Every test begins with v1 alone, as if it had never had an address."""
    for name in ("v1.yaml", "v2.yaml"):
        if edge.rig.manifests.has(name):
            edge.rig.manifests.remove(name)
    for node in edge.rig.nodes:
        eventually(lambda n=node: not given(n, "v1") and not given(n, "v2"))
    edge.put("pool.yaml", pool())
    put(edge, edge.v1)


def condition(edge, service):
    """What the status of a Service says, where there is one."""
    status = edge.rig.manifests.object("Service", service.name, NAMESPACE).get("status", {})
    return next((c for c in status.get("conditions", [])
                 if c["type"] == "naru.io/AddressAssigned"), {})


def reached(edge, addr, port=80):
    """Waits until the client outside gets an answer there."""
    eventually(lambda: edge.rig.client.ask_web(addr, port, "-t", 1)["statuses"] == {"200": 1})


def test_a_service_is_served_at_its_addresses(edge, family):
    """Both families, from the pool; the client outside gets there."""
    addr = agreed(edge, "v1")[family]
    assert ipaddress.ip_address(addr) in ipaddress.ip_network(RANGES[family])
    reached(edge, addr)
    table = edge.node.naructl("addresses").stdout
    assert f"{addr}" in table and "Service shop/v1" in table
    if edge.rig.api:
        assert condition(edge, edge.v1)["status"] == "True"


def test_addresses_are_kept_and_shared(edge):
    """Others come and go: nobody moves. Two with one key and other ports have one address."""
    before = agreed(edge, "v1")
    put(edge, edge.v2, ports=[81])
    assert not set(before.values()) & set(agreed(edge, "v2").values())
    assert agreed(edge, "v1") == before
    edge.rig.manifests.remove("v2.yaml")
    put(edge, edge.v1, annotations={"naru.io/sharing-key": "k"})
    put(edge, edge.v2, ports=[81], annotations={"naru.io/sharing-key": "k"})
    eventually(lambda: agreed(edge, "v2") == before)
    assert agreed(edge, "v1") == before
    for addr in before.values():
        reached(edge, addr, 80)
        reached(edge, addr, 81)


def test_certain_addresses(edge):
    """Asked for by annotation; one that no pool has is refused, with the reason."""
    wish = "203.0.113.70"
    put(edge, edge.v1, annotations={"naru.io/load-balancer-ips": wish})
    eventually(lambda: given(edge.node, "v1").get(4) == wish)
    reached(edge, wish)
    put(edge, edge.v1, annotations={"naru.io/load-balancer-ips": "203.0.113.3"})
    eventually(lambda: owner(edge.node, "v1")["reason"] == "AddressNotInPool")
    assert "203.0.113.3 lies in no AddressPool" in edge.node.naructl("addresses").stdout
    if edge.rig.api:
        eventually(lambda: condition(edge, edge.v1).get("reason") == "AddressNotInPool")
        assert given(edge.node, "v1")[4] == wish
    else:
        assert any(d["object"] == "Service shop/v1"
                   for d in edge.node.naructl_json("status")["diagnostics"])


def test_a_gateway_without_addresses_gets_some(edge):
    """And is served there alone."""
    edge.put("gate.yaml", gw.CLASS, gw.gateway("edge", [gw.listener("http", 80)]))
    put(edge, edge.v2)
    edge.put_route(gw.rule(edge.v2))
    for addr in agreed(edge, "edge", "Gateway").values():
        reached(edge, addr)
    assert edge.rig.client.ask_web(edge.node.addr[4], 80, "-t", 1)["failed"] == 1
    edge.rig.manifests.remove("gate.yaml")


def test_the_pool_goes(edge):
    """With statuses what is in use stays, and is said so; without them nobody knows of it."""
    before = agreed(edge, "v1")
    edge.rig.manifests.remove("pool.yaml")
    if not edge.rig.api:
        eventually(lambda: not given(edge.node, "v1"))
        return
    eventually(lambda: condition(edge, edge.v1).get("reason") == "KeptOutsidePools")
    assert condition(edge, edge.v1)["status"] == "True" and agreed(edge, "v1") == before
    for addr in before.values():
        reached(edge, addr)


def test_a_pool_counts(edge):
    """In its status, and says whether it gives anything."""
    agreed(edge, "v1")
    if not edge.rig.api:
        assert edge.node.naructl_json("addresses")["pools"][0]["ipv4"]["total"] == 16
        return

    def counts():
        return edge.rig.manifests.object("AddressPool", "edge").get("status", {})
    eventually(lambda: counts().get("ipv4") == {"total": 16, "used": 1, "free": 15})
    assert {c["type"]: c["status"] for c in counts()["conditions"]} == \
        {"Ready": "True", "Conflict": "False"}
