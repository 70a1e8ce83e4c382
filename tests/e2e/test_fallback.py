# SPDX-License-Identifier: Apache-2.0
"""Services with routes when there is no proxy: served by packets, without their routes, unless a
route says that it must not be gone past; by the proxy again when there is one. Connections of
either side outlive the change."""
import os
import signal

import gateway as gw
import pytest
from conftest import made
from proc import eventually
from test_containers import USER, start_proxy


@pytest.fixture(scope="module", name="mesh")
def fixture_mesh():
    """Services open and shut, each with a pod of its own and a route to the pod of another; narud
    waits for a proxy that the tests start."""
    options = ("--proxy-uid", str(USER), "--fallback-after", "1")
    with made(narud=False, nodes=1, narud_options=options) as rig:
        node = rig.nodes[0]
        os.chmod(node.run_dir, 0o755)
        plain, routed = node.pod("plain"), node.pod("routed")
        for pod in (plain, routed):
            pod.serve_web(8080, pod.name)
        rig.open = rig.service("open", plain)
        rig.shut = rig.service("shut", plain)
        target = rig.service("target", routed)
        shut = gw.route("shut", gw.rule(target), service=rig.shut)
        shut["metadata"]["annotations"] = {"naru.io/fail-closed": "true"}
        rig.manifests.put("mesh.yaml", gw.CLASS, shut,
                          gw.route("open", gw.rule(target), service=rig.open))
        rig.start_narud()
        caller = node.pod("caller")
        rig.clients = {"host": node.host, "pod": caller, "pod-tc": caller.outside}
        yield rig


def by(place, service, family):
    """Who answers, once."""
    return place.ask_web(*service.front("ClusterIP", family), "-t", 1)["by"]


def status(rig):
    """What the node says of itself."""
    return rig.nodes[0].naructl_json("status")


def without_routes(rig):
    """The objects of which it is told that their routes are not used."""
    return [d["object"] for d in status(rig)["diagnostics"] if "without its routes" in d["reason"]]


def wait_for(rig, name):
    """Until the service without the annotation is answered by that pod everywhere."""
    for place in rig.clients.values():
        for family in (4, 6):
            eventually(lambda p=place, f=family: by(p, rig.open, f) == {name: 1})


def test_there_and_back(mesh):
    """Without a proxy, with one, and when that one is killed."""
    wait_for(mesh, "plain")
    assert without_routes(mesh) == ["Service shop/open"]
    proxy = start_proxy(mesh.nodes[0], USER)
    wait_for(mesh, "routed")
    assert not without_routes(mesh)
    for place in mesh.clients.values():
        for family in (4, 6):
            eventually(lambda p=place, f=family: by(p, mesh.shut, f) == {"routed": 1})
    proxy.kill()
    proxy.wait()
    wait_for(mesh, "plain")
    for place in mesh.clients.values():
        for family in (4, 6):
            assert by(place, mesh.shut, family) == {}


def clients(rig, *options):
    """Clients at work on the service without the annotation: one a kind and family."""
    return [place.start_web(*rig.open.front("ClusterIP", family), "-n", 0, "-k", "-i", 5,
                            "-t", 60, *options).wait_up()
            for place in rig.clients.values() for family in (4, 6)]


def test_connections_outlive_it(mesh):
    """Connections by packets go on while the proxy takes the port over; what was asked of a proxy
    that stands still for a while is answered when it moves again, and new ones do not wait for
    it."""
    wait_for(mesh, "plain")
    packets = clients(mesh)
    proxy = start_proxy(mesh.nodes[0], USER)
    try:
        wait_for(mesh, "routed")
        routed = clients(mesh)
        proxy.send_signal(signal.SIGSTOP)
        wait_for(mesh, "plain")
        proxy.send_signal(signal.SIGCONT)
        wait_for(mesh, "routed")
        for client in routed:
            # The proxy, which has learned meanwhile that the port is not its own, answered and
            # asked for the next request on another connection.
            counts = client.stop()
            assert counts["failed"] == 0 and counts["by"]["routed"] > 1, counts
        for client in packets:
            counts = client.stop()
            assert counts["failed"] == 0 and set(counts["by"]) == {"plain"}, counts
            assert counts["connections"] == 1, counts
    finally:
        proxy.kill()
        proxy.wait()
