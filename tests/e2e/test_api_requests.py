# SPDX-License-Identifier: Apache-2.0
"""Gateways, routes and certificates that come from an API server."""
import signal

import gateway as gw
import pytest
from edge import VIP, edge_made, statuses
from proc import eventually


@pytest.fixture(scope="module")
def edge():
    """A Gateway in front of two services on two nodes."""
    with edge_made(api=True) as made:
        yield made


def test_a_route_changes_under_load(edge):
    """Not one request fails while the other service takes over."""
    load = edge.load()
    edge.put_route(gw.rule(edge.v2))
    eventually(lambda: edge.told()["name"] == "v2")
    edge.put_route(gw.rule(edge.v1))
    eventually(lambda: edge.told()["name"] == "v1")
    counts = load.stop()
    assert counts["failed"] == 0, counts
    assert statuses(counts) == {200}


def test_a_listener_gets_its_certificate(edge):
    """Read by its name; the listener comes when the Secret does, and goes with it."""
    api = edge.rig.manifests
    chain, key = gw.make_certificate(edge.rig.directory, "shop", "shop.example.com")
    edge.put_gateway(gw.listener("http", 80), gw.listener("https", 443, "HTTPS", secret="shop"))
    edge.settled()
    api.put("tls", gw.secret_of("shop", chain, key))
    tls = ("--tls", "--ca", chain, "--host", "shop.example.com")
    eventually(lambda: statuses(edge.ask("-t", 2, *tls, port=443)) == {200})
    assert api.asked("secrets") == api.asked("secrets?fieldSelector=metadata.name%3Dshop")
    edge.put_gateway()
    api.remove("tls")
    edge.settled()


def test_requests_go_on_while_a_new_narud_knows_nothing(edge):
    """narud is killed while no API server answers; the next one leaves the proxy as it is."""
    edge.settled()
    load = edge.load()
    edge.rig.manifests.stop()
    for node in edge.rig.nodes:
        node.stop_narud(signal.SIGKILL)
        node.start_narud()
        assert "the objects of the cluster are not known yet" in \
            node.naructl_json("status")["problems"]
    for family in VIP:
        assert statuses(edge.ask("-n", 20, family=family)) == {200}
    edge.put_route(gw.rule(edge.v2))
    edge.rig.start_api()
    eventually(lambda: edge.told()["name"] == "v2", seconds=60)
    counts = load.stop()
    assert counts["failed"] == 0, counts
    assert statuses(counts) == {200}
    edge.put_route(gw.rule(edge.v1))
    edge.settled()
