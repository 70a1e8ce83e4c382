# SPDX-License-Identifier: Apache-2.0
"""naructl diff: silent while the maps hold what the plan wants; tells each element that somebody
else has changed, added or taken away."""
import json

import pytest
from conftest import made, settled
from proc import eventually, run


@pytest.fixture(scope="module", name="rig")
def fixture_rig():
    """A node with a service of three endpoints: a list, a table and frontends of each kind."""
    with made(nodes=1, narud_options=("--verify-every", "0")) as rig:
        node = rig.nodes[0]
        pods = [node.pod(name) for name in ("one", "two", "three")]
        for pod in pods:
            pod.serve(8080)
        rig.web = rig.service("web", *pods, kind="LoadBalancer")
        settled(rig, rig.web)
        yield rig


@pytest.fixture(name="node")
def fixture_node(rig):
    """The node, in order before and after: a narud that starts puts right what was changed."""
    node = rig.nodes[0]
    in_order = eventually(lambda: node.naructl("diff", check=False).returncode == 0)
    assert in_order and node.naructl("diff").stdout == ""
    yield node
    node.stop_narud()
    node.start_narud()
    eventually(lambda: node.naructl("diff", check=False).returncode == 0)


def octets(data):
    """Bytes as bpftool wants them."""
    return [str(byte) for byte in data]


def raw(node, name):
    """Elements as their bytes."""
    done = run(["bpftool", "-j", "map", "dump", "pinned", node.pinned(name)])
    return [(bytes(int(b, 16) for b in row["key"]), bytes(int(b, 16) for b in row["value"]))
            for row in json.loads(done.stdout)]


def change(node, name, key, value=None):
    """Writes or deletes an element behind narud's back."""
    verb = ["delete"] if value is None else ["update"]
    words = [] if value is None else ["value", *octets(value)]
    run(["bpftool", "map", *verb, "pinned", node.pinned(name), "key", *octets(key), *words])


def differences(node):
    """What diff tells, as JSON and as text, with the exit status."""
    done = node.naructl("diff", check=False)
    rows = node.naructl_json("diff")["differences"]
    assert node.naructl("diff", "-o", "json", check=False).returncode == done.returncode
    assert done.returncode == (1 if rows else 0)
    assert all(row["what"] in done.stdout for row in rows)
    return [(row["where"], row["service"], row["what"]) for row in rows]


def vip(node):
    """The element of the service's address for TCP."""
    return next((key, value) for key, value in raw(node, "svc")
                if key[:16].hex().endswith("cb0071") or key[16:18] == b"\x50\x00" and
                key[18] == 6 and key[19] == 4 and any(key[:16]))


def test_frontend_gone(node):
    """A frontend that somebody has deleted."""
    key, _ = vip(node)
    change(node, "svc", key)
    (where, service, what), = differences(node)
    assert where == "svc" and service.startswith("shop/web:") and what.startswith("no frontend ")
    assert "port 80/tcp" in what


def test_frontend_changed(node):
    """One with another value."""
    key, value = vip(node)
    change(node, "svc", key, value[:8] + bytes([value[8] ^ 1]) + value[9:])
    (where, service, what), = differences(node)
    assert where == "svc" and service.startswith("shop/web:") and "leads elsewhere" in what


def test_frontend_added(node):
    """One that no service has."""
    key, value = vip(node)
    change(node, "svc", key[:16] + b"\x39\x05" + key[18:], value)
    assert [(where, service, what.endswith("port 1337/tcp is nobody's"))
            for where, service, what in differences(node)] == [("svc", "", True)]


@pytest.mark.parametrize("name", ("endpoint", "svc_name"))
def test_element(node, name):
    """An endpoint with another address, a name that is another: each service that has it tells."""
    key, value = next(item for item in raw(node, name) if any(item[1]))
    change(node, name, key, bytes([value[0] ^ 1]) + value[1:])
    found = differences(node)
    assert found and {where for where, _, _ in found} == {name}
    assert all(service.startswith("shop/web:") for _, service, _ in found)


@pytest.mark.parametrize("name", ("ep_list", "lut"))
def test_block(node, name):
    """A list or a table with one wrong number."""
    row = next(row for row in node.dump("svc") if row["value"]["external"]["count"] == 3)
    first = row["value"]["external"]["list" if name == "ep_list" else "lut"]
    key = first.to_bytes(4, "little")
    value = bytes(int(b, 16) for b in node.look_up(name, first))
    change(node, name, key, bytes([value[0] ^ 1]) + value[1:])
    (where, service, what), = differences(node)
    assert where == name and service.startswith("shop/web:") and "3 endpoints" in what
    # A start looks into lists, but takes tables as they are until they are verified.
    change(node, name, key, value)
    assert not differences(node)
