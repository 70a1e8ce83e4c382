#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""naru beside kube-proxy's nftables rules and plain routing, end to end in network namespaces.

A client dials a service through node 1. Its one pod is on node 1 (here) or on node 2 (there).
Three rigs of the same shape stand side by side: routed (the client dials the pod itself), nftables
(rules of kubeproxy.py), naru (narud with production's capabilities). They take turns in every
round; figures are medians over the rounds. Everything runs on one machine, so the rates contain
client and server; the ratio to routed tells what the service costs.

usage: bench_end_to_end.py [--rounds N] [--seconds S] [--family 4|6]
"""
import argparse
import os
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "harness"), os.path.dirname(os.path.abspath(__file__))]

import kubeproxy  # pylint: disable=wrong-import-position
from proc import entered, eventually, run  # pylint: disable=wrong-import-position
from rig import Rig  # pylint: disable=wrong-import-position

THREADS = 4
PORT = 8080


def busy():
    """CPU seconds that the machine has worked since it started."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Contender:
    """A rig in which services are carried in one way."""

    def __init__(self, way, xdp):
        self.way = way
        self.rig = Rig(nodes=2, xdp=xdp)
        self.pods = {"here": self.rig.nodes[0].pod("here"), "there": self.rig.nodes[1].pod("there")}
        for pod in self.pods.values():
            pod.serve(PORT)
        self.services = {name: self.rig.service(name, pod) for name, pod in self.pods.items()}
        getattr(self, f"_set_up_{way}")()

    def _set_up_routed(self):
        """The pods are reached by their own addresses, through node 1 like the services."""
        for family in (4, 6):
            for node in self.rig.nodes:
                run(["ip", "-n", self.rig.client.netns, "route", "add", node.pod_cidr[family],
                     "via", self.rig.nodes[0].addr[family]])

    def _set_up_nftables(self):
        with entered(self.rig.nodes[0].netns):
            for family in (4, 6):
                services = [(name, s.cluster[family], s.port,
                             [(self.pods[name].addr[family], PORT)])
                            for name, s in self.services.items()]
                pods = "10.244.0.0/16" if family == 4 else "fd44::/48"
                run(["nft", "-f", "-"], stdin=kubeproxy.rules(family, services, pods))

    def _set_up_naru(self):
        self.rig.nodes[0].start_narud()

    def target(self, where, family):
        """What the client dials."""
        if self.way == "routed":
            return self.pods[where].addr[family], PORT
        return self.services[where].cluster[family], self.services[where].port

    def wait(self, family):
        """Until both services answer."""
        for where in self.pods:
            dial = self.target(where, family)
            eventually(lambda dial=dial: self.rig.client.ask(*dial)["ok"] == 1)

    def measure(self, mode, where, family, seconds):
        """Requests per second, CPU microseconds of the machine for each, failed requests."""
        start, work = time.monotonic(), busy()
        client = self.rig.client.start(mode, *self.target(where, family), "-c", THREADS)
        client.wait_up()
        time.sleep(seconds)
        done = client.stop()
        elapsed, work = time.monotonic() - start, busy() - work
        return done["ok"] / elapsed, work / done["ok"] * 1e6, done["failed"]


def table(title, ways, samples):
    """Prints one table of medians; failed requests are told, since they stall their thread."""
    print(f"\n{title}\n\n| | " + " | ".join(f"{w} | CPU us each" for w in ways) +
          " | naru / nftables | naru / routed | failed requests |\n" +
          "|---" * (2 * len(ways) + 4) + "|")
    for what, rows in samples.items():
        rate = {w: statistics.median(row[0] for row in rows[w]) for w in ways}
        work = {w: statistics.median(row[1] for row in rows[w]) for w in ways}
        failed = {w: sum(row[2] for row in rows[w]) for w in ways}
        print(f"| {what} | " + " | ".join(f"{rate[w]:.0f} | {work[w]:.1f}" for w in ways) +
              f" | {rate['naru'] / rate['nftables']:.2f} | {rate['naru'] / rate['routed']:.2f} | " +
              (", ".join(f"{w} {n}" for w, n in failed.items() if n) or "none") + " |")
    sys.stdout.flush()


def compare(title, xdp, options):
    """Sets the contenders up, lets them take turns, prints a table."""
    modes = {"who": "connections/s", "hold": "requests/s, keep-alive"}
    ways = ("routed", "nftables", "naru")
    samples = {f"{modes[m]}, pod {w}": {way: [] for way in ways} for m in modes
               for w in ("here", "there")}
    contenders = []
    try:
        for way in ways:
            contenders.append(Contender(way, xdp))
            contenders[-1].wait(options.family)
        for number in range(options.rounds):
            order = contenders[number % 3:] + contenders[:number % 3]
            for mode, label in modes.items():
                for where in ("here", "there"):
                    for one in order:
                        samples[f"{label}, pod {where}"][one.way].append(
                            one.measure(mode, where, options.family, options.seconds))
    finally:
        for one in contenders:
            one.rig.remove()
    table(title, ways, samples)


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--family", type=int, choices=(4, 6), default=4)
    options = parser.parse_args()
    print(f"{options.rounds} rounds of {options.seconds} s, IPv{options.family}, "
          f"{THREADS} client threads, medians")
    compare("TC, offloads of veth as they are", "off", options)
    compare("XDP in front of TC, transmit check sums in software", "native", options)


if __name__ == "__main__":
    main()
