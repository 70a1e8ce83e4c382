#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""naru-proxy beside HAProxy and nginx: CPU of one request.

All have one worker thread, the same 20 host routes and the same two backends (nginx, 1 KB), in one
network namespace of its own. wrk keeps 32 connections busy with requests for one of the routes; the
contenders take turns in every round. The figure is the CPU time of all of a contender's processes
and threads, as the scheduler accounts it, divided by the requests that wrk counted; the ratio is
that of medians.

usage: bench_proxy.py [--rounds N] [--seconds S] [--connections C]
"""
import argparse
import glob
import os
import re
import shutil
import statistics
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "harness")]

import gateway as gw  # pylint: disable=wrong-import-position
from objects import Manifests, namespace  # pylint: disable=wrong-import-position
from rig import BPFFS  # pylint: disable=wrong-import-position
from proc import (  # pylint: disable=wrong-import-position
    Place,
    built,
    eventually,
    kill_all,
    run,
    start_time,
)

ROUTES = 20
HOST = "r7.example.com"
BACKENDS = {"10.99.0.1": 9001, "10.99.0.2": 9002}
PORTS = {"naru": 8001, "haproxy": 8002, "nginx": 8003}

HAPROXY = """
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    http-reuse always
    timeout client 60s
    timeout server 60s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{port}
{rules}
{backends}
"""

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/{name}.pid;
error_log {directory}/{name}.err;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/{name}-body;
    proxy_temp_path {directory}/{name}-proxy;
    fastcgi_temp_path {directory}/{name}-fastcgi;
    uwsgi_temp_path {directory}/{name}-uwsgi;
    scgi_temp_path {directory}/{name}-scgi;
{servers}
}}
"""


class Bench:
    """The namespace, the backends, the contenders."""

    keep = False

    def __init__(self):
        self.processes = []
        self.netns = f"naru-bench-{os.getpid()}"
        self.scratch = tempfile.TemporaryDirectory(prefix="naru-bench-")
        self.directory = self.scratch.name
        self.roots = {}
        self.bpffs = f"{BPFFS}/{self.netns}"
        os.mkdir(self.bpffs)
        run(["ip", "netns", "add", self.netns])
        run(["ip", "-n", self.netns, "link", "set", "lo", "up"])
        for addr in BACKENDS:
            run(["ip", "-n", self.netns, "addr", "add", f"{addr}/32", "dev", "lo"])
        self.place = Place(self, "bench", self.netns)

    def remember(self, process):
        """For Place: processes that are to end."""
        self.processes.append((process, start_time(process.pid)))

    def write(self, name, text):
        """A file in the scratch directory."""
        path = f"{self.directory}/{name}"
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        return path

    def start(self, name, argv):
        """A contender or a backend."""
        with open(f"{self.directory}/{name}.log", "wb") as log:
            self.roots[name] = self.place.popen(argv, stdout=log, stderr=log).pid

    def start_nginx(self, name, servers):
        """An nginx with these server blocks."""
        path = self.write(f"{name}.conf", NGINX.format(directory=self.directory, name=name,
                                                       servers=servers))
        self.start(name, ["/usr/sbin/nginx", "-c", path])

    def start_backends(self):
        """Two servers that answer everything with 1 KB."""
        for number, (addr, port) in enumerate(BACKENDS.items()):
            body = "x" * 1024
            self.start_nginx(f"backend{number}", f'server {{ listen {addr}:{port} backlog=1024; '
                             f'location / {{ return 200 "{body}"; }} }}')

    def start_haproxy(self):
        """HAProxy with a rule per host."""
        rules = "".join(f"    use_backend b{n} if {{ hdr(host) -i r{n}.example.com }}\n"
                        for n in range(ROUTES))
        servers = "".join(f"    server s{p} {a}:{p}\n" for a, p in BACKENDS.items())
        backends = "".join(f"backend b{n}\n{servers}" for n in range(ROUTES))
        path = self.write("haproxy.conf", HAPROXY.format(port=PORTS["haproxy"], rules=rules,
                                                         backends=backends))
        self.start("haproxy", ["/usr/sbin/haproxy", "-db", "-f", path])

    def start_proxy_nginx(self):
        """nginx with a server block per host."""
        servers = "".join(f"server {a}:{p};" for a, p in BACKENDS.items())
        blocks = f"upstream u {{ {servers} keepalive 64; }}\n" + "".join(
            f"server {{ listen 127.0.0.1:{PORTS['nginx']}; server_name r{n}.example.com; "
            "location / { proxy_pass http://u; proxy_http_version 1.1; "
            'proxy_set_header Connection ""; proxy_set_header Host $host; } }\n'
            for n in range(ROUTES))
        self.start_nginx("nginx", blocks)

    def start_naru(self):
        """narud with a folder of manifests; no packets, no log, one thread."""
        os.mkdir(f"{self.directory}/manifests")
        os.chmod(self.directory, 0o755)
        manifests = Manifests(f"{self.directory}/manifests")
        service = {"apiVersion": "v1", "kind": "Service",
                   "metadata": {"name": "app", "namespace": "shop"},
                   "spec": {"clusterIP": "None", "ports": [{"name": "web", "port": 80}]}}
        slices = [{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                   "metadata": {"name": f"app-{port}", "namespace": "shop",
                                "labels": {"kubernetes.io/service-name": "app"}},
                   "addressType": "IPv4",
                   "ports": [{"name": "web", "port": port, "protocol": "TCP"}],
                   "endpoints": [{"addresses": [addr], "conditions": {"ready": True}}]}
                  for addr, port in BACKENDS.items()]
        manifests.put("bench.yaml", namespace(), gw.CLASS, service, *slices,
                      gw.gateway("edge", [gw.listener("http", PORTS["naru"])], ["127.0.0.1"]),
                      *(gw.route(f"r{n}", gw.rule(gw.backend("app")),
                                 hostnames=[f"r{n}.example.com"]) for n in range(ROUTES)))
        self.start("naru", [built("narud"), "--manifests", manifests.directory, "--l4", "off",
                            "--run-dir", f"{self.directory}/run", "--bpffs", self.bpffs,
                            "--l7-threads", "1", "--access-log", "off"])

    def serves(self, port):
        """True when a request through a contender is answered with a backend's body."""
        done = self.place.run(["curl", "-s", "-m", "2", "-H", f"Host: {HOST}",
                               f"http://127.0.0.1:{port}/"], check=False)
        return len(done.stdout) == 1024

    def cpu_ns(self, root):
        """CPU time of a process and all below it that live."""
        total = 0
        for path in glob.glob(f"/proc/{root}/task/*/schedstat"):
            with open(path, encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        for path in glob.glob(f"/proc/{root}/task/*/children"):
            with open(path, encoding="ascii") as children:
                total += sum(self.cpu_ns(child) for child in children.read().split())
        return total

    def measure(self, name, seconds, connections):
        """CPU microseconds of a request, requests per second."""
        before = self.cpu_ns(self.roots[name])
        done = self.place.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H",
                               f"Host: {HOST}", f"http://127.0.0.1:{PORTS[name]}/"])
        spent = self.cpu_ns(self.roots[name]) - before
        requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
        errors = re.search(r"(Socket errors.*|Non-2xx.*)", done.stdout)
        if errors:
            raise AssertionError(f"{name}: {errors[1]}")
        return spent / requests / 1000, requests / seconds

    def remove(self):
        """Ends everything."""
        kill_all([(process.pid, born) for process, born in self.processes])
        for process, _ in self.processes:
            process.wait()
        shutil.rmtree(self.bpffs)
        run(["ip", "netns", "delete", self.netns])
        self.scratch.cleanup()


def main():
    """See the usage above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    bench = Bench()
    samples = {name: [] for name in PORTS}
    try:
        bench.start_backends()
        bench.start_haproxy()
        bench.start_proxy_nginx()
        bench.start_naru()
        for port in PORTS.values():
            eventually(lambda p=port: bench.serves(p))
        names = list(PORTS)
        for number in range(options.rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                samples[name].append(bench.measure(name, options.seconds, options.connections))
    finally:
        bench.remove()
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, "
          f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC")
    print(f"{options.rounds} rounds of {options.seconds} s, {options.connections} connections "
          f"kept, 1 KB, {ROUTES} routes, one thread\n")
    print("| proxy | median CPU us a request | minimum | requests/s | median / HAProxy |\n"
          "|---|---|---|---|---|")
    median = {n: statistics.median(s[0] for s in rows) for n, rows in samples.items()}
    for name, rows in samples.items():
        print(f"| {name} | {median[name]:.1f} | {min(s[0] for s in rows):.1f} | "
              f"{statistics.median(s[1] for s in rows):.0f} | "
              f"{median[name] / median['haproxy']:.2f} |")


if __name__ == "__main__":
    main()
