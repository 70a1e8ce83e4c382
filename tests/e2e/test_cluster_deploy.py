# SPDX-License-Identifier: Apache-2.0
"""The chart on nodes with upstream's kubelet, containerd and runc, and no kube-proxy: its pods
serve, hold the rights that it says and no others, and are upgraded under load."""
import grp
import json
import os
import signal
import socket
import threading
import time

import gateway as gw
import pytest
import yaml
from cluster import workloads
from cluster.binaries import versions
from cluster.control import ADDR, PORT, Cluster
from cluster.front import Front
from cluster.machine import CGROUP, NARU
from conftest import made
from proc import entered, eventually, run

pytestmark = pytest.mark.slow
TOP = os.path.join(os.path.dirname(__file__), "..", "..")
CHART = os.path.join(TOP, "tools/deploy/helm/naru")
SYSTEM = "naru-system"
SHOP = "shop"
# What the containers hold once they serve, of <linux/capability.h>: BPF and NET_ADMIN.
NARUD_CAPABILITIES = 1 << 39 | 1 << 12
NOBODY = "192.168.77.99"  # an API server that is away
BIG = 24 << 20
SLOW_S = 10  # for that many bytes
VIP = {4: "203.0.113.200", 6: "2001:db8:1::c8"}


class Deployment:
    """The release of the chart."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.helm = run([os.path.join(TOP, "tools/dev/helm")]).stdout.strip()
        self.values = {"image": {"repository": NARU[0].split(":")[0], "tag": "1"},
                       "apiServer": {"host": [NOBODY, ADDR[4]], "port": PORT},
                       "paths": {"cgroup": CGROUP}, "drainTime": 3 * SLOW_S,
                       "narud": {"devices": ["eth0"], "xdp": "off"},
                       "gateway": {"cidrs": "203.0.112.0/20,2001:db8:1::/112"},
                       "namespace": {"create": True}}

    def install(self):
        """Renders the chart with the values, applies it and waits until all pods are ready."""
        path = f"{self.cluster.directory}/values.yaml"
        with open(path, "w", encoding="utf-8") as out:
            yaml.safe_dump(self.values, out)
        text = run([self.helm, "template", "naru", CHART, "--namespace", SYSTEM, "--kube-version",
                    versions()["K8S"], "--api-versions", "gateway.networking.k8s.io/v1", "-f",
                    path]).stdout
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        return self.wait()

    def wait(self):
        """Waits for the end of a rollout."""
        kubectl = self.cluster.kubectl
        for _ in range(4):
            done = kubectl("rollout", "status", "-n", SYSTEM, "daemonset/naru", "--timeout=50s",
                           check=False)
            if done.returncode == 0:
                return self
        raise AssertionError(
            kubectl("describe", "pods", "-n", SYSTEM).stdout +
            "".join(kubectl("logs", "-n", SYSTEM, "--tail=40", "--all-containers",
                            pod["metadata"]["name"], check=False).stdout for pod in self.pods()))

    def pods(self):
        """The living pods."""
        found = self.cluster.get("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=naru")
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]


def processes(name, pods):
    """Processes of that name in the pods, as this machine numbers them."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/comm", encoding="ascii", errors="replace") as comm, \
                    open(f"/proc/{entry}/cgroup", encoding="ascii") as cgroup:
                told = comm.read().strip(), cgroup.read()
        except OSError:
            continue
        if told[0] == name and any(f"pod{pod['metadata']['uid']}" in told[1] for pod in pods):
            found.append(int(entry))
    return found


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def web(name, replicas):
    """Servers that answer requests for / and for a big file, and their Service."""
    told = workloads.deployment(SHOP, name, None, replicas, image="busybox")
    container = told["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["sh", "-c",
                         "cd /tmp; echo hello >index.html; dd if=/dev/zero of=big bs=1M count=24; "
                         f"exec httpd -f -p {workloads.PORT}"]
    return told, workloads.service(SHOP, name)


def gateway_objects():
    """A Gateway at addresses outside, and a route to the servers."""
    edge = gw.gateway("edge", [gw.listener("http", 80)], VIP.values())
    route = gw.route("route", gw.rule("web"))
    for told in (edge, route):
        told["metadata"]["namespace"] = SHOP
    return edge, route


@pytest.fixture(scope="module", name="naru")
def fixture_naru():
    """Two nodes with the release, servers at both layers, and a Gateway."""
    with made(narud=False, kind=Cluster, nodes=2, real=True, scheduler=True) as cluster:
        cluster.install_crds()
        cluster.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=50s")
        cluster.apply(workloads.namespace(SHOP))
        naru = Deployment(cluster).install()
        cluster.apply(workloads.deployment(SHOP, "plain", None, 4),
                      workloads.service(SHOP, "plain", type="NodePort"), *web("web", 2),
                      *gateway_objects())
        cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/plain", "--timeout=50s")
        cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/web", "--timeout=50s")
        naru.plain = Front(cluster, SHOP, "plain", cluster.nodes[0].host)
        naru.plain.settled()
        for family in VIP:
            eventually(lambda f=family: cluster.client.ask_web(VIP[f], 80, "-t", 2)["ok"],
                       seconds=60, pause=0.2)
        yield naru


def test_serves(naru):
    """Sockets of a node, packets at a node's port, requests at the Gateway: in both families."""
    pods = naru.plain.settled()
    for family in VIP:
        for node in naru.cluster.nodes:
            counts = naru.cluster.client.ask(node.addr[family], naru.plain.node_port, n=40)
            assert counts["failed"] == 0 and set(counts["by"]) <= pods
        counts = naru.cluster.client.ask_web(VIP[family], 80, "-n", 20)
        assert counts["failed"] == 0 and counts["statuses"] == {"200": 20}, counts


def test_rights(naru):
    """Users, capabilities and filters of both containers are what the chart says, on each node."""
    pods = naru.pods()
    assert len(pods) == 2
    narud, proxy = (processes(name, pods) for name in ("narud", "naru-proxy"))
    assert len(narud) == len(proxy) == 2
    for pid in narud:
        told = status_of(pid)
        assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == NARUD_CAPABILITIES, told
        assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2"
    for pid in proxy:
        told = status_of(pid)
        assert {int(told[f"Cap{name}"], 16) for name in ("Eff", "Prm", "Inh", "Bnd")} == {0}, told
        assert told["Uid"].split() == ["10101"] * 4
        assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2"


class Downloads:
    """One slow answer after the other in a thread, so that there is always one under way."""

    def __init__(self, naru, family):
        self.naru = naru
        self.family = family
        self.lengths = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            self.lengths.append(self._one())

    def _one(self):
        """Bytes of an answer that is read in about ten seconds."""
        with entered(self.naru.cluster.client.netns):
            sock = socket.create_connection((VIP[self.family], 80), timeout=20)
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.sendall(b"GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            had = 0
            while piece := sock.recv(32768):
                had += len(piece)
                time.sleep(len(piece) * SLOW_S / BIG)
        return had

    def stop(self):
        """Ends after the answer that is under way; all of them were whole."""
        self.stopping.set()
        self.thread.join()
        assert self.lengths and min(self.lengths) > BIG, self.lengths


def loads(naru):
    """New and kept connections at the Gateway, new and held ones at layer 4, from outside and from
    the nodes' own sockets, in both families."""
    client = naru.cluster.client
    made_here = []
    for family in VIP:
        made_here += [client.start_web(VIP[family], 80, "-n", 0, "-i", 5, *kept).wait_up()
                      for kept in ((), ("-k",))]
        for node in naru.cluster.nodes:
            for place, front in ((client, (node.addr[family], naru.plain.node_port)),
                                 (node.host, (naru.plain.addrs[family], 80))):
                made_here += [place.start(mode, *front, "-i", 10000).wait_up()
                              for mode in ("who", "hold")]
    return made_here


def no_failure(clients):
    """Ends the clients; nothing failed, and every answer at the Gateway was a 200."""
    for client in clients:
        counts = client.stop()
        args = client.process.args[1:]
        assert counts["failed"] == 0 and counts["ok"], f"{args}: {counts['errors']}"
        assert set(counts.get("statuses", ("200",))) == {"200"}, f"{args}: {counts['statuses']}"


def test_upgrade(naru):
    """Another image, then another option, under load: pod after pod the next one takes over; not
    one request, connection or byte is lost, not even of answers that outlast it all."""
    clients = loads(naru)
    downloads = [Downloads(naru, family) for family in VIP]
    before = {pod["metadata"]["name"] for pod in naru.pods()}
    naru.cluster.kubectl("set", "image", "-n", SYSTEM, "daemonset/naru", f"narud={NARU[1]}",
                         f"naru-proxy={NARU[1]}")
    naru.wait()
    after = {pod["metadata"]["name"] for pod in naru.pods()}
    assert len(after) == 2 and not after & before
    assert all(status["restartCount"] == 0 for pod in naru.pods()
               for status in pod["status"]["containerStatuses"])
    naru.values["image"]["tag"] = "2"
    naru.values["narud"]["logLevel"] = "debug"
    naru.install()
    for download in downloads:
        download.stop()
    no_failure(clients)
    naru.plain.settled()


def test_hung_narud_is_replaced(naru):
    """narud of the node that clients go to hangs in an upgrade: the next pod's waits for it, and
    takes over when the kubelet has ended it. Meanwhile and afterwards everything is served."""
    clients = loads(naru)
    before = {pod["metadata"]["name"]: pod for pod in naru.pods()}
    node = naru.cluster.nodes[0].name
    [pid] = processes("narud", [pod for pod in before.values() if pod["spec"]["nodeName"] == node])
    os.kill(pid, signal.SIGSTOP)
    naru.values["pod"] = {"annotations": {"naru.test/turn": "hung"}}
    naru.install()
    assert not before.keys() & {pod["metadata"]["name"] for pod in naru.pods()}
    no_failure(clients)


# Each as Debian runs it: a folder of its own, a user without privilege, a socket for its group.
# What it is told to include may not be there yet.
ENGINES = {
    "bird": ("bird", ["bird", "-f", "-u", "bird", "-g", "bird", "-c", "{folder}/conf"],
             'router id 192.0.2.1;\nprotocol device {}\ninclude "/run/naru-*/naru.conf";\n',
             ["birdc", "show", "route"]),
    "frr": ("frrvty", ["/usr/lib/frr/bgpd", "-f", "{folder}/conf", "-i", "{folder}/pid", "-P", "0",
                       "-Z", "-n"],
            "router bgp 65001\n no bgp network import-check\n",
            ["vtysh", "-d", "bgpd", "-c", "show running-config"])}


@pytest.mark.parametrize("engine", ENGINES)
def test_bgp_engine(naru, engine):
    """An engine of one node has the addresses by a narud of a pod; the other node, which has none,
    says so and serves all the same."""
    group, argv, config, show = ENGINES[engine]
    folder, group = f"/run/{engine}", grp.getgrnam(group).gr_gid
    machine, host = naru.cluster.kubelets[0], naru.cluster.nodes[0].host
    host.run(machine.inside("sh", "-c", f"install -d -o {engine} -g {engine} {folder} && "
                                        f"cat >{folder}/conf"), stdin=config)
    process = host.popen(machine.inside(*(word.format(folder=folder) for word in argv)))
    naru.values["bgp"] = {"engine": engine, "group": group}
    naru.install()
    told = {pod["spec"]["nodeName"]: json.loads(naru.cluster.kubectl(
        "exec", "-n", SYSTEM, pod["metadata"]["name"], "-c", "narud", "--", "naructl",
        "announce", "-o", "json").stdout)["bgp"] for pod in naru.pods()}
    first, second = (told[node.name] for node in naru.cluster.nodes)
    assert first == {"engine": engine, "addresses": 2, "current": True, "problem": ""}
    assert folder in second["problem"] and not second["current"]
    shown = host.run(machine.inside(*show)).stdout
    assert all(f"{VIP[family]}/{length}" in shown for family, length in ((4, 32), (6, 128))), shown
    naru.plain.settled()
    process.kill()
    process.wait()


def test_starts_without_an_api_server(naru):
    """narud of a node is killed while there is no API server: its container comes back with what
    it knew, and follows the objects again later."""
    cluster = naru.cluster
    pods = naru.plain.settled()
    # Written within a minute of the last change.
    releases = naru.pods()
    victims = processes("narud", releases)
    files = [f"/proc/{pid}/root/var/lib/naru/objects" for pid in victims]
    eventually(lambda: all(map(os.path.exists, files)), seconds=90, pause=1)
    cluster.kill("kube-apiserver")
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(set(processes("narud", releases)) - set(victims)) == 2, seconds=60,
               pause=0.5)
    assert naru.plain.served_by(pods)
    for family in VIP:
        assert cluster.client.ask_web(VIP[family], 80, "-n", 20)["statuses"] == {"200": 20}
    cluster.start_server()
    cluster.kubectl("scale", "-n", SHOP, "deployment/plain", "--replicas=2")
    eventually(lambda: len(naru.plain.pods()) == 2, seconds=120, pause=0.5)
    assert naru.plain.settled() < pods
