# SPDX-License-Identifier: Apache-2.0
"""Pods come and go by the hundred while no API server tells of it: when it is back, what changed is
read once and written once, and no connection has noticed.
"""
import urllib.request

import objects
import pytest
from conftest import made, settled
from proc import entered, eventually

ADMIN = "127.0.0.1:9100"
SERVICES, CHANGED, TURNS = 200, 20, 5


class Elsewhere:
    """A pod's place that nobody listens at."""

    def __init__(self, number):
        high, low = divmod(number, 250)
        self.addr = {4: f"10.250.{high}.{low + 1}", 6: f"fd00:250::{number + 1:x}"}


def elsewhere(number):
    """An endpoint there."""
    return objects.Endpoint(Elsewhere(number), "other")


def writes(node):
    """Elements of maps that narud has written."""
    with entered(node.netns), \
            urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=20) as got:
        lines = got.read().decode().splitlines()
    return int(float(next(line for line in lines
                          if line.startswith("naru_map_writes_total")).rsplit(" ", 1)[1]))


def kinds(node):
    """What the node says of each kind of objects, by its name."""
    return {kind["kind"]: kind for kind in node.naructl_json("status")["sources"][0]["kinds"]}


def heard(rig, *names):
    """Waits until these answer for the service, and nobody else: what was said before has been
    taken in by then."""
    front = rig.web.front("ClusterIP", 4)
    host = rig.nodes[0].host
    eventually(lambda: set(host.ask(*front, n=20)["by"]) == set(names), seconds=90)


def churn(rig, turn):
    """New addresses for some of the services."""
    for i, service in enumerate(rig.others[:CHANGED]):
        number = (turn * CHANGED + i) * 2
        service.set(elsewhere(number), elsewhere(number + 1))


@pytest.fixture(scope="module", name="crowd")
def fixture_crowd():
    """A service with two pods, and many whose pods are somewhere else."""
    with made(nodes=1, api=True, narud_options=("--admin", ADMIN)) as rig:
        rig.pods = [rig.nodes[0].pod("one"), rig.nodes[0].pod("two")]
        for pod in rig.pods:
            pod.serve(8080)
        rig.others = []
        for i in range(SERVICES):
            other = objects.Service(rig.manifests, f"other{i}", 300 + i)
            rig.others.append(other.set(elsewhere(5000 + 2 * i), elsewhere(5001 + 2 * i)).write())
        rig.web = rig.service("web", *rig.pods)
        settled(rig, rig.web)
        yield rig


def cost_of_a_turn(rig):
    """Writes for one turn of the churn, told as it happens."""
    before = writes(rig.nodes[0])
    churn(rig, 0)
    rig.web.set(rig.endpoint(rig.pods[0]))
    heard(rig, "one")
    rig.web.set(*(rig.endpoint(pod) for pod in rig.pods))
    heard(rig, "one", "two")
    return writes(rig.nodes[0]) - before


def test_churn_in_an_outage(crowd):
    """Each kind is read anew once at most, and of many turns only the last one is written."""
    node, api = crowd.nodes[0], crowd.manifests
    front = crowd.web.front("ClusterIP", 4)
    cost = cost_of_a_turn(crowd)
    assert CHANGED < cost < SERVICES * 10
    load = [node.host.start(how, *front, "-c", 2, "-i", 1000).wait_up() for how in ("who", "hold")]
    before, wrote = kinds(node), writes(node)
    api.stop()
    for turn in range(1, TURNS + 1):
        churn(crowd, turn)
    crowd.web.set(crowd.endpoint(crowd.pods[1]))
    eventually(lambda: all(kind.get("watch_age_ms") is None for kind in kinds(node).values()))
    assert writes(node) == wrote
    api.compact()
    crowd.start_api()
    heard(crowd, "two")
    eventually(lambda: all(kind.get("watch_age_ms") is not None
                           for kind in kinds(node).values() if kind["version"]), seconds=90)
    for name, kind in kinds(node).items():
        assert sum(kind["rereads"].values()) - sum(before[name]["rereads"].values()) <= 1, name
    assert 0 < writes(node) - wrote <= cost
    who, hold = (one.stop() for one in load)
    assert who["failed"] == 0, who
    # One that is held stays with its pod, which still lives.
    assert hold["failed"] == 0, hold
