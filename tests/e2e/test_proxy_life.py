# SPDX-License-Identifier: Apache-2.0
"""Deaths and ends of proxy and narud under load, with counted results."""
import contextlib
import ctypes
import http.client
import os
import signal
import socket
import time

import gateway as gw
import pytest
from edge import VIP, edge_made
from proc import entered, eventually, libc, start_time

# Of <sys/ptrace.h> and <linux/wait.h>; Python has no names for them.
PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """One node: both of its programs will die."""
    with edge_made(nodes=1, narud_options=("--drain-time", "10", "--l7-threads", "2")) as edge:
        yield edge


def proxy_pid(edge):
    """The proxy that is in charge, as status names it."""
    return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)


def proxy_alive(edge):
    """The same, once there is one: 0 would be every process of this group."""
    return eventually(lambda: proxy_pid(edge))


def loads(edge, *options):
    """Load from the client, the host and a pod, in both families."""
    return [edge.load("-i", 2, *options, place=place, family=family) for family in VIP
            for place in (edge.rig.client, edge.node.host, edge.caller)]


def test_proxy_killed(edge):
    """kill -9 of the proxy: narud starts another; connections that wait in the accept queue are
    served; only requests that were under way at that moment fail."""
    clients = loads(edge)
    for _ in range(5):
        pid = proxy_alive(edge)
        os.kill(pid, signal.SIGSTOP)
        # These wait in the queue of a proxy that will never accept them.
        waiting = [edge.rig.client.start_web(VIP[family], 80, "-n", 8, "-c", 8) for family in VIP]
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        for each in waiting:
            counts = each.result()
            assert counts["failed"] == 0 and counts["ok"] == 8, counts
        eventually(lambda old=pid: proxy_pid(edge) not in (0, old))
    for client in clients:
        counts = client.stop()
        # A thread has one request under way at each kill.
        assert counts["failed"] <= 5 and counts["ok"] > 20, counts
        assert set(counts["statuses"]) == {"200"}, counts


def served_after(edge, family):
    """Milliseconds from kill -9 of the proxy to the answer of a request that came at once."""
    wire = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    with entered(edge.rig.client.netns):
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    with sock:
        sock.settimeout(10)
        pid = proxy_alive(edge)
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        sock.connect((VIP[family], 80))
        sock.sendall(wire)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        return (time.monotonic() - begun) * 1000


def test_proxy_comes_back_at_once(edge):
    """kill -9 of the proxy: another one answers a request that comes in the same moment; each start
    is counted."""
    before = edge.node.naructl_json("status")["l7"]["proxy"]["starts"]
    took = []
    for turn in range(2):
        # One that dies within a second of its start is started again a little later.
        time.sleep(1.1)
        took.append(served_after(edge, (4, 6)[turn % 2]))
        eventually(lambda: proxy_pid(edge))
    print(f"answered after {min(took):.0f} ms at best")
    proxy = edge.node.naructl_json("status")["l7"]["proxy"]
    assert proxy["starts"] == before + len(took), proxy


def test_narud_killed(edge):
    """kill -9 of narud: the proxy goes on, a new narud adopts it and changes reach it."""
    clients = loads(edge) + loads(edge, "-k")
    pid = proxy_alive(edge)
    for turn in range(3):
        edge.node.stop_narud(signal.SIGKILL)
        for family in VIP:
            counts = edge.ask("-n", 20, family=family)
            assert counts["failed"] == 0 and counts["ok"] == 20, counts
        edge.node.start_narud()
        edge.put_route(gw.rule(edge.v1), gw.rule(edge.v2, path=f"/turn-{turn}"))
        eventually(lambda t=turn: edge.ask("--path", f"/turn-{t}")["by"] == {"v2": 1})
        eventually(lambda: proxy_pid(edge) == pid)
    for client in clients:
        counts = client.stop()
        assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts


def test_both_killed(edge):
    """Both die at once: after a new start everything is served."""
    pid = proxy_alive(edge)
    edge.node.stop_narud(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    edge.node.start_narud()
    for family in VIP:
        edge.settled(family=family)
    assert proxy_pid(edge) != pid


def test_proxy_terminated(edge):
    """SIGTERM to the proxy: it drains while another takes over; nothing fails."""
    clients = loads(edge) + loads(edge, "-k")
    pid = proxy_alive(edge)
    born = start_time(pid)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: proxy_pid(edge) not in (0, pid))
    eventually(lambda: start_time(pid) != born, seconds=30)
    for client in clients:
        counts = client.stop()
        assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts


def test_narud_terminated(edge):
    """SIGTERM to narud: requests under way end well within the drain time, kept connections are
    told to close, then new ones are refused and both processes are gone."""
    pid = proxy_alive(edge)
    born = start_time(pid)
    slow = edge.rig.client.start_web(VIP[4], 80, "-n", 4, "-c", 4, "-H", "x-do: delay=3000")
    kept = edge.load("-k", "-i", 5)
    eventually(lambda: edge.under_way() >= 4)
    edge.node.narud.send_signal(signal.SIGTERM)
    assert edge.node.narud.wait(timeout=20) == 0
    counts = slow.result()
    assert counts["failed"] == 0 and counts["ok"] == 4, counts
    eventually(lambda: start_time(pid) != born)
    counts = kept.stop()
    assert all("refused" in error or "Refused" in error for error in counts["errors"]), counts
    assert edge.ask("-t", 2)["ok"] == 0
    edge.node.start_narud()
    edge.settled()


def test_drain_time_is_the_limit(edge):
    """SIGTERM: who is answered meanwhile is told that the connection closes, who idles is closed,
    and what is not done in time is cut."""
    request = b"GET / HTTP/1.1\r\nhost: a\r\nx-do: delay=%d\r\n\r\n"

    def answer(sock):
        """The head of one answer, which was read whole."""
        response = http.client.HTTPResponse(sock)
        response.begin()
        response.read()
        return response.headers

    edge.node.stop_narud()
    edge.node.start_narud("--drain-time", "3")
    edge.settled()
    with entered(edge.rig.client.netns):
        idle, kept, slow = (socket.create_connection((VIP[4], 80), timeout=20) for _ in range(3))
    with idle, kept, slow:
        slow.sendall(request % 60000)
        eventually(lambda: edge.under_way() == 1)
        for sock in (idle, kept):
            sock.sendall(request % 0)
            assert "connection" not in answer(sock)
        kept.sendall(request % 2000)
        edge.node.narud.send_signal(signal.SIGTERM)
        assert answer(kept)["connection"] == "close"
        assert kept.recv(1) == b"" and idle.recv(1) == b"" and slow.recv(65536) == b""
    assert edge.node.narud.wait(timeout=20) == 0
    edge.node.start_narud()
    edge.settled()


def refused(edge, family):
    """True when new connections are."""
    errors = edge.ask("-t", 1, family=family)["errors"]
    return any("refused" in error for error in errors)


def problems(edge):
    """What status finds wrong, as one text."""
    return " ".join(edge.node.naructl_json("status")["problems"])


def test_silent_proxy(edge):
    """A proxy that stands still gets no new connections: they are refused and not left to wait.
    When it goes on, so does everything."""
    pid = proxy_alive(edge)
    os.kill(pid, signal.SIGSTOP)
    try:
        for family in VIP:
            eventually(lambda f=family: refused(edge, f))
        assert "no sign of life" in problems(edge)
    finally:
        os.kill(pid, signal.SIGCONT)
    for family in VIP:
        edge.settled(family=family)
    # One thread's first beat suffices for an answer, and the other's may come later.
    eventually(lambda: not problems(edge))
    assert proxy_pid(edge) == pid


@contextlib.contextmanager
def halted(thread):
    """One thread stands still for the time of the with statement."""
    def trace(request):
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None):
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    trace(PTRACE_SEIZE)
    try:
        trace(PTRACE_INTERRUPT)
        os.waitpid(thread, WALL)
        yield
    finally:
        trace(PTRACE_DETACH)


def test_silent_worker(edge):
    """A thread that stands still gets no new connections: the other one serves all."""
    threads = sorted(map(int, os.listdir(f"/proc/{proxy_pid(edge)}/task")))
    # The main thread comes first, the workers come last.
    eventually(lambda: not problems(edge))
    with halted(threads[-1]):
        eventually(lambda: "1 of its threads" in problems(edge))
        for family in VIP:
            counts = edge.ask("-n", 40, "-t", 3, family=family)
            assert counts["ok"] == 40 and counts["failed"] == 0, counts
    eventually(lambda: not problems(edge))


@pytest.mark.slow
def test_many_deaths(edge):
    """Thirty ends of proxy and narud by turns under kept load: no answer but 200."""
    clients = loads(edge)
    for turn in range(30):
        if turn % 2:
            old = proxy_alive(edge)
            os.kill(old, signal.SIGKILL)
            eventually(lambda o=old: proxy_pid(edge) not in (0, o))
        else:
            edge.node.stop_narud(signal.SIGKILL)
            edge.node.start_narud()
    for client in clients:
        counts = client.stop()
        assert set(counts["statuses"]) == {"200"} and counts["failed"] <= 15, counts
