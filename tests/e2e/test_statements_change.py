# SPDX-License-Identifier: Apache-2.0
"""Statements V1 and V2: what a change costs, by what narud counts. See statements.py."""
import signal
import urllib.request

import objects
import pytest
from conftest import answers, made
from proc import entered, eventually
from statements import statement

ADMIN = "127.0.0.1:9100"
FEW, MANY = 3, 300
BURST, LONE = 60, 30


@pytest.fixture(scope="module", name="counted")
def fixture_counted():
    """One node with two pods, whose narud is asked for its metrics."""
    with made(nodes=1, narud_options=("--admin", ADMIN)) as rig:
        rig.pair = [rig.nodes[0].pod("one"), rig.nodes[0].pod("two")]
        for pod in rig.pair:
            pod.serve(8080)
        yield rig


def metrics(rig, name):
    """A metric's values, one for each set of labels."""
    with entered(rig.nodes[0].netns), \
            urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=20) as got:
        lines = got.read().decode().splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines
               if line.startswith((f"{name} ", f"{name}{{"))]


def writes(rig):
    """Elements of maps that narud has written."""
    return sum(metrics(rig, "naru_map_writes_total"))


def syncs(rig):
    """How often narud has brought changes into force: both families at once, and says so."""
    by_family = metrics(rig, "kubeproxy_sync_proxy_rules_duration_seconds_count")
    assert len(by_family) == 2 and len(set(by_family)) == 1, by_family
    return by_family[0]


def serve(rig, service, pod):
    """Makes a pod the service's only endpoint, and waits until it is."""
    service.set(rig.endpoint(pod))
    host = rig.nodes[0].host
    for family in (4, 6):
        for options in ((), ("-u",)):
            eventually(lambda f=family, o=options: set(host.ask(
                *service.front("ClusterIP", f), "-t", 300, *o)["by"]) == {pod.name})


def cost(rig, service):
    """Writes for an endpoint that changes to another one and back."""
    serve(rig, service, rig.pair[0])
    before = writes(rig)
    serve(rig, service, rig.pair[1])
    serve(rig, service, rig.pair[0])
    return writes(rig) - before


def fill(rig, numbers):
    """Services in one file, and their slices in another."""
    services = [objects.Service(rig.manifests, f"fill{n}", n) for n in numbers]
    for service in services:
        service.cluster = {4: f"10.96.{service.node_port % 7 + 1}.{service.node_port % 250 + 1}",
                           6: f"fd96::{service.node_port:x}"}
        service.endpoints = [rig.endpoint(rig.pair[0])]
    rig.manifests.put("fill-slices.yaml", *(s.slice(f) for s in services for f in (4, 6)))
    rig.manifests.put("fill.yaml", *(s.service() for s in services))
    return services


@statement("V1", "work for an event is that of the service that changes", ("narud",))
def test_v1_work_by_change(counted):
    """One changed endpoint costs as many writes among 300 services as among 3, and objects that
    were only written anew cost none."""
    service = counted.service("changing", counted.pair[0])
    last = fill(counted, range(100, 100 + FEW))[-1]
    eventually(lambda: answers(counted.nodes[0].host, last, 6, "-u"))
    few = cost(counted, service)
    last = fill(counted, range(100, 100 + MANY))[-1]
    eventually(lambda: metrics(counted, 'naru_map_entries{map="svc_name"}')[0] >= 4 * MANY)
    eventually(lambda: answers(counted.nodes[0].host, last, 6, "-u"))
    assert 0 < few == cost(counted, service)
    before = writes(counted)
    fill(counted, reversed(range(100, 100 + MANY)))
    assert cost(counted, service) == few == writes(counted) - before


@statement("V2", "a burst is coalesced, a lone event is not delayed", ("narud",))
def test_v2_bursts(counted):
    """Sixty files that change while narud is busy cost it a few rounds, and the last word of each
    is in force. Changes that come one by one have a round each, without waiting for company."""
    node, pair = counted.nodes[0], counted.pair
    burst = [counted.service(f"burst{n}", pair[0]) for n in range(BURST)]
    for service in burst:
        eventually(lambda s=service: answers(node.host, s, 6))
    before = syncs(counted)
    node.narud.send_signal(signal.SIGSTOP)
    try:
        for service in burst:
            service.set(counted.endpoint(pair[1]))
    finally:
        node.narud.send_signal(signal.SIGCONT)
    for service in burst:
        eventually(lambda s=service: set(node.host.ask(*s.front("ClusterIP", 4), "-t", 300)["by"])
                   == {"two"})
    assert 0 < syncs(counted) - before <= BURST // 10
    for turn in range(LONE):
        before = syncs(counted)
        serve(counted, burst[0], pair[turn % 2])
        assert turn == 0 or syncs(counted) > before
