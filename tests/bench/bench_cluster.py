#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What narud costs beside a real API server: how long it takes from its start to complete maps, how
long a change of an endpoint takes to get there while a hundred others a second change, and memory.

usage: bench_cluster.py [--services N] [--seconds N]     needs root and `make cluster-bins`
"""
import argparse
import ctypes
import http.client
import itertools
import json
import multiprocessing
import os
import pathlib
import socket
import statistics
import struct
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "harness"))
# pylint: disable=wrong-import-position
from cluster.control import Cluster  # noqa: E402
from proc import entered, eventually  # noqa: E402

ADMIN = "127.0.0.1:9100"
ENDPOINTS = 10
RATE = 100
JSON = "application/json"


# ---- objects ----

def service(i):
    """A Service that nobody but this program finds endpoints for."""
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": f"service-{i:05}", "labels": {"app": f"service-{i:05}"}},
            "spec": {"clusterIP": f"10.96.{100 + i // 250}.{i % 250 + 1}",
                     "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}


def endpoint(i, j, turn):
    """The first one of a slice is another one in each turn."""
    n = i * ENDPOINTS + j + (0 if j else turn * 1000003)
    return {"addresses": [f"10.{128 + n // 62500 % 100}.{n // 250 % 250}.{n % 250 + 1}"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": f"worker-{n % 500}", "zone": f"zone-{n % 3}",
            "targetRef": {"kind": "Pod", "namespace": "default",
                          "name": f"service-{i:05}-6b5f9c7d8f-{j:05}",
                          "uid": f"11111111-0000-4000-8000-{n:012}"}}


def endpoint_slice(i, turn=0, n=ENDPOINTS):
    """All n endpoints of a Service."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"service-{i:05}-abcde",
                         "labels": {"kubernetes.io/service-name": f"service-{i:05}",
                                    "endpointslice.kubernetes.io/managed-by": "bench"}},
            "addressType": "IPv4",
            "endpoints": [endpoint(i, j, turn) for j in range(n)],
            "ports": [{"name": "http", "protocol": "TCP", "port": 8080}]}


class Session:
    """One kept connection to the API server."""

    def __init__(self, cluster):
        server = cluster.server
        self.connection = http.client.HTTPSConnection(server.addr, server.port, timeout=60,
                                                      context=server.context)
        with entered(server.netns):
            self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method, path, body):
        """Raises unless it is done."""
        self.connection.request(method, path, json.dumps(body), {"Content-Type": JSON})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {text[:200]}")


SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def change(session, i, turn):
    """Gives a service another endpoint in place of one."""
    session.call("PUT", f"{SLICES}/service-{i:05}-abcde", endpoint_slice(i, turn))


def create(cluster, numbers, endpoints=ENDPOINTS):
    """Some of the services, with so many endpoints each."""
    session = Session(cluster)
    for i in numbers:
        session.call("POST", SERVICES, service(i))
        session.call("POST", SLICES, endpoint_slice(i, n=endpoints))


# ---- the map ----

class Frontend:
    """An element of the pinned map `svc`, read by system call."""

    OBJ_GET, LOOKUP, NR_BPF = 7, 1, 321

    def __init__(self, node, i):
        self.libc = ctypes.CDLL(None, use_errno=True)
        path = ctypes.create_string_buffer(f"{node.bpffs}/naru/svc".encode())
        self.fd = self._bpf(self.OBJ_GET, struct.pack("QII", ctypes.addressof(path), 0, 0))
        address = socket.inet_pton(socket.AF_INET6, f"::ffff:{service(i)['spec']['clusterIP']}")
        self.key = ctypes.create_string_buffer(address + struct.pack("=HBB", 80, 6, 4), 20)
        self.value = ctypes.create_string_buffer(64)
        self.attr = struct.pack("IIQQQ", self.fd, 0, ctypes.addressof(self.key),
                                ctypes.addressof(self.value), 0)

    def _bpf(self, command, attr):
        r = self.libc.syscall(self.NR_BPF, command, ctypes.c_char_p(attr), len(attr))
        if r < 0:
            raise OSError(ctypes.get_errno(), "bpf")
        return r

    def read(self):
        """Its value."""
        self._bpf(self.LOOKUP, self.attr)
        return self.value.raw


# ---- figures ----

def cpu(pid):
    """Seconds of CPU time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    """MB of memory of its own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


def metric(node, name):
    """The sum of a metric over its labels."""
    with entered(node.netns), \
            urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=20) as got:
        lines = got.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def narud_pid(node):
    """narud itself: setpriv has become it."""
    return node.narud.pid


def converge(node, n):
    """From the start with empty maps: seconds and CPU seconds until programs stand, and from there
    until all services do."""
    begun = time.monotonic()
    node.start_narud()
    ready, spent = time.monotonic(), cpu(narud_pid(node))
    eventually(lambda: metric(node, 'naru_map_entries{map="svc_name"}') >= n, seconds=300)
    eventually(lambda: node.naructl_json("status")["sources"][0]["synced"], seconds=60)
    done = time.monotonic()
    return ready - begun, spent, done - ready, cpu(narud_pid(node)) - spent


def load(cluster, n, stop):
    """A hundred changes a second of services at random, all but the first."""
    session = Session(cluster)
    begun = time.monotonic()
    for turn in itertools.count(1):
        if stop.is_set():
            break
        change(session, 1 + turn * 7919 % (n - 1), turn)
        ahead = begun + turn / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print(f"\nChanges beside them: {turn / (time.monotonic() - begun):.0f} a second", flush=True)


def latencies(cluster, seconds):
    """Milliseconds from the server's answer to a change, and from its request, to the map."""
    session, front = Session(cluster), Frontend(cluster.nodes[0], 0)
    answered, asked = [], []
    end = time.monotonic() + seconds
    for turn in itertools.count(1):
        if time.monotonic() > end:
            return answered, asked
        before, begun = front.read(), time.monotonic()
        done = []
        worker = threading.Thread(target=lambda t=turn, d=done: (
            change(session, 0, t), d.append(time.monotonic())))
        worker.start()
        while front.read() == before:
            time.sleep(0.0002)
        seen = time.monotonic()
        worker.join()
        answered.append(max(0, seen - done[0]) * 1e3)
        asked.append((seen - begun) * 1e3)
        time.sleep(0.05)


def quantile(samples, share):
    """The sample that this share is not above."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def row(title, *samples):
    """A row of the table."""
    cells = [f"{f(s):.1f}" for s in samples
             for f in (statistics.median, lambda s: quantile(s, 0.99))]
    print(f"| {title} | {len(samples[0])} | {' | '.join(cells)} |", flush=True)


def main():
    """Makes the cluster, then takes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=30)
    told = parser.parse_args()
    rig = Cluster(narud_options=("--admin", ADMIN))
    try:
        rig.install_naru()
        creators = [multiprocessing.Process(target=create,
                                            args=(rig, range(k, told.services, 4)))
                    for k in range(4)]
        for creator in creators:
            creator.start()
        for creator in creators:
            creator.join()
        node = rig.nodes[0]
        figures = converge(node, told.services)
        print(f"{told.services} services, {told.services * ENDPOINTS} endpoints, from the start "
              "of narud:\n\n| until | seconds | CPU seconds of narud |\n|---|---|---|\n"
              f"| programs are loaded | {figures[0]:.2f} | {figures[1]:.2f} |\n"
              f"| and from there maps are complete | {figures[2]:.2f} | {figures[3]:.2f} |\n\n"
              f"RSS without maps and mapped files: {rss(narud_pid(node)):.1f} MB\n\n"
              "Milliseconds from a change to the map, counted from the server's answer, and from "
              "the request:\n\n| | changes | p50 | p99 | from request p50 | p99 |\n"
              "|---|---|---|---|---|---|", flush=True)
        row("alone", *latencies(rig, told.seconds))
        stop = multiprocessing.Event()
        beside = multiprocessing.Process(target=load, args=(rig, told.services, stop))
        beside.start()
        spent, begun = cpu(narud_pid(node)), time.monotonic()
        row(f"{RATE} others a second", *latencies(rig, told.seconds))
        share = (cpu(narud_pid(node)) - spent) / (time.monotonic() - begun)
        stop.set()
        beside.join()
        print(f"\nCPU of narud meanwhile: {share * 100:.1f} % of a core; RSS after: "
              f"{rss(narud_pid(node)):.1f} MB", flush=True)
    finally:
        rig.remove()


if __name__ == "__main__":
    main()
