# SPDX-License-Identifier: Apache-2.0
"""Deaths and ends of proxy and narud under load, with counted results."""
import os
import signal
import time

import gateway as gw
import pytest
from edge import VIP, edge_made
from proc import eventually, start_time


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """One node: both of its programs will die."""
    with edge_made(nodes=1, narud_options=("--drain-time", "10")) as edge:
        yield edge


def proxy_pid(edge):
    """The proxy that is in charge, as status names it."""
    return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)


def loads(edge, *options):
    """Load from the client, the host and a pod, in both families."""
    return [edge.load("-i", 2, *options, place=place, family=family) for family in VIP
            for place in (edge.rig.client, edge.node.host, edge.caller)]


def test_proxy_killed(edge):
    """kill -9 of the proxy: narud starts another; connections that wait in the accept queue are
    served; only requests that were under way at that moment fail."""
    clients = loads(edge)
    for _ in range(5):
        pid = proxy_pid(edge)
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


def test_narud_killed(edge):
    """kill -9 of narud: the proxy goes on, a new narud adopts it and changes reach it."""
    clients = loads(edge) + loads(edge, "-k")
    pid = proxy_pid(edge)
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
    pid = proxy_pid(edge)
    edge.node.stop_narud(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    edge.node.start_narud()
    for family in VIP:
        edge.settled(family=family)
    assert proxy_pid(edge) != pid


def test_proxy_terminated(edge):
    """SIGTERM to the proxy: it drains while another takes over; nothing fails."""
    clients = loads(edge) + loads(edge, "-k")
    pid = proxy_pid(edge)
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
    pid = proxy_pid(edge)
    born = start_time(pid)
    slow = edge.rig.client.start_web(VIP[4], 80, "-n", 4, "-c", 4, "-H", "x-do: delay=3000")
    kept = edge.load("-k", "-i", 5)
    time.sleep(0.5)
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


@pytest.mark.slow
def test_many_deaths(edge):
    """Thirty ends of proxy and narud by turns under kept load: no answer but 200."""
    clients = loads(edge)
    for turn in range(30):
        if turn % 2:
            # A narud that is new has not adopted it yet, and 0 is every process of this group.
            old = eventually(lambda: proxy_pid(edge))
            os.kill(old, signal.SIGKILL)
            eventually(lambda o=old: proxy_pid(edge) not in (0, o))
        else:
            edge.node.stop_narud(signal.SIGKILL)
            edge.node.start_narud()
    for client in clients:
        counts = client.stop()
        assert set(counts["statuses"]) == {"200"} and counts["failed"] <= 15, counts
