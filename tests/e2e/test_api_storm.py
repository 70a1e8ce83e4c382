# SPDX-License-Identifier: Apache-2.0
"""An endpoint flaps as fast as an API server can tell of it: work goes with the number of rounds,
not with that of changes, everybody else's changes go through, and what counts in the end is the
last word.
"""
import os
import threading
import time
import urllib.request

import pytest
from conftest import made, settled
from proc import entered, eventually

ADMIN = "127.0.0.1:9100"
ROUNDS = 'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}'
BURST = 500
BACKLOG = 1 << 20
TURNS = 6


class Storm(threading.Thread):
    """Bursts of versions of a slice, as fast as they are taken."""

    def __init__(self, api, *versions):
        super().__init__(daemon=True)
        self.api = api
        self.versions = versions
        self.told = 0
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            backlog = self.api.burst(BURST, *self.versions)
            self.told += BURST
            if backlog > BACKLOG:
                time.sleep(0.005)

    def end(self):
        """Returns how many versions there were."""
        self.ended.set()
        self.join()
        return self.told


def blows(storm):
    """Waits for more of it."""
    told = storm.told
    eventually(lambda: storm.told > told)


def used_s(node):
    """Processor time of narud."""
    with open(f"/proc/{node.narud.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rounds(node):
    """How many plans narud has brought into force."""
    with entered(node.netns), \
            urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=20) as got:
        lines = got.read().decode().splitlines()
    return int(next(line for line in lines if line.startswith(ROUNDS)).rsplit(" ", 1)[1])


def versions(rig):
    """The slice of the service that flaps, with both pods and without the second."""
    both = rig.flapping.set(*(rig.endpoint(pod) for pod in rig.pods)).slice(4)
    less = rig.flapping.set(rig.endpoint(rig.pods[0]),
                            rig.endpoint(rig.pods[1], ready=False)).slice(4)
    return both, less


@pytest.fixture(scope="module", name="rig")
def fixture_rig():
    """Two services over the same two pods."""
    with made(nodes=1, api=True, narud_options=("--admin", ADMIN)) as rig:
        rig.pods = [rig.nodes[0].pod("one"), rig.nodes[0].pod("two")]
        for pod in rig.pods:
            pod.serve(8080)
        rig.flapping = rig.service("flapping", *rig.pods)
        rig.calm = rig.service("calm", *rig.pods)
        settled(rig, rig.flapping, rig.calm)
        yield rig


def by(rig, service):
    """Who answers for it."""
    return set(rig.nodes[0].host.ask(*service.front("ClusterIP", 4), n=20)["by"])


def test_flap_storm(rig):
    """Changes of a calm service arrive one after the other in the middle of the storm, the one that
    flaps is served all the time, and many changes become one round."""
    node = rig.nodes[0]
    load = node.host.start("who", *rig.flapping.front("ClusterIP", 4), "-i", 2000).wait_up()
    both, less = versions(rig)
    made_before, used_before, begun = rounds(node), used_s(node), time.monotonic()
    with entered(rig.client.netns):
        storm = Storm(rig.manifests, both, less)
    for turn in range(TURNS):
        pod = rig.pods[turn % 2]
        blows(storm)
        rig.calm.set(rig.endpoint(pod))
        eventually(lambda p=pod: by(rig, rig.calm) == {p.name}, seconds=60)
    blows(storm)
    took, used = time.monotonic() - begun, used_s(node) - used_before
    changes = storm.end()
    for last, pods in ((less, {"one"}), (both, {"one", "two"})):
        rig.manifests.burst(1, last)
        eventually(lambda p=pods: by(rig, rig.flapping) == p, seconds=60)
    made_now = rounds(node) - made_before
    print(f"{changes / took:.0f} changes a second for {took:.1f} s: {made_now} rounds, "
          f"{used / took:.2f} of a processor")
    assert made_now * 10 < changes, (made_now, changes)
    counts = load.stop()
    assert counts["failed"] == 0 and counts["ok"] > TURNS, counts
