# SPDX-License-Identifier: Apache-2.0
"""The segment between the nodes misbehaves: neighbours move, frames are flooded."""
import pytest
from conftest import made, settled
from proc import eventually, run
from rig import ip

NEW_LINK_ADDRESS = "02:00:00:00:77:01"


@pytest.fixture(scope="module")
def cluster():
    """A service with its only pod on node 2, dialled by way of node 1."""
    with made() as rig:
        pod = rig.nodes[1].pod("web")
        pod.serve(8080)
        rig.web = rig.service("web", pod, kind="LoadBalancer")
        settled(rig, rig.web)
        yield rig


@pytest.mark.parametrize("mode", ("who", "hold"))
@pytest.mark.parametrize("options", ((), ("-u",)), ids=("tcp", "udp"))
def test_neighbour_moves_without_a_word(cluster, family, mode, options):
    """A node gets another link address and says nothing. Redirected packets make the kernel look
    for it, as packets of its own would."""
    first, second = cluster.nodes
    front = cluster.web.front("LoadBalancer", family)

    def succeeds():
        return cluster.client.ask(*front, *options, "-t", 300, mode=mode)["failed"] == 0

    eventually(succeeds, seconds=60)
    shown = first.host.run(["ip", "neigh", "show", second.addr[family], "dev", "eth0"]).stdout
    old = shown.split()[shown.split().index("lladdr") + 1]
    unlike = NEW_LINK_ADDRESS if old != NEW_LINK_ADDRESS else "02:00:00:00:77:02"
    ip(second.netns, f"link set eth0 address {unlike}")
    ip(first.netns, f"neigh replace {second.addr[family]} lladdr {old} dev eth0 nud stale")
    eventually(succeeds, seconds=30)


def test_segment_floods(cluster, family):
    """A segment that has learnt no address shows every frame to every node; one alone answers."""
    front = cluster.web.front("LoadBalancer", family)
    run(["ip", "-n", cluster.netns("segment"), "link", "set", "br0", "type", "bridge",
         "ageing_time", "0"])
    try:
        eventually(lambda: cluster.client.ask(*front, "-t", 300)["failed"] == 0, seconds=60)
        assert cluster.client.ask(*front, n=100)["failed"] == 0
    finally:
        run(["ip", "-n", cluster.netns("segment"), "link", "set", "br0", "type", "bridge",
             "ageing_time", "30000"])
