# SPDX-License-Identifier: Apache-2.0
"""A Service with a route of its own is served by the proxy on its ClusterIP, the rest of it by
packets as before; adding and taking away the route breaks no established connection."""
import gateway as gw
import pytest
from conftest import answers, made
from edge import statuses
from proc import eventually

KINDS = ("host", "pod", "pod-tc")


@pytest.fixture(scope="module", name="mesh")
def fixture_mesh():
    """Services v1 and v2; pods serve the harness's own protocol at 8080, which speaks HTTP too."""
    with made(narud=False) as rig:
        first, second = rig.nodes
        rig.caller = first.pod("caller")
        rig.pods_of = {"v1": first.pod("v1"), "v2": second.pod("v2")}
        for name, pod in rig.pods_of.items():
            pod.serve(8080)
            pod.serve_web(8081, name)
        rig.v1, rig.v2 = (rig.service(name, pod) for name, pod in rig.pods_of.items())
        rig.web = rig.service("web", rig.pods_of["v1"], target=8081)
        rig.web2 = rig.service("web2", rig.pods_of["v2"], target=8081)
        rig.manifests.put("class.yaml", gw.CLASS)
        rig.start_narud()
        rig.clients = {"host": first.host, "pod": rig.caller, "pod-tc": rig.caller.outside}
        for place in rig.clients.values():
            for family in (4, 6):
                eventually(lambda p=place, f=family: answers(p, rig.v1, f))
                eventually(lambda p=place, f=family: by(p, rig.web, f)["by"] == {"v1": 1})
        yield rig


def by(place, service, family, *options):
    """Who answers HTTP at a ClusterIP."""
    return place.ask_web(*service.front("ClusterIP", family), "-t", 3, *options)


@pytest.mark.parametrize("kind", KINDS)
def test_route_for_a_service(mesh, kind, family):
    """With a route the ClusterIP is the proxy's, without it packets' again."""
    place = mesh.clients[kind]
    assert by(place, mesh.web, family)["by"] == {"v1": 1}
    mesh.manifests.put("mesh.yaml", gw.route("mesh", gw.rule(mesh.web2), service=mesh.web))
    try:
        eventually(lambda: by(place, mesh.web, family)["by"] == {"v2": 1})
        counts = by(place, mesh.web, family, "-n", 20, "-k")
        assert counts["by"] == {"v2": 20} and counts["failed"] == 0, counts
        assert statuses(by(place, mesh.web, family, "--path", "/x")) == {200}
    finally:
        mesh.manifests.remove("mesh.yaml")
    eventually(lambda: by(place, mesh.web, family)["by"] == {"v1": 1})


@pytest.mark.parametrize("kind", KINDS)
def test_established_connections(mesh, kind, family):
    """Connections by packets outlive the route's coming, connections to the proxy its going."""
    place, front = mesh.clients[kind], mesh.v1.front("ClusterIP", family)
    held = place.start("hold", *front, "-i", 2000).wait_up()
    mesh.manifests.put("mesh.yaml", gw.route("v1", gw.rule(mesh.web2), service=mesh.v1),
                       gw.route("web", gw.rule(mesh.web2), service=mesh.web))
    try:
        eventually(lambda: by(place, mesh.v1, family)["by"] == {"v2": 1})
        kept = place.start_web(*mesh.web.front("ClusterIP", family), "-n", 0, "-k", "-i", 5)
        kept.wait_up()
    finally:
        mesh.manifests.remove("mesh.yaml")
    eventually(lambda: by(place, mesh.web, family)["by"] == {"v1": 1})
    counts = kept.stop()
    assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts
    counts = held.stop()
    assert counts["failed"] == 0, counts


def test_other_protocol(mesh, family):
    """UDP at the port of a Service with a route stays with packets."""
    mesh.manifests.put("mesh.yaml", gw.route("mesh", gw.rule(mesh.web2), service=mesh.v1))
    try:
        for place in mesh.clients.values():
            eventually(lambda p=place: by(p, mesh.v1, family)["by"] == {"v2": 1})
            counts = place.ask(*mesh.v1.front("ClusterIP", family), "-u", n=10)
            assert counts["by"] == {"v1": 10} and counts["failed"] == 0, counts
    finally:
        mesh.manifests.remove("mesh.yaml")
    for place in mesh.clients.values():
        eventually(lambda p=place: answers(p, mesh.v1, family))


@pytest.mark.parametrize("kind", KINDS)
def test_other_ports(mesh, kind, family):
    """A Service with two ports: the one that the route names is the proxy's, the other stays with
    packets; a port that the Service has not is closed, whatever the host listens on."""
    place, addr = mesh.clients[kind], mesh.v1.front("ClusterIP", family)[0]
    two = mesh.v1.service()
    two["spec"]["ports"].append({"name": "more", "port": 81, "targetPort": 8081})
    slices = [mesh.v1.slice(4), mesh.v1.slice(6)]
    for each in slices:
        each["ports"].append({"name": "more", "protocol": "TCP", "port": 8081})
    server = mesh.nodes[0].host.serve(2222, "sshd")
    mesh.manifests.put("v1.yaml", two)
    mesh.manifests.put("v1-slices.yaml", *slices)
    try:
        eventually(lambda: place.ask_web(addr, 81, "-t", 1)["by"] == {"v1": 1})
        kept = place.start_web(addr, 81, "-n", 0, "-k", "-i", 5).wait_up()
        mesh.manifests.put("mesh.yaml", gw.route("mesh", gw.rule(mesh.web2), service=mesh.v1))
        eventually(lambda: by(place, mesh.v1, family)["by"] == {"v2": 1})
        counts = place.ask_web(addr, 81, "-n", 10, "--show")
        assert counts["by"] == {"v1": 10}, counts
        # Nobody has told the backend about a client: no proxy was there.
        assert "x-forwarded-for" not in counts["answer"]["body"], counts
        assert mesh.nodes[0].host.ask("127.0.0.1", 2222)["ok"] == 1
        assert place.ask(addr, 2222, "-t", 700)["ok"] == 0
        counts = kept.stop()
        assert counts["failed"] == 0 and counts["connections"] == 1, counts
    finally:
        mesh.manifests.remove("mesh.yaml")
        mesh.v1.write()
        mesh.v1.set(*mesh.v1.endpoints)
        server.kill()
        server.wait()
    eventually(lambda: answers(place, mesh.v1, family))


def test_two_services_side_by_side(mesh, family):
    """A route for one Service leaves others alone."""
    mesh.manifests.put("mesh.yaml", gw.route("mesh", gw.rule(mesh.web2), service=mesh.web))
    try:
        eventually(lambda: by(mesh.caller, mesh.web, family)["by"] == {"v2": 1})
        for place in mesh.clients.values():
            assert place.ask(*mesh.v1.front("ClusterIP", family), n=5)["by"] == {"v1": 5}
            assert place.ask(*mesh.v1.front("ClusterIP", family), "-u", n=5)["by"] == {"v1": 5}
    finally:
        mesh.manifests.remove("mesh.yaml")
