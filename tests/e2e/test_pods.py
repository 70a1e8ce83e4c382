# SPDX-License-Identifier: Apache-2.0
"""What a Pod object asks of its node: sockets that nobody touches, by the cgroup that kubelet made
for it."""
import itertools
import os
import signal

import objects
import pytest
from conftest import answers, made, settled
from proc import Place, eventually

SOURCES = itertools.count(41000)
OFF = {"naru.io/socket-balancing": "disabled"}
UIDS = {"systemd": "0ae5c03d-5fb3-4eb9-9de8-2bd4b51606ba",
        "cgroupfs": "1be5c03d-5fb3-4eb9-9de8-2bd4b51606ba"}
# Where kubelet puts a pod, and a runtime the container in it, by cgroup driver.
GROUPS = {"systemd": ("kubepods.slice", "kubepods-besteffort.slice",
                      f"kubepods-besteffort-pod{UIDS['systemd'].replace('-', '_')}.slice",
                      "cri-containerd-0123456789abcdef.scope"),
          "cgroupfs": ("kubepods", "burstable", f"pod{UIDS['cgroupfs']}", "0123456789abcdef")}


def grouped(rig, pod, names):
    """The same pod in a cgroup of that path below its node's."""
    path = pod.node.cgroup
    for name in names:
        path = f"{path}/{name}"
        os.mkdir(path)
        rig.cgroups.append(path)
    place = Place(rig, pod.name, pod.netns, path, pod.addr)
    place.node = pod.node
    return place


@pytest.fixture(scope="module", name="apart")
def fixture_apart():
    """A pod for each cgroup driver, one service on another node."""
    with made() as rig:
        first, second = rig.nodes
        far = second.pod("far")
        far.serve(8080)
        rig.web = rig.service("web", far, kind="LoadBalancer")
        rig.pods = {driver: grouped(rig, first.pod(driver), names)
                    for driver, names in GROUPS.items()}
        settled(rig, rig.web)
        for pod in rig.pods.values():
            for family in (4, 6):
                eventually(lambda p=pod, f=family: answers(p, rig.web, f))
        yield rig


def label(rig, driver, labels):
    """Writes the Pod, and waits until narud has done what its labels say."""
    rig.manifests.put(f"{driver}.yaml", objects.pod(rig.pods[driver], UIDS[driver], labels=labels))
    group = os.path.dirname(rig.pods[driver].cgroup)
    entry = {"id": os.stat(group).st_ino}
    eventually(lambda: bool(labels) == (entry in [row["key"] for row in
                                                  rig.nodes[0].dump("sock_off")]))


def is_by_packets(rig, pod, family, *options):
    """Whether what a client there does through the service is known as a flow. The client checks
    that getpeername and the sender of an answer are the service's."""
    addr, port = pod.addr[family], next(SOURCES)
    text = addr if family == 4 else f"[{addr}]"
    hold = pod.start("hold", *rig.web.front("ClusterIP", family), "-i", 5000, "-s", addr,
                     "-p", port, *options).wait_up()
    known = rig.nodes[0].naructl_json("flows", "--client", f"{text}:{port}")["flows"]
    counts = hold.stop()
    assert counts["failed"] == 0 and set(counts["by"]) == {"far"}, counts
    assert set(counts["peers"]) == {text}, counts
    return bool(known)


@pytest.mark.parametrize("driver", GROUPS)
def test_opt_out(apart, driver, family):
    """With the label a pod's packets are translated instead of its sockets, and all else is the
    same; another pod's sockets are not touched by that, and without the label all is as before."""
    pod = apart.pods[driver]
    other = apart.pods[{"systemd": "cgroupfs", "cgroupfs": "systemd"}[driver]]
    label(apart, driver, {})
    assert not is_by_packets(apart, pod, family)
    label(apart, driver, OFF)
    try:
        assert is_by_packets(apart, pod, family)
        assert is_by_packets(apart, pod, family, "-x")
        assert not is_by_packets(apart, other, family)
        for kind in ("NodePort", "LoadBalancer"):
            assert answers(pod, apart.web, family, kind=kind, node=apart.nodes[0])
    finally:
        label(apart, driver, {})
    eventually(lambda: not is_by_packets(apart, pod, family))


def test_opt_out_before_the_cgroup(apart, family):
    """A pod's object comes before its cgroup, which is found when it comes. The entry stays while
    narud is started anew, and goes with the cgroup."""
    node = apart.nodes[0]
    uid = f"2ce5c03d-5fb3-4eb9-9de8-2bd4b516060{family}"
    pod = node.pod(f"late{family}")
    apart.manifests.put("late.yaml", objects.pod(pod, uid, labels=OFF))
    eventually(lambda: node.naructl("plan").stdout.count(f"unbalanced pod {uid}"))
    pod = grouped(apart, pod, (f"pod{uid}", "c"))
    groups = [pod.cgroup, os.path.dirname(pod.cgroup)]
    key = {"id": os.stat(groups[1]).st_ino}

    def is_off():
        return key in [row["key"] for row in node.dump("sock_off")]

    eventually(is_off)
    assert is_by_packets(apart, pod, family)
    node.stop_narud(signal.SIGKILL)
    assert is_off()
    node.start_narud()
    assert is_off()
    assert is_by_packets(apart, pod, family)
    for path in groups:
        os.rmdir(path)
    eventually(lambda: not is_off(), seconds=40)
