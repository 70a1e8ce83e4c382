# SPDX-License-Identifier: Apache-2.0
"""The proxy has no memory left: the kernel ends it, another one serves, and packets do not notice.
"""
import contextlib
import time

import pytest
from edge import VIP, edge_made, statuses
from memory import group
from proc import eventually

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """One node, with a service that layer 7 has nothing to do with."""
    with edge_made(nodes=1, narud_options=("--l7-threads", "2")) as edge:
        pod = edge.node.pod("echo")
        pod.serve(8080)
        edge.plain = edge.rig.service("plain", pod)
        yield edge


@contextlib.contextmanager
def limited(edge, size):
    """A group that may have so much memory, with the proxy in it; its process id."""
    with group(f"{edge.rig.id}-{size}") as memory:
        if not memory:
            pytest.skip("CONFIG_MEMCG")
        pid = eventually(lambda: proxy_pid(edge))
        memory.limit(size)
        memory.add(pid)
        yield memory, pid


def proxy_pid(edge):
    """The proxy that is in charge."""
    return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)


def packets(edge):
    """New connections and held ones by layer 4 alone, of both families."""
    eventually(lambda: edge.node.host.ask(*edge.plain.front("ClusterIP", 4))["failed"] == 0)
    return [edge.node.host.start(how, *edge.plain.front("ClusterIP", family), "-i", 2000).wait_up()
            for how in ("who", "hold") for family in VIP]


def ask(edge):
    """Requests over new connections; whatever was answered was answered well."""
    counts = edge.ask("-n", 60, "-c", 6, "-t", 5)
    assert statuses(counts) <= {200}, counts
    return counts


def replaced(edge, memory, pid):
    """Waits for the end of the proxy and for the next one, which serves everything."""
    eventually(lambda: proxy_pid(edge) not in (0, pid))
    eventually(memory.empty)
    for family in VIP:
        edge.settled(family=family)
    assert ask(edge)["failed"] == 0


def unnoticed(loads):
    """Nothing of these has failed."""
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0 and counts["ok"] > 0, counts


def test_out_of_memory(edge):
    """The kernel kills a proxy that wants more than it may have: another one is there at once."""
    loads = packets(edge)
    with limited(edge, 64 * KIB) as (memory, pid):
        eventually(lambda: ask(edge) and memory.kills())
        replaced(edge, memory, pid)
    unnoticed(loads)


@pytest.mark.slow
def test_less_and_less_memory(edge):
    """Whatever the limit is: a proxy answers, or it is replaced by one that does."""
    loads = packets(edge)
    failed, size = {}, 64 * MIB
    while size >= 64 * KIB:
        with limited(edge, size) as (memory, pid):
            failed[size] = sum(ask(edge)["failed"] for _ in range(5))
            if memory.kills():
                replaced(edge, memory, pid)
            else:
                assert failed[size] == 0 and proxy_pid(edge) == pid, failed
        # One that dies within a second of its start is started again a little later.
        time.sleep(1.1)
        size //= 2
    print({f"{limit // KIB} KiB": n for limit, n in failed.items()})
    assert failed[64 * MIB] == 0
    unnoticed(loads)
