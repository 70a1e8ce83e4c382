# SPDX-License-Identifier: Apache-2.0
"""Statuses by a narud that serves nothing, beside nodes that write their NodeStates only."""
import contextlib
import os
import pathlib

import gateway as gw
import pytest
from edge import edge_made, statuses
from objects import NAMESPACE
from proc import built, eventually


@pytest.fixture(scope="module")
def edge():
    """Two nodes that may not write statuses, and an API server."""
    with edge_made(api=True, narud_options=["--role", "node"]) as made:
        yield made


def programmed(edge):
    """Does the Gateway's status say that its newest generation is in force?"""
    gateway = edge.rig.manifests.object("Gateway", "edge", NAMESPACE)
    return any(c["type"] == "Programmed" and c["status"] == "True" and
               c["observedGeneration"] == gateway["metadata"]["generation"]
               for c in gateway.get("status", {}).get("conditions", []))


def in_force(edge):
    """Do all NodeStates have the Gateway's newest generation?"""
    wanted = edge.rig.manifests.object("Gateway", "edge", NAMESPACE)["metadata"]["generation"]
    states = [edge.rig.manifests.object("NodeState", node.name) or {} for node in edge.rig.nodes]
    return all([g["generation"] for g in state.get("status", {}).get("gateways", [])] == [wanted]
               for state in states)


def start(edge):
    """A controller: without any capability, and with a folder of its own."""
    node = edge.rig.nodes[0]
    directory = f"{edge.rig.directory}/controller"
    log = pathlib.Path(f"{directory}.log")
    with log.open("wb") as out:
        process = node.host.popen(
            ["setpriv", "--bounding-set", "-all", built("narud"), "--role", "controller",
             "--node-name", "controller-0", "--run-dir", directory, *edge.rig.source(node)],
            stdout=out, stderr=out)
    eventually(lambda: "leads: this narud writes statuses now" in log.read_text())
    return process


def test_the_controller_alone_writes(edge):
    """Nodes tell what they serve and no more; once the controller is there, all is said, and when
    it has gone nothing is."""
    api = edge.rig.manifests
    eventually(lambda: in_force(edge))
    assert api.written("/status") == api.written("/leases") == 0
    controller = start(edge)
    eventually(lambda: programmed(edge))
    holder = api.object("Lease", "naru-leader", "kube-system")["spec"]["holderIdentity"]
    assert holder.startswith("controller-0")
    eventually(lambda: api.all("Event"))
    assert api.object("NodeState", "controller-0") is None
    assert not any(node.naructl_json("status")["reporting"]["leads"] for node in edge.rig.nodes)
    controller.terminate()
    assert controller.wait(timeout=20) == 0
    before = api.written("/status")
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    eventually(lambda: in_force(edge))
    assert statuses(edge.ask("-n", 20)) == {200}
    assert api.written("/status") == before
    controller = start(edge)
    eventually(lambda: programmed(edge))
    controller.terminate()
    assert controller.wait(timeout=20) == 0


def open_files(pid):
    """What the descriptors of a process are; some may be closed just now."""
    links = []
    for entry in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{pid}/fd/{entry}"))
    return links


def test_it_holds_nothing(edge):
    """No capability, no program or map of BPF, no socket of a proxy."""
    controller = start(edge)
    status = pathlib.Path(f"/proc/{controller.pid}/status").read_text(encoding="ascii")
    caps = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Cap"))
    assert {int(caps[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
    links = open_files(controller.pid)
    assert links and not [link for link in links if "bpf" in link]
    assert "Seccomp:\t2" in status
    controller.terminate()
    assert controller.wait(timeout=20) == 0
