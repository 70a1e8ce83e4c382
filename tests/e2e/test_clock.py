# SPDX-License-Identifier: Apache-2.0
"""Clocks that are set, wrap round or lie: nothing expires by them and nothing is cut."""
import glob
import os
import time

import gateway as gw
import pytest
from edge import VIP, edge_made, statuses
from proc import eventually

DAY_S = 86400
YEARS_S = 3650 * DAY_S
WRAP_MS = 1 << 32
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """A node with a service for packets, and a Gateway."""
    with edge_made(nodes=1, narud_options=("--drain-time", "2")) as edge:
        pod = edge.node.pod("echo")
        pod.serve(8080)
        edge.plain = edge.rig.service("plain", pod)
        edge.argv = edge.node.narud_argv
        yield edge


def front(edge, family=4):
    """The service for packets."""
    return edge.plain.front("ClusterIP", family)


def restart(edge, *words):
    """Another narud, and a proxy with it, begun by these words of a command line."""
    edge.node.stop_narud()
    edge.node.narud_argv = lambda *extra: [*words, *edge.argv(*extra)]
    edge.node.start_narud()
    for family in VIP:
        edge.settled(family=family)


def works(edge):
    """Changes come into force, time limits hold, nothing is wrong."""
    edge.put_route(gw.rule(edge.v1, path="/slow", timeouts={"request": "200ms"}),
                   gw.rule(edge.v2))
    eventually(lambda: edge.ask()["by"] == {"v2": 1})
    assert statuses(edge.ask("--path", "/slow", "-H", "x-do: delay=3000")) == {504}
    edge.put_route(gw.rule(edge.v1))
    eventually(lambda: "v2" not in edge.ask("-n", 4)["by"])
    for family in VIP:
        assert edge.node.host.ask(*front(edge, family), n=4)["failed"] == 0
    eventually(lambda: not edge.node.naructl_json("status")["problems"])


def begun(edge):
    """Load that begins now: connections that are held, new ones, requests."""
    return [edge.node.host.start(how, *front(edge, family), "-i", 2000).wait_up()
            for how in ("who", "hold") for family in VIP] + [edge.load("-i", 5, "-k")]


def unnoticed(loads):
    """Nothing of it has failed."""
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0 and counts["ok"] > 0, counts


def in_time(offset_s):
    """The words that begin a program whose monotonic clock is ahead by as much."""
    if not os.path.exists("/proc/self/ns/time"):
        pytest.skip("CONFIG_TIME_NS")
    return ["unshare", "--time", "--monotonic", str(offset_s), "--boottime", str(offset_s)]


@pytest.mark.slow
def test_years_of_uptime(edge):
    """The machine was started ten years ago; then, to who restarts, a moment ago."""
    held = edge.node.host.start("hold", *front(edge), "-i", 2000).wait_up()
    restart(edge, *in_time(YEARS_S))
    works(edge)
    restart(edge)
    works(edge)
    unnoticed([held])


@pytest.mark.slow
def test_milliseconds_wrap(edge):
    """49.7 days of uptime: milliseconds need a 33rd bit while everything runs."""
    ahead_s = WRAP_MS // 1000 - int(time.monotonic()) - 8
    restart(edge, *in_time(ahead_s))
    loads = begun(edge)
    left_s = WRAP_MS / 1000 - ahead_s - time.monotonic()
    assert left_s > 0
    time.sleep(left_s + 2)
    works(edge)
    unnoticed(loads)
    restart(edge)


def year(edge, offset_s):
    """Waits until narud's log is of the year that it should be of then."""
    stamp = f"{time.gmtime(time.time() + offset_s).tm_year}-"
    manifests, known = edge.rig.manifests, len(edge.node.log())

    def said():
        # What is wrong is told when it begins and when it ends.
        if manifests.has("odd.yaml"):
            manifests.remove("odd.yaml")
        else:
            manifests.write("odd.yaml", "kind: [\n")
        return any(line.startswith(stamp) and "odd.yaml" in line
                   for line in edge.node.log()[known:].splitlines())

    eventually(said, pause=0.2)
    if manifests.has("odd.yaml"):
        manifests.remove("odd.yaml")


@pytest.mark.slow
def test_wall_clock_is_set(edge):
    """The wall clock of narud is ten years slow, goes twenty ahead, and so on, under load. The
    proxy may not read what it is set to, and keeps the right one."""
    assert FAKETIME, "Debian's package faketime"
    manifests = edge.rig.manifests

    def set_clock(offset_s):
        manifests.write(".clock", f"{offset_s:+d}\n")

    set_clock(-YEARS_S)
    restart(edge, "env", f"LD_PRELOAD={FAKETIME}",
            f"FAKETIME_TIMESTAMP_FILE={manifests.path('.clock')}", "FAKETIME_CACHE_DURATION=1",
            "DONT_FAKE_MONOTONIC=1")
    loads = begun(edge)
    for offset_s in (YEARS_S, -YEARS_S, 0):
        set_clock(offset_s)
        year(edge, offset_s)
        works(edge)
    unnoticed(loads)
    restart(edge)
    manifests.remove(".clock")
