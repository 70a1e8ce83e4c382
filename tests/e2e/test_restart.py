# SPDX-License-Identifier: Apache-2.0
"""narud dies and comes back, cleanly or not, and no flow and no request notices."""
import json
import os
import signal
import time

import pytest
from conftest import answers, made, settled
from proc import eventually, run
from statements import statement

SIGNALS = pytest.mark.parametrize("sig", (signal.SIGKILL, signal.SIGTERM), ids=("kill", "term"))


@pytest.fixture(scope="module", params=("off", "native"), ids=("tc", "xdp"))
def cluster(request):
    """Two pods on each of two nodes behind one service, and a client of every kind."""
    with made(xdp=request.param) as rig:
        first, second = rig.nodes
        rig.pods_of_web = [first.pod("web1"), second.pod("web2")]
        caller, bare = first.pod("caller"), first.pod("bare")
        for pod in rig.pods_of_web:
            pod.serve(8080)
        rig.web = rig.service("web", *rig.pods_of_web, kind="LoadBalancer")
        settled(rig, rig.web)
        rig.clients = {"host": first.host, "pod": caller, "pod-tc": bare.outside,
                       "outside": rig.client}
        for place in rig.clients.values():
            eventually(lambda p=place: answers(p, rig.web, 4))
        yield rig


@SIGNALS
def test_nothing_is_lost(cluster, sig):
    """Transfers, held connections and new connections of every kind of client go through the end
    of narud, the time without it and its return, without one failure."""
    node = cluster.nodes[0]
    work = []
    for family in (4, 6):
        for place in cluster.clients.values():
            front = cluster.web.front("LoadBalancer", family)
            work += [place.start("stream", *front, "-n", 2000, "-i", 1000),
                     place.start("hold", *front, "-i", 2000),
                     place.start("hold", *front, "-u", "-i", 2000),
                     place.start("who", *front, "-i", 5000),
                     place.start("who", *front, "-u", "-i", 5000)]
    for each in work:
        each.wait_up()
    status = node.stop_narud(sig)
    assert status == (0 if sig == signal.SIGTERM else -sig)
    time.sleep(0.5)
    node.start_narud()
    time.sleep(0.5)
    for each in work:
        streaming = "stream" in each.process.args
        counts = each.result() if streaming else each.stop()
        assert counts["failed"] == 0, (each.process.args, counts)
        assert not streaming or counts["ok"] == 2000


@SIGNALS
def test_flows_made_without_narud(cluster, sig, family, proto):
    """While narud is gone new flows of every kind are made, and they outlive its return."""
    node = cluster.nodes[0]
    node.stop_narud(sig)
    front = cluster.web.front("LoadBalancer", family)
    holds = [place.start("hold", *front, *proto, "-i", 2000).wait_up()
             for place in cluster.clients.values()]
    node.start_narud()
    time.sleep(0.2)
    for hold in holds:
        counts = hold.stop()
        assert counts["failed"] == 0, counts


@SIGNALS
def test_restart_reconciles(cluster, sig):
    """After a restart ids and maps are what they were, and what changed meanwhile is in force."""
    node = cluster.nodes[0]
    names = ("svc", "svc_name", "endpoint", "node_addr", "device")
    before = {name: node.dump(name) for name in names}
    blocks = tables(node, before["svc"])
    node.stop_narud(sig)
    node.start_narud()
    for name in names:
        eventually(lambda n=name: node.dump(n) == before[n])
    assert tables(node, before["svc"]) == blocks
    node.stop_narud(sig)
    cluster.web.set(cluster.endpoint(cluster.pods_of_web[0]))
    node.start_narud()
    front = cluster.web.front("ClusterIP", 4)
    eventually(lambda: set(node.host.ask(*front, n=20)["by"]) == {"web1"})
    kept = {json.dumps(row["value"]): row["key"] for row in before["endpoint"]}
    for row in node.dump("endpoint"):
        assert kept[json.dumps(row["value"])] == row["key"]
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web))
    settled(cluster, cluster.web)


def test_maps_are_taken_over(cluster):
    """A restart keeps the pinned maps themselves, flows included."""
    node = cluster.nodes[0]
    before = map_ids(node)
    hold = cluster.client.start("hold", *cluster.web.front("ClusterIP", 4), "-i", 2000).wait_up()
    flows = node.naructl_json("flows")
    assert flows
    node.stop_narud(signal.SIGKILL)
    node.start_narud()
    assert map_ids(node) == before
    assert hold.stop()["failed"] == 0


@statement("V3", "an unchanged service is never missing, at changes, starts and ends", ("narud",))
def test_crash_in_the_first_moments(cluster):
    """narud killed at any moment of its start leaves a state that traffic survives and that the
    next start takes over."""
    node = cluster.nodes[0]
    front = cluster.web.front("LoadBalancer", 6)
    loads = [place.start("who", *front, "-i", 1000).wait_up()
             for place in cluster.clients.values()]
    for delay in (0.02, 0.05, 0.1, 0.2, 0.4):
        node.stop_narud(signal.SIGKILL)
        place = cluster.nodes[0].host
        with open(node.log_path, "ab") as log:
            node.narud = place.popen(node.narud_argv(), stdout=log, stderr=log)
        time.sleep(delay)
    node.stop_narud(signal.SIGKILL)
    node.start_narud()
    settled(cluster, cluster.web)
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0, counts


@pytest.mark.slow
def test_many_deaths(cluster):
    """Fifty ends of narud on both nodes, by turns clean and not, under load: no failure."""
    loads = [place.start(mode, *cluster.web.front("LoadBalancer", family), *options, "-i", 5000)
             for place in cluster.clients.values() for family in (4, 6)
             for mode in ("who", "hold") for options in ((), ("-u",))]
    for load in loads:
        load.wait_up()
    for i in range(50):
        node = cluster.nodes[i % 2]
        node.stop_narud(signal.SIGKILL if i % 4 < 2 else signal.SIGTERM)
        node.start_narud()
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0, (load.process.args, counts)


def tables(node, services):
    """The first block of the list and of the Maglev table of each service."""
    keys = {("ep_list", row["value"]["internal"]["list"]) for row in services}
    keys |= {("lut", row["value"]["internal"]["lut"]) for row in services}
    return {key: node.look_up(*key) for key in keys}


def map_ids(node):
    """Ids of the pinned maps by name."""
    ids = {}
    for name in os.listdir(f"{node.bpffs}/naru"):
        shown = run(["bpftool", "-j", "map", "show", "pinned", node.pinned(name)], check=False)
        if shown.returncode == 0:
            ids[name] = json.loads(shown.stdout)["id"]
    assert len(ids) > 8
    return ids
