# SPDX-License-Identifier: Apache-2.0
"""Clients and backends that mean no good: whoever means well does not notice."""
import os
import signal
import socket
import subprocess
import sys

import gateway as gw
import pytest
from conftest import made
from edge import VIP, Edge, edge_made, statuses
from proc import eventually

HOSTILE = os.path.join(os.path.dirname(__file__), "..", "harness", "hostile.py")
sys.path.insert(0, os.path.dirname(HOSTILE))

from hostile import ANSWERS  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """One rig for all, with a hostile server behind a service of its own."""
    with edge_made(nodes=1) as edge:
        pod = edge.node.pod("evil")
        begin(pod, "backend", "::", 8080)
        evil = edge.rig.service("evil", pod)
        edge.put_route(*(gw.rule(evil, path=f"/{name}") for name in ANSWERS), gw.rule(edge.v1))
        edge.settled("--path", "/garbage", status=502)
        yield edge


def begin(place, *argv):
    """Starts a peer and waits until it is at it."""
    process = place.popen(["/usr/bin/python3", HOSTILE, *map(str, argv)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline().startswith(b"ready")
    return process


def end(process):
    """Ends a peer."""
    process.kill()
    process.wait()


def proxy_pid(edge):
    """The process that serves."""
    return edge.node.naructl_json("status")["l7"]["proxy"]["pid"]


def resident_mb(pid):
    """Memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(status.read().split("VmRSS:")[1].split()[0]) >> 10


@pytest.mark.parametrize("kind, count", (("idle", 2000), ("loris", 1000), ("body", 200),
                                         ("slow", 20), ("vanish", 700)))
def test_clients(edge, kind, count, family):
    """Whatever they do, others are served, and what they make the proxy hold is bounded."""
    pid = proxy_pid(edge)
    before = resident_mb(pid)
    load = edge.load("-k", "-i", 5, "-t", 10, family=family)
    attackers = begin(edge.rig.client, kind, VIP[family], 80, count)
    # A head of 16 KiB each, and never the 100 MB of an answer.
    assert resident_mb(pid) - before < 100
    counts = load.stop()
    end(attackers)
    assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts
    assert proxy_pid(edge) == pid


# What a client may be told: an answer of ours, or one of the backend's that breaks off.
TOLD = {"close": {503}, "chunk": {502, 200}, "trailers": {502, 200}, "short": {502, 200},
        "surplus": {200}}


@pytest.mark.parametrize("name", ANSWERS)
def test_backends(edge, name, family):
    """A broken answer is the failure of one request; what follows it is nobody's answer."""
    for _ in range(5):
        counts = edge.ask("--show", "--path", f"/{name}", "-t", 5, family=family)
        assert statuses(counts) <= TOLD.get(name, {502}), counts
        if counts["answer"]:
            assert "evil" not in counts["answer"]["body"], counts
    counts = edge.ask("-n", 20, "-k", family=family)
    assert counts["failed"] == 0 and counts["by"] == {"v1": 20}, counts


def test_control_socket(edge):
    """Garbage on the socket where the proxy is told what to serve: narud and serving go on."""
    pid = proxy_pid(edge)
    for data in (b"", b"x", b"\0" * 200, b"\xff" * 60000, None):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.settimeout(5)
            peer.connect(f"{edge.node.run_dir}/proxy.sock")
            if data is not None:
                peer.send(data)
                assert peer.recv(1) == b""
    assert edge.node.narud.poll() is None and proxy_pid(edge) == pid
    edge.settled()


def test_stopped_proxy(edge):
    """A proxy that stands still while objects change has the newest when it goes on."""
    os.kill(pid := proxy_pid(edge), signal.SIGSTOP)
    try:
        for n in range(20):
            edge.put_route(gw.rule(edge.v2, path=f"/new{n}"), gw.rule(edge.v1))
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: edge.ask("--path", "/new19")["by"] == {"v2": 1})


def test_out_of_descriptors(family):
    """Clients that hold every descriptor and say nothing make room for those that speak."""
    with made(narud=False, nodes=1) as rig:
        edge = Edge(rig)
        edge.put_gateway()
        edge.put_route(gw.rule(edge.v1))
        argv = edge.node.narud_argv
        edge.node.narud_argv = lambda *extra: ["prlimit", "--nofile=200", *argv(*extra)]
        rig.start_narud()
        edge.settled(family=family)
        pid = proxy_pid(edge)
        attackers = begin(rig.client, "idle", VIP[family], 80, 300)
        counts = edge.ask("-n", 20, "-t", 15, family=family)
        assert counts["failed"] == 0 and counts["statuses"] == {"200": 20}, counts
        end(attackers)
        assert proxy_pid(edge) == pid
