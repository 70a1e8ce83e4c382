#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""naru beside the real kube-proxy and plain routing, end to end in network namespaces.

One cluster with a real API server; every way to carry services has a node of its own: routed
(clients dial pods themselves), nftables and iptables (kube-proxy), naru (production's
capabilities). A pod of each service is on that node (here) or on another one (there). Clients are a
machine outside and a pod of the node; naru's pod also without its cgroup (packets), where no socket
program is. The number of services grows between the tables. Ways take turns in every round;
figures are medians over the rounds. The control plane is stopped meanwhile. Everything runs on one
machine, so the rates contain client and server; the ratio to routed tells what the service costs.

usage: bench_end_to_end.py [--rounds N] [--seconds S] [--family 4|6] [--xdp off|native]
                           [--services N,N...]        needs root and build kube-proxy
"""
import argparse
import json
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "harness"), os.path.dirname(os.path.abspath(__file__))]

# pylint: disable=wrong-import-position
import bench_cluster  # noqa: E402
from cluster.binaries import program  # noqa: E402
from cluster.control import URL, Cluster  # noqa: E402
from proc import Place, entered, eventually  # noqa: E402
from rig import LENGTH, ip  # noqa: E402

THREADS = 4
PORT = 8080
DIALS = 400  # whose time is taken in a round
WAYS = ("routed", "nftables", "iptables", "naru")
KINDS = {"connections/s": "who", "requests/s, keep-alive": "hold"}


def busy():
    """CPU seconds that the machine has worked since it started."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def front(name, addrs, pod):
    """A service of one pod, as objects."""
    families = {4: "IPv4", 6: "IPv6"}
    yield bench_cluster.SERVICES, {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"clusterIP": addrs[4], "clusterIPs": list(addrs.values()),
                 "ipFamilyPolicy": "RequireDualStack",
                 "ports": [{"name": "echo", "port": PORT}]}}
    for family, kind in families.items():
        yield bench_cluster.SLICES, {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-{family}",
                         "labels": {"kubernetes.io/service-name": name}},
            "addressType": kind, "ports": [{"name": "echo", "protocol": "TCP", "port": PORT}],
            "endpoints": [{"addresses": [pod.addr[family]], "nodeName": pod.node.name,
                           "conditions": {"ready": True}}]}


class Way:
    """A node that carries services in one way."""

    def __init__(self, cluster, name, node, far):
        self.cluster = cluster
        self.name = name
        self.node = node
        number = node.index
        self.pods = {"here": node.pod(f"here{number}"), "there": far}
        self.pods["here"].serve(PORT)
        self.inside = node.pod(f"inside{number}")
        self.places = {"outside": cluster.client, "pod": self.inside}
        self.addrs = {where: {4: f"10.96.8.{i}{number}", 6: f"fd96::8{i}{number}"}
                      for i, where in enumerate(self.pods, 1)}
        if name == "routed":
            self.addrs = {where: pod.addr for where, pod in self.pods.items()}
        elif name == "naru":
            self.places["pod, packets"] = self.inside.outside
        for addrs in self.addrs.values():
            ip(cluster.client.netns, *(f"route replace {addrs[f]}/{LENGTH[f]} via {node.addr[f]}"
                                       for f in addrs))

    def start(self):
        """Makes the services, and starts who carries them."""
        session = bench_cluster.Session(self.cluster)
        if self.name == "routed":
            return
        for where, addrs in self.addrs.items():
            for path, told in front(f"{where}-{self.name}", addrs, self.pods[where]):
                session.call("POST", path, told)
        if self.name == "naru":
            self.node.start_narud()
        else:
            self._start_kube_proxy()

    def _start_kube_proxy(self):
        cluster, node = self.cluster, self.node
        path = f"{node.run_dir}/kube-proxy.yaml"
        with open(path, "w", encoding="ascii") as out:
            json.dump({"apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                       "kind": "KubeProxyConfiguration", "mode": self.name,
                       "hostnameOverride": node.name, "clusterCIDR": "10.244.0.0/16,fd44::/48",
                       "clientConnection": {"kubeconfig": cluster.certs.user(
                           f"kube-proxy-{node.name}", URL, "system:kube-proxy")},
                       "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s",
                                     "tcpCloseWaitTimeout": "0s"}}, out)
        with open(f"{node.run_dir}/kube-proxy.log", "wb") as log:
            Place(cluster, f"kube-proxy@{node.name}", node.netns).popen(
                [program("kube-proxy"), "--config", path], stdout=log, stderr=log)

    def ask(self, place, addr, port):
        """True when a new connection from there is answered."""
        return self.places[place].ask(addr, port, "-t", 500)["ok"] == 1

    def wait(self, family):
        """Until all places have their answers."""
        for place in self.places:
            for addrs in self.addrs.values():
                eventually(lambda p=place, a=addrs: self.ask(p, a[family], PORT), seconds=60)

    def knows(self, addr):
        """Waits until that service is carried, too."""
        if self.name != "routed":
            eventually(lambda: self.ask("pod", addr, PORT), seconds=900, pause=1)

    def load(self, kind, place, where, options):
        """Requests per second, CPU microseconds of the machine for each, failed requests."""
        start, work = time.monotonic(), busy()
        client = self.places[place].start(KINDS[kind], self.addrs[where][options.family], PORT,
                                          "-c", THREADS)
        client.wait_up()
        time.sleep(options.seconds)
        done = client.stop()
        elapsed, work = time.monotonic() - start, busy() - work
        return done["ok"] / elapsed, work / done["ok"] * 1e6, done["failed"]

    def dial(self, place, where, family):
        """Microseconds of connect(), one after the other: the first packet's way and back."""
        out, into = multiprocessing.Pipe(False)
        child = multiprocessing.Process(target=self._dial, args=(place, where, family, into))
        child.start()
        samples = out.recv()
        child.join()
        return samples

    def _dial(self, place, where, family, into):
        at = self.places[place]
        if at.cgroup:
            with open(f"{at.cgroup}/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write("0")
        samples = []
        target = (self.addrs[where][family], PORT)
        with entered(at.netns):
            for _ in range(DIALS):
                with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as sock:
                    begun = time.perf_counter()
                    sock.connect(target)
                    samples.append((time.perf_counter() - begun) * 1e6)
        into.send(samples)


def fill(cluster, begin, end, pod):
    """Services up to that number, the last of which leads to a pod; returns its address."""
    session = bench_cluster.Session(cluster)
    addr = {4: f"10.96.9.{end % 251 + 1}", 6: f"fd96::9{end % 4096:03x}"}
    numbers = range(begin, end)
    makers = [multiprocessing.Process(target=bench_cluster.create, args=(cluster, numbers[k::4], 2))
              for k in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
        assert maker.exitcode == 0
    for path, told in front(f"last-{end}", addr, pod):
        session.call("POST", path, told)
    return addr


class Frozen:
    """The control plane and its clients do not run meanwhile, but for who carries services."""

    def __init__(self, cluster):
        self.processes = list(cluster.running.values())

    def __enter__(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGSTOP)

    def __exit__(self, *exc):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)


def rounds(ways, options):
    """All samples: by row, then by way."""
    rates, dials = {}, {}
    rows = [(place, where) for place in ("outside", "pod", "pod, packets")
            for where in ("here", "there")]
    for number in range(options.rounds):
        for place, where in rows:
            order = [way for way in ways if place in way.places]
            for way in order[number % len(order):] + order[:number % len(order)]:
                for kind in KINDS:
                    rates.setdefault((kind, place, where), {}).setdefault(way.name, []).append(
                        way.load(kind, place, where, options))
                dials.setdefault((place, where), {}).setdefault(way.name, []).extend(
                    way.dial(place, where, options.family))
    return rates, dials


def print_rates(rates):
    """The table of rates; failed requests are told, since they stall their thread."""
    print("\n| | " + " | ".join(f"{w} | CPU us each" for w in WAYS) +
          " | naru / nftables | naru / iptables | naru / routed | failed |\n" +
          "|---" * (2 * len(WAYS) + 5) + "|")
    for (kind, place, where), row in rates.items():
        rate = {w: statistics.median(sample[0] for sample in row[w]) for w in row}
        work = {w: statistics.median(sample[1] for sample in row[w]) for w in row}
        failed = {w: sum(sample[2] for sample in row[w]) for w in row}
        cells = [f"{rate[w]:.0f} | {work[w]:.1f}" if w in row else " | " for w in WAYS]
        ratios = [f"{rate['naru'] / rate[w]:.2f}" if w in row else ""
                  for w in ("nftables", "iptables", "routed")]
        print(f"| {kind}, {place} to pod {where} | " + " | ".join(cells + ratios) + " | " +
              (", ".join(f"{w} {n}" for w, n in failed.items() if n) or "none") + " |")


def print_dials(dials):
    """The table of first packets."""
    print("\n| first packet, us | " + " | ".join(f"{w} p50 | p99" for w in WAYS) + " |\n" +
          "|---" * (2 * len(WAYS) + 1) + "|")
    for (place, where), row in dials.items():
        cells = [f"{statistics.median(row[w]):.0f} | {bench_cluster.quantile(row[w], 0.99):.0f}"
                 if w in row else " | " for w in WAYS]
        print(f"| {place} to pod {where} | " + " | ".join(cells) + " |")
    sys.stdout.flush()


def compare(cluster, options):
    """Sets the ways up, lets services become more, prints the tables."""
    cluster.install_naru()
    far = cluster.nodes[-1].pod("far")
    far.serve(PORT)
    ways = [Way(cluster, name, node, far) for name, node in zip(WAYS, cluster.nodes)]
    while cluster.kubelets:
        cluster.kubelets.pop().stop()
    for way in ways:
        way.start()
    have = 0
    for level in options.services:
        addr = fill(cluster, have, level, far)
        have = level
        for way in ways:
            way.knows(addr[options.family])
            way.wait(options.family)
        print(f"\n{level} services" if level > 1 else "\nA few services")
        with Frozen(cluster):
            rates, dials = rounds(ways, options)
        print_rates(rates)
        print_dials(dials)


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--family", type=int, choices=(4, 6), default=4)
    parser.add_argument("--xdp", choices=("off", "native"), default="off")
    parser.add_argument("--services", default=[1, 1000, 10000],
                        type=lambda text: [int(word) for word in text.split(",")])
    options = parser.parse_args()
    print({"off": "TC, offloads of veth as they are",
           "native": "XDP in front of TC, transmit check sums in software"}[options.xdp] +
          f"; {options.rounds} rounds of {options.seconds} s, IPv{options.family}, {THREADS} "
          "client threads, medians")
    with Cluster(nodes=len(WAYS) + 1, xdp=options.xdp) as cluster:
        compare(cluster, options)


if __name__ == "__main__":
    main()
