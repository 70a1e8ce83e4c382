# SPDX-License-Identifier: Apache-2.0
"""Statements A: which addresses and ports are a service's. See statements.py."""
import copy

import pytest
from proc import eventually
from statements import KINDS, PROTOS, UDP, statement


@statement("A1", "load balancer addresses of mode VIP are served, those of mode Proxy are not")
@PROTOS
def test_a1_ip_mode(path, family, proto):
    """Without a mode it is VIP; the mode given later takes the address away."""
    service = path.service(*path.near)
    made = service.service()

    def put(mode):
        for ingress in made["status"]["loadBalancer"]["ingress"]:
            ingress.pop("ipMode", None)
            ingress.update({"ipMode": mode} if mode else {})
        path.rig.manifests.put(f"{service.name}.yaml", made)

    put(None)
    path.becomes(path.near, service, "LoadBalancer", family, *proto)
    put("Proxy")
    eventually(lambda: path.ask(service, "LoadBalancer", family, "-t", 200, *proto)["ok"] == 0)
    path.becomes(path.near, service, "ClusterIP", family, *proto)
    put("VIP")
    path.becomes(path.near, service, "LoadBalancer", family, *proto)


@statement("A3", "a NodePort takes nothing of a pod or of another service with the same port")
@PROTOS
def test_a3_node_port_alone(path, family, proto):
    """A pod that listens on the number of a NodePort, and a ClusterIP with that port."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "NodePort", family, *proto)
    server = path.far[1].serve(service.node_port, name="direct")
    other = path.service(path.far[0])
    other.port = service.node_port
    other.write()
    try:
        path.becomes({"far1"}, other, "ClusterIP", family, *proto)
        counts = path.place.ask(path.far[1].addr[family], service.node_port, *proto, n=8)
        assert counts["by"] == {"direct": 8} and not counts["failed"], counts
        assert path.servers(service, "NodePort", family, *proto) == {"near1"}
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@statement("A4", "the same NodePort in TCP and UDP is two, and in each family too")
def test_a4_same_node_port(path, family):
    """Two services share the number, one for each protocol."""
    tcp, udp = path.service(path.near[0]), path.service(path.far[0])
    udp.node_port = tcp.node_port
    for service, keep in ((tcp, "TCP"), (udp, "UDP")):
        made = copy.deepcopy(service.service())
        made["spec"]["ports"] = [p for p in made["spec"]["ports"] if p["protocol"] == keep]
        path.rig.manifests.put(f"{service.name}.yaml", made)
    path.becomes({"near1"}, tcp, "NodePort", family)
    path.becomes({"far1"}, udp, "NodePort", family, *UDP)


@statement("A5", "a port that no service of a ClusterIP has is refused",
           differs="addresses of the service range that no Service has are not dropped")
@PROTOS
def test_a5_unused_port(path, family, proto):
    """As long as the ClusterIP lives; its own ports are served."""
    service = path.service(*path.near)
    path.becomes(path.near, service, "ClusterIP", family, *proto)
    addr = service.cluster[family]
    eventually(lambda: set(path.place.ask(addr, 81, "-t", 300, *proto)["errors"]) ==
               {"ECONNREFUSED"})
    service.port = 81
    service.write()
    path.becomes(path.near, service, "ClusterIP", family, *proto)


@pytest.mark.parametrize("kind", KINDS)
@statement("A5", "a port that no service of a ClusterIP has is refused",
           differs="addresses of the service range that no Service has are not dropped")
def test_a5_served_again(path, kind, family):
    """What is refused is the port and not the service: it is reached all the time."""
    service = path.service(*path.near)
    path.becomes(path.near, service, kind, family)
    load = path.place.start("who", *path.front(service, kind, family), "-i", 2000).wait_up()
    for _ in range(5):
        path.place.ask(service.cluster[family], 82, "-t", 200)
    counts = load.stop()
    assert counts["failed"] == 0, counts
