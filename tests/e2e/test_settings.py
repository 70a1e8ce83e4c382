# SPDX-License-Identifier: Apache-2.0
"""A restart with other settings: flows made under the old ones go on."""

import signal
import time

import pytest

from conftest import answers, made, settled
from proc import eventually


@pytest.fixture(scope="module", params=("off", "native"), ids=("tc", "xdp"))
def cluster(request):
    """A service with an endpoint on each node, and a client of each kind."""
    with made(xdp=request.param) as rig:
        first, second = rig.nodes
        caller, bare = first.pod("caller"), first.pod("bare")
        pods = [first.pod("web1"), second.pod("web2")]
        for pod in pods:
            pod.serve(8080)
        rig.web = rig.service("web", *pods, kind="LoadBalancer")
        settled(rig, rig.web)
        rig.clients = {"pod": caller, "pod-tc": bare.outside, "outside": rig.client}
        for place in rig.clients.values():
            eventually(lambda p=place: answers(p, rig.web, 4))
        yield rig


CASES = [((), ("--snat-ports=40000-50000",)), (("--snat-ports=40000-50000",), ()),
         (("--bypass-netfilter",), ()), ((), ("--bypass-netfilter",))]


@pytest.mark.parametrize("case", CASES, ids=("other", "back", "nobypass", "bypass"))
def test_settings(cluster, case):
    """TCP connections and UDP exchanges held over the restart lose nothing."""
    node = cluster.nodes[0]
    node.stop_narud(signal.SIGTERM)
    node.start_narud(*case[0])
    time.sleep(1)
    holds = []
    for family in (4, 6):
        front = cluster.web.front("LoadBalancer", family)
        for place in cluster.clients.values():
            for _ in range(3):
                holds += [place.start("hold", *front, "-i", 2000).wait_up()]
            holds += [place.start("hold", *front, "-u", "-i", 2000).wait_up()]
    time.sleep(0.3)
    node.stop_narud(signal.SIGTERM)
    node.start_narud(*case[1])
    time.sleep(2)
    bad = []
    for hold in holds:
        counts = hold.stop()
        if counts["failed"] or not counts["ok"]:
            bad.append((hold.process.args, counts))
    assert not bad
