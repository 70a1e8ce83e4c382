# SPDX-License-Identifier: Apache-2.0
"""Addresses of AddressPools: Services and Gateways get them, and are served there. With a folder of
manifests each narud gives them by itself."""
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


@pytest.fixture(scope="module")
def edge():
    """Two nodes with a folder of manifests, two services and a pool."""
    with edge_made() as made:
        made.put("pool.yaml", pool())
        yield made


@pytest.fixture(autouse=True)
def plain(edge):
    """Every test begins with v1 alone."""
    put(edge, edge.v1)
    edge.v2.write()
    edge.put("pool.yaml", pool())


def test_a_service_is_served_at_its_addresses(edge, family):
    """Both families, from the pool; the client outside gets there."""
    addr = agreed(edge, "v1")[family]
    assert ipaddress.ip_address(addr) in ipaddress.ip_network(RANGES[family])
    eventually(lambda: edge.rig.client.ask_web(addr, 80, "-t", 1000)["failed"] == 0)
    table = edge.node.naructl("addresses").stdout
    assert f"{addr}" in table and "Service shop/v1" in table


def test_addresses_are_kept_and_shared(edge):
    """Others come and go: nobody moves. Two with one key and other ports have one address."""
    before = agreed(edge, "v1")
    put(edge, edge.v2, ports=[81], annotations={"naru.io/sharing-key": "k"})
    assert not set(before.values()) & set(agreed(edge, "v2").values())
    assert agreed(edge, "v1") == before
    put(edge, edge.v1, annotations={"naru.io/sharing-key": "k"})
    eventually(lambda: agreed(edge, "v1") == agreed(edge, "v2"))
    for addr in agreed(edge, "v1").values():
        for port in (80, 81):
            eventually(lambda a=addr, p=port:
                       edge.rig.client.ask_web(a, p, "-t", 1000)["failed"] == 0)


def test_certain_addresses(edge):
    """Asked for by annotation; one that no pool has is refused, with the reason."""
    wish = "203.0.113.70"
    put(edge, edge.v1, annotations={"naru.io/load-balancer-ips": wish})
    eventually(lambda: given(edge.node, "v1").get(4) == wish)
    eventually(lambda: edge.rig.client.ask_web(wish, 80, "-t", 1000)["failed"] == 0)
    put(edge, edge.v1, annotations={"naru.io/load-balancer-ips": "203.0.113.3"})
    eventually(lambda: owner(edge.node, "v1")["reason"] == "AddressNotInPool")
    assert "203.0.113.3 lies in no AddressPool" in edge.node.naructl("addresses").stdout
    assert any(d["object"] == "Service shop/v1"
               for d in edge.node.naructl_json("status")["diagnostics"])


def test_a_gateway_without_addresses_gets_some(edge):
    """And is served there alone; without the pool it is served on nodes."""
    edge.put("gate.yaml", gw.CLASS, gw.gateway("edge", [gw.listener("http", 80)]))
    edge.put_route(gw.rule(edge.v2))
    for addr in agreed(edge, "edge", "Gateway").values():
        eventually(lambda a=addr: edge.rig.client.ask_web(a, 80, "-t", 2000)["statuses"] ==
                   {"200": 1})
    assert edge.rig.client.ask_web(edge.node.addr[4], 80, "-t", 1000)["failed"] == 1
    edge.rig.manifests.remove("pool.yaml")
    eventually(lambda: edge.rig.client.ask_web(edge.node.addr[4], 80, "-t", 2000)["statuses"] ==
               {"200": 1})
    eventually(lambda: not given(edge.node, "v1"))
    edge.rig.manifests.remove("gate.yaml")
