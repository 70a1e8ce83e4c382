#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bulk TCP that is no service's, through a node that forwards it, with naru and without.

Between a machine outside and a pod stands a node that routes, without firewall and connection
tracking. Nodes differ in what sees the packets on the way: nothing (routed), naru by TC, naru by
XDP and TC (production's capabilities, one service). XDP at a veth takes offloads away and lets the
driver copy, so between these two there are a routing node with the same offloads gone and one with
an empty XDP program: the price is that of the offloads, that of XDP and that of naru. The last node
joins segments again behind XDP, which a veth does only when it is told to. The port is the
service's, so that each packet costs naru a look-up that finds nothing. Sender and receiver copy
nothing themselves; CPU is that of the whole machine. Nodes take turns in every round; figures are
medians over the rounds, ratios those of the ratios within a round.

usage: bench_bulk.py [--rounds N] [--seconds S]     needs root and Linux 6.6
"""
import argparse
import contextlib
import glob
import json
import multiprocessing
import os
import socket
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "harness"), os.path.dirname(os.path.abspath(__file__))]

# pylint: disable=wrong-import-position
from bench_end_to_end import busy  # noqa: E402
from proc import built, entered, eventually, run  # noqa: E402
from rig import LENGTH, Rig, ip, raise_on_signals  # noqa: E402

PORT = 80  # that of the service, too
CHUNK = 1 << 20
WARM = 0.1  # seconds until a connection has found its pace
GSO_MAX = 65536
FRAME_MAX = 1514
STATS = "/proc/sys/kernel/bpf_stats_enabled"

# A node for each way: the way it is compared with beside the first one, hooks that have programs.
WAYS = {"routed": ("routed", ()), "naru, TC": ("routed", ("TC",)),
        "routed, offloads of XDP": ("routed", ()),
        "empty XDP program": ("routed, offloads of XDP", ("XDP",)),
        "naru, XDP": ("empty XDP program", ("XDP", "TC")),
        "naru, XDP, GRO on": ("naru, XDP", ("XDP", "TC"))}


# ---- nodes ----

def features(netns, device):
    """Which offloads of a device are on."""
    with entered(netns):
        lines = run(["ethtool", "-k", device]).stdout.splitlines()[1:]
    words = [line.split() for line in lines]
    return {name[:-1]: state for name, state, *_ in words if name.startswith(("tx-", "rx-"))}


class Way:
    """A node, a pod behind it and what it is to be to the packets."""

    def __init__(self, rig, name, node):
        self.rig = rig
        self.name = name
        self.node = node
        self.pod = node.pod(f"bulk{node.index}")
        self.ends = {"to a pod": (rig.client, self.pod), "from a pod": (self.pod, rig.client)}
        self.nic = ((node.netns, "eth0"), (rig.switch, node.name))  # both ends of the pair
        for family, addr in self.pod.addr.items():
            ip(rig.client.netns, f"route add {addr}/{LENGTH[family]} via {node.addr[family]}")
        with entered(node.netns):
            run(["nft", "flush", "ruleset"])

    def start_naru(self, xdp):
        """Starts narud, and waits until the client reaches a pod through it by a service."""
        rig, node = self.rig, self.node
        backend = node.pod(f"web{node.index}")
        backend.serve(8080)
        service = rig.service(f"web{node.index}", backend)
        node.start_narud("--xdp", xdp)
        for family, addr in service.cluster.items():
            ip(rig.client.netns, f"route add {addr}/{LENGTH[family]} via {node.addr[family]}")
            eventually(lambda a=addr: rig.client.ask(a, service.port, "-t", 500)["ok"])

    def start_empty(self):
        """An XDP program that passes everything on."""
        ip(self.node.netns, f"link set dev eth0 xdpdrv obj {built('bpf/xdp_pass.bpf.o')} sec xdp")

    def copy_offloads(self, other):
        """Turns on and off what another node's NIC has otherwise; returns that as text."""
        told = []
        for label, (netns, device), model in zip(("NIC", "far end"), self.nic, other.nic):
            have, want = features(netns, device), features(*model)
            changes = [f"{name} {state}" for name, state in want.items() if have[name] != state]
            if changes:
                with entered(netns):
                    run(["ethtool", "-K", device, *" ".join(changes).split()])
                assert features(netns, device) == want
                told.append(f"{label}: {', '.join(changes)}")
        return "; ".join(told)

    def programs(self):
        """Ids of the programs that packets meet at this node, by hook."""
        shown = json.loads(self.node.host.run(["ip", "-j", "link", "show", "eth0"]).stdout)[0]
        links = [json.loads(run(["bpftool", "-j", "link", "show", "pinned", path]).stdout)
                 for path in glob.glob(f"{self.node.bpffs}/naru/links/[0-9]*gress")]
        return {"XDP": {shown["xdp"]["prog"]["id"]} if "xdp" in shown else set(),
                "TC": {link["prog_id"] for link in links}}

    def runs(self):
        """How often those programs have run while the kernel counted."""
        return {hook: sum(json.loads(run(["bpftool", "-j", "prog", "show", "id", str(i)]).stdout)
                          .get("run_cnt", 0) for i in ids)
                for hook, ids in self.programs().items()}

    def received(self):
        """Bytes that came in at the node's devices."""
        with entered(self.node.netns):
            with open("/proc/thread-self/net/dev", encoding="ascii") as table:
                return sum(int(line.split(":")[1].split()[0]) for line in table.readlines()[2:])


# ---- transfers ----

def pour(source, target):
    """Connects and sends until the receiver has had enough."""
    file = os.memfd_create("bulk")
    os.write(file, bytes(CHUNK))
    with entered(source.netns):
        sock = socket.create_connection(target, timeout=10)
    sock.settimeout(None)
    with contextlib.suppress(ConnectionError):
        while True:
            os.sendfile(sock.fileno(), file, 0, CHUNK)


def drain(sock, buffer, seconds):
    """Takes what comes for that time and throws it away; returns bytes, seconds, CPU seconds."""
    start, work = time.monotonic(), busy()
    size, elapsed = 0, 0
    while elapsed < seconds:
        got = sock.recv_into(buffer, CHUNK, socket.MSG_TRUNC)
        assert got, "the sender has ended"
        size += got
        elapsed = time.monotonic() - start
    return size, elapsed, busy() - work


def transfer(way, direction, family, seconds):
    """One connection: bytes, seconds and CPU seconds, once it is under way."""
    source, sink = way.ends[direction]
    target = (sink.addr[family], PORT)
    before = way.received()
    with entered(sink.netns):
        listener = socket.create_server(
            target, family=socket.AF_INET if family == 4 else socket.AF_INET6)
    with listener:
        listener.settimeout(10)
        child = multiprocessing.Process(target=pour, args=(source, target), daemon=True)
        child.start()
        sock, _ = listener.accept()
    buffer = bytearray(CHUNK)
    with sock:
        drain(sock, buffer, WARM)
        done = drain(sock, buffer, seconds)
    child.join()
    assert child.exitcode == 0, f"the sender ended with {child.exitcode}"
    assert way.received() - before >= done[0], f"{way.name}: {done[0]} bytes went another way"
    return done


def count_runs(way, direction, family):
    """Runs of a way's programs for a MB; they must have seen all there was."""
    before, received = way.runs(), way.received()
    size = transfer(way, direction, family, WARM)[0]
    runs = {hook: count - before[hook] for hook, count in way.runs().items()}
    received = way.received() - received
    least = {"XDP": size // FRAME_MAX if direction == "to a pod" else 1, "TC": size // GSO_MAX}
    hooks = tuple(hook for hook, ids in way.programs().items() if ids)
    assert hooks == WAYS[way.name][1], (way.name, hooks)
    assert all(runs[hook] >= least[hook] for hook in hooks), (way.name, direction, runs, size)
    return {hook: count / received * 1e6 for hook, count in runs.items()}


def switch_stats(value):
    """Whether the kernel counts runs of programs."""
    with open(STATS, "w", encoding="ascii") as switch:
        switch.write(value)


@contextlib.contextmanager
def counting():
    """The kernel counts runs of programs meanwhile."""
    with open(STATS, encoding="ascii") as switch:
        before = switch.read()
    try:
        switch_stats("1")
        yield
    finally:
        switch_stats(before)


# ---- figures ----

def rounds(ways, options):
    """All samples, by direction and family, then by way: Gbit/s, CPU seconds a GB."""
    samples = {(direction, family): {way.name: [] for way in ways}
               for direction in ways[0].ends for family in (4, 6)}
    for number in range(options.rounds):
        turn = number % len(ways)
        for (direction, family), rows in samples.items():
            for way in ways[turn:] + ways[:turn]:
                size, elapsed, work = transfer(way, direction, family, options.seconds)
                rows[way.name].append((size * 8e-9 / elapsed, work / size * 1e9))
    return samples


def against(row, other, index):
    """The median ratio of a way to another one."""
    return statistics.median(a[index] / b[index] for a, b in zip(row, other))


def print_table(samples, runs):
    """A row for each way and kind of traffic."""
    print("\n| | XDP runs a MB | TC runs a MB | Gbit/s | to routed | CPU s a GB | to routed "
          "| compared with | Gbit/s | CPU |\n" + "|---" * 10 + "|")
    for (direction, family), rows in samples.items():
        for name, row in rows.items():
            rate, work = (statistics.median(sample[i] for sample in row) for i in (0, 1))
            seen = runs[direction, family, name]
            cells = [f"{direction}, IPv{family}, {name}", f"{seen['XDP']:.0f}", f"{seen['TC']:.0f}"]
            for index, figure in enumerate((f"{rate:.2f}", f"{work:.3f}")):
                cells += [figure, f"{against(row, rows['routed'], index):.2f}"]
            other = WAYS[name][0]
            cells += [other] + [f"{against(row, rows[other], i):.2f}" for i in (0, 1)]
            print("| " + " | ".join(cells) + " |")


def compare(rig, options):
    """Makes the nodes what they are to be, sends, prints."""
    ways = [Way(rig, name, node) for name, node in zip(WAYS, rig.nodes)]
    _, with_tc, without_offloads, empty, with_xdp, with_gro = ways
    with_tc.start_naru("off")
    with_xdp.start_naru("native")
    with_gro.start_naru("native")
    empty.start_empty()
    with entered(with_gro.node.netns):
        run(["ethtool", "-K", "eth0", "gro", "on"])
    changed = without_offloads.copy_offloads(with_xdp)
    print(f"Offloads that XDP changed at the node's veth pair, {changed}")
    with counting():
        runs = {(direction, family, way.name): count_runs(way, direction, family)
                for way in ways for direction in way.ends for family in (4, 6)}
    print_table(rounds(ways, options), runs)


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    raise_on_signals()
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, "
          f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; {options.rounds} rounds of "
          f"{options.seconds} s, one connection, medians")
    with Rig(nodes=len(WAYS)) as rig:
        compare(rig, options)


if __name__ == "__main__":
    main()
