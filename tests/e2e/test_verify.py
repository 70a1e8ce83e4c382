# SPDX-License-Identifier: Apache-2.0
"""What somebody else does to the maps of services is found and put right while narud runs, and when
it starts; each repair is counted and told."""
import re

import pytest
from conftest import made, settled
from proc import eventually
from test_diff import change, raw, vip
from test_probes import get

NAMES = ("svc", "svc_name", "endpoint", "ep_list", "lut")


@pytest.fixture(scope="module", name="rig")
def fixture_rig():
    """A node that looks every second, with a service of three endpoints."""
    with made(nodes=1, narud_options=("--verify-every", "1", "--admin", "127.0.0.1:10249")) as rig:
        node = rig.nodes[0]
        pods = [node.pod(name) for name in ("one", "two", "three")]
        for pod in pods:
            pod.serve(8080)
        rig.web = rig.service("web", *pods, kind="LoadBalancer")
        settled(rig, rig.web)
        yield rig


def metrics(node, name):
    """A metric's values, by the map if it has one."""
    body = get(node.host, "127.0.0.1", 10249, "/metrics")[2]
    return {label: int(value) for label, value
            in re.findall(rf'^{name}(?:{{map="(\w+)"}})? (\d+)$', body, re.M)}


def verified(node):
    """Waits until all maps have been looked at that are as they are now."""
    before = metrics(node, "naru_map_verifies_total")[""]
    eventually(lambda: metrics(node, "naru_map_verifies_total")[""] >= before + 2)


def damaged(node, name):
    """Key, and a value that is wrong, of an element that the service is served by."""
    if name in ("ep_list", "lut"):
        row = next(row for row in node.dump("svc") if row["value"]["external"]["count"] == 3)
        first = row["value"]["external"]["list" if name == "ep_list" else "lut"]
        key = first.to_bytes(4, "little")
        value = bytes(int(b, 16) for b in node.look_up(name, first))
        return key, bytes(len(value))
    key, value = vip(node) if name == "svc" else next(i for i in raw(node, name) if any(i[1]))
    return key, value[:8] + bytes([value[8] ^ 1]) + value[9:]


def by(rig, family):
    """Who answers many connections."""
    return rig.client.ask(*rig.web.front("LoadBalancer", family), n=60)


@pytest.mark.parametrize("name", NAMES)
def test_changed(rig, name):
    """An element with another value."""
    node = rig.nodes[0]
    before = metrics(node, "naru_map_repairs_total")
    key, value = damaged(node, name)
    change(node, name, key, value)
    eventually(lambda: metrics(node, "naru_map_repairs_total")[name] > before[name])
    eventually(lambda: node.naructl("diff", check=False).returncode == 0)
    after = metrics(node, "naru_map_repairs_total")
    assert {n for n in NAMES if after[n] != before[n]} == {name}
    assert f"map {name} was changed by somebody else" in node.log()
    for family in (4, 6):
        counts = by(rig, family)
        assert counts["failed"] == 0 and set(counts["by"]) == {"one", "two", "three"}, counts


@pytest.mark.parametrize("name", ("svc", "svc_name", "endpoint"))
def test_gone(rig, name):
    """An element that somebody has deleted."""
    node = rig.nodes[0]
    key, _ = damaged(node, name)
    change(node, name, key)
    eventually(lambda: node.naructl("diff", check=False).returncode == 0)
    assert key in dict(raw(node, name))


def test_stray(rig):
    """A frontend that no service has."""
    node = rig.nodes[0]
    key, value = vip(node)
    stray = key[:16] + b"\x39\x05" + key[18:]
    change(node, "svc", stray, value)
    eventually(lambda: stray not in dict(raw(node, "svc")))
    assert key in dict(raw(node, "svc"))


def test_nothing_is_written_when_all_is_well(rig):
    """Looking changes nothing."""
    node = rig.nodes[0]
    verified(node)
    before = metrics(node, "naru_map_repairs_total")
    verified(node)
    assert metrics(node, "naru_map_repairs_total") == before


@pytest.mark.parametrize("name", NAMES)
def test_damage_from_before_the_start(rig, name):
    """What was changed while no narud ran is put right after the start, long before the time for
    the next look."""
    node = rig.nodes[0]
    node.stop_narud()
    key, value = damaged(node, name)
    change(node, name, key, value)
    node.start_narud("--verify-every", "3600")
    eventually(lambda: metrics(node, "naru_map_verifies_total")[""] == 1)
    eventually(lambda: node.naructl("diff", check=False).returncode == 0)
    for family in (4, 6):
        counts = by(rig, family)
        assert counts["failed"] == 0 and set(counts["by"]) == {"one", "two", "three"}, counts
    node.stop_narud()
    node.start_narud()
