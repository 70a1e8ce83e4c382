# SPDX-License-Identifier: Apache-2.0
"""What a Pod object asks of its node: sockets that nobody touches, by the cgroup that kubelet made
for it, and ports of the node."""
import itertools
import os
import signal

import objects
import pytest
from conftest import PATIENT, answers, made, settled
from proc import Place, eventually

SOURCES = itertools.count(31000)  # no NodePort, and none of the kernel's choice
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
            assert answers(pod, apart.web, family, *PATIENT, kind=kind, node=apart.nodes[0])
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


# ---- hostPorts -----------------------------------------------------------------------------------

PORT = 54321
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def by(place, addr, *options, port=PORT):
    """Who answers at an address, or why nobody does."""
    counts = place.ask(addr, port, *PATIENT, *options)
    return set(counts["by"]) or set(counts["errors"])


@pytest.fixture(scope="module", name="hosted")
def fixture_hosted():
    """Pods that share one hostPort, as Kubernetes' conformance test has them, by address and by
    protocol; and one that has another port at every address."""
    with made() as rig:
        node = rig.nodes[0]
        wants = {"own": (LOOPBACK, "TCP", PORT), "wide": (node.addr, "TCP", PORT),
                 "datagrams": (node.addr, "UDP", PORT), "any": ({4: "", 6: ""}, "TCP", PORT + 1)}
        rig.pods = {}
        for number, (name, (addrs, proto, port)) in enumerate(wants.items()):
            rig.pods[name] = pod = node.pod(name)
            pod.serve(8080)
            ports = [{"containerPort": 8080, "hostPort": port, "protocol": proto, "hostIP": addr}
                     for addr in addrs.values()]
            rig.manifests.put(f"{name}.yaml",
                              objects.pod(pod, f"{number}{UIDS['systemd'][1:]}", ports))
        rig.web = rig.service("web", rig.pods["any"], kind="NodePort")
        settled(rig, rig.web)
        yield rig


def test_one_host_port_for_several_pods(hosted, family):
    """No conflict for the same hostPort with different hostIP and protocol: each pod gets what is
    its own, and the one at the loopback nothing from other machines or pods."""
    node = hosted.nodes[0]
    eventually(lambda: by(node.host, LOOPBACK[family]) == {"own"})
    eventually(lambda: by(node.host, node.addr[family]) == {"wide"})
    assert by(node.host, node.addr[family], "-u") == {"datagrams"}
    assert by(hosted.client, node.addr[family]) == {"wide"}
    assert by(hosted.client, node.addr[family], "-u") == {"datagrams"}
    assert by(node.host, LOOPBACK[family], "-u") == {"ECONNREFUSED"}
    for pod in (hosted.pods["wide"], hosted.pods["wide"].outside):
        assert by(pod, LOOPBACK[family]) == {"ECONNREFUSED"}
        assert by(pod, node.addr[family]) == {"wide"}
    assert not node.naructl_json("status")["diagnostics"]


def test_node_ports_leave_the_loopback(hosted, family):
    """NodePorts are on the loopback unless --nodeport-addresses leaves it out; hostPorts stay."""
    node, port = hosted.nodes[0], hosted.web.node_port
    for options, wanted in (((), {"any"}), (("--nodeport-addresses", "primary"), {"ECONNREFUSED"}),
                            (("--nodeport-addresses", "127.0.0.0/8,::1/128"), {"any"})):
        node.stop_narud()
        node.start_narud(*options)
        eventually(lambda w=wanted: by(node.host, LOOPBACK[family], port=port) == w)
        eventually(lambda: by(node.host, LOOPBACK[family], port=PORT + 1) == {"any"})
        assert by(node.host, LOOPBACK[family]) == {"own"}
    node.stop_narud()
    node.start_narud()
