# SPDX-License-Identifier: Apache-2.0
"""What narud tells an API server: by one narud of all, and nothing that is said already."""
import signal
import time

import gateway as gw
import pytest
from edge import VIP, edge_made, statuses
from fakeapi import definition
from objects import NAMESPACE
from proc import eventually

NAMES = {"GatewayClass": ("naru", ""), "Gateway": ("edge", NAMESPACE),
         "HTTPRoute": ("route", NAMESPACE)}


@pytest.fixture(scope="module")
def edge():
    """A Gateway in front of two services on two nodes, whose objects an API server has."""
    with edge_made(api=True) as made:
        yield made


def status_of(edge, kind):
    """The status of the one object of that kind."""
    name, namespace = NAMES[kind]
    return (edge.rig.manifests.object(kind, name, namespace) or {}).get("status") or {}


def generation_of(edge, kind):
    """Its metadata.generation."""
    name, namespace = NAMES[kind]
    return edge.rig.manifests.object(kind, name, namespace)["metadata"]["generation"]


def holds(conditions, kind, generation):
    """Is the condition of that type true, and of this generation?"""
    return any(c["type"] == kind and c["status"] == "True" and
               c["observedGeneration"] == generation for c in conditions)


def is_programmed(edge):
    """Does the Gateway's status say that it is in force as it is now?"""
    status, generation = status_of(edge, "Gateway"), generation_of(edge, "Gateway")
    return (holds(status.get("conditions", []), "Accepted", generation) and
            holds(status.get("conditions", []), "Programmed", generation) and
            all(holds(listener["conditions"], "Programmed", generation)
                for listener in status["listeners"]))


def leaders(edge):
    """The nodes that say that they write."""
    return [node for node in edge.rig.nodes
            if node.naructl_json("status")["reporting"].get("leads")]


def in_force(edge, node):
    """What the node's NodeState says that it serves."""
    state = edge.rig.manifests.object("NodeState", node.name) or {}
    return [(g["namespace"], g["name"], g["generation"])
            for g in state.get("status", {}).get("gateways", [])]


def all_said(edge):
    """Waits until every status says what it should."""
    eventually(lambda: holds(status_of(edge, "GatewayClass").get("conditions", []), "Accepted",
                             generation_of(edge, "GatewayClass")))
    eventually(lambda: is_programmed(edge))
    eventually(lambda: any(holds(parent["conditions"], "Accepted", generation_of(edge, "HTTPRoute"))
                           for parent in status_of(edge, "HTTPRoute").get("parents", [])))
    for node in edge.rig.nodes:
        eventually(lambda n=node: in_force(edge, n) == [
            (NAMESPACE, "edge", generation_of(edge, "Gateway"))])
    eventually(lambda: not any(node.naructl_json("status")["reporting"]["pending"]
                               for node in leaders(edge)))


def test_statuses_say_what_is_true(edge):
    """By one of the two nodes, at the newest generation, with addresses."""
    all_said(edge)
    assert len(leaders(edge)) == 1
    assert [a["value"] for a in status_of(edge, "Gateway")["addresses"]] == list(VIP.values())
    assert status_of(edge, "Gateway")["listeners"][0]["attachedRoutes"] == 1
    parent, = status_of(edge, "HTTPRoute")["parents"]
    assert parent["controllerName"] == "naru.io/gateway"
    for node in edge.rig.nodes:
        assert "statuses: written by" in node.naructl("status", check=False).stdout
        assert not node.naructl_json("status")["diagnostics"]


def test_versions_of_the_definitions(edge):
    """That the cluster has a newer Gateway API than naru knows stands on the class; it is served
    all the same."""
    all_said(edge)
    api = edge.rig.manifests

    def class_holds(kind):
        return holds(status_of(edge, "GatewayClass")["conditions"], kind,
                     generation_of(edge, "GatewayClass"))

    eventually(lambda: class_holds("SupportedVersion"))
    api.put("crd-Gateway", definition("Gateway", "v1.7.0"))
    eventually(lambda: not class_holds("SupportedVersion"))
    assert class_holds("Accepted")
    assert statuses(edge.ask("-n", 20)) == {200}
    api.put("crd-Gateway", definition("Gateway"))
    eventually(lambda: class_holds("SupportedVersion"))
    all_said(edge)


def test_a_change_is_said_anew(edge):
    """A listener more: the conditions are of the new generation, and times stay where nothing
    changed."""
    all_said(edge)
    before = {c["type"]: c for c in status_of(edge, "Gateway")["conditions"]}
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    eventually(lambda: len(status_of(edge, "Gateway")["listeners"]) == 2)
    all_said(edge)
    for condition in status_of(edge, "Gateway")["conditions"]:
        former = before[condition["type"]]
        assert condition["observedGeneration"] == former["observedGeneration"] + 1
        assert condition["lastTransitionTime"] == former["lastTransitionTime"]
    edge.put_gateway()
    all_said(edge)


def test_nodes_say_what_they_serve(edge):
    """Each in an object of its own; the Gateway is programmed because they said so."""
    all_said(edge)
    for node in edge.rig.nodes:
        assert "behindSince" not in edge.rig.manifests.object("NodeState", node.name)["status"]
    leader, = leaders(edge)
    eventually(lambda: leader.naructl_json("status")["reporting"]["nodes"] == len(edge.rig.nodes))


def test_turns_are_told(edge):
    """By one Event of the object and the reason, whatever happens again."""
    all_said(edge)
    for _ in range(2):
        edge.put_route(gw.rule(gw.backend("missing")))
        eventually(lambda: any(c["reason"] == "BackendNotFound"
                               for c in status_of(edge, "HTTPRoute")["parents"][0]["conditions"]))
        edge.put_route(gw.rule(edge.v1))
        all_said(edge)
    def of_routes():
        return [event for event in edge.rig.manifests.all("Event")
                if event["regarding"]["kind"] == "HTTPRoute"]

    eventually(lambda: "BackendNotFound" in [event["reason"] for event in of_routes()])
    told = of_routes()
    assert [e["type"] for e in told if e["reason"] == "BackendNotFound"] == ["Warning"]
    assert all(e["metadata"]["namespace"] == NAMESPACE for e in told)


def test_what_cannot_be_read_is_refused(edge):
    """A route that narud refuses whole: the status says so of this version, the last good one is
    served on; the same of a Gateway."""
    all_said(edge)

    def said(kind, condition):
        status = status_of(edge, kind)
        conditions = (status["parents"][0] if kind == "HTTPRoute" else status)["conditions"]
        return next((c for c in conditions if c["type"] == condition and
                     c["observedGeneration"] == generation_of(edge, kind)), {})

    edge.put_route(gw.rule(edge.v1), hostnames=["A_B"])
    eventually(lambda: said("HTTPRoute", "Accepted").get("reason") == "UnsupportedValue")
    accepted = said("HTTPRoute", "Accepted")
    assert accepted["status"] == "False"
    assert accepted["message"].startswith("spec.hostnames[0]: ")
    assert accepted["message"].endswith("; the last good version stays in force")
    edge.put_gateway(gw.listener("http", 80), gw.listener("http", 81))
    eventually(lambda: said("Gateway", "Accepted").get("reason") == "Invalid")
    assert said("Gateway", "Programmed")["status"] == "False"
    assert statuses(edge.ask("-n", 20)) == {200}
    edge.put_route(gw.rule(edge.v1))
    edge.put_gateway()
    all_said(edge)


def service_condition(edge, kind):
    """Of the Service v2: {} when there is none of that type."""
    status = edge.rig.manifests.object("Service", "v2", NAMESPACE).get("status", {})
    return next((c for c in status.get("conditions", []) if c["type"] == f"naru.io/{kind}"), {})


def test_a_service_in_trouble_says_so(edge):
    """As long as it is: with the reason, once, and an Event."""
    all_said(edge)
    api = edge.rig.manifests
    service = edge.v2.service()
    service["spec"]["externalIPs"] = ["198.51.100.7"]
    edge.put("v2.yaml", service)
    eventually(lambda: service_condition(edge, "Programmed"))
    condition = service_condition(edge, "Programmed")
    assert (condition["status"], condition["reason"]) == ("False", "AddressNotUsable")
    assert "198.51.100.7 is not served" in condition["message"]
    eventually(lambda: [e["type"] for e in api.all("Event")
                        if e["regarding"]["kind"] == "Service"] == ["Warning"])
    before = api.written("/services/v2/status")
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    edge.put_gateway()
    all_said(edge)
    assert api.written("/services/v2/status") == before
    status = api.object("Service", "v2", NAMESPACE)["status"]
    edge.put("v2.yaml", {**edge.v2.service(), "status": status})
    eventually(lambda: not service_condition(edge, "Programmed"))


@pytest.mark.slow
def test_what_else_runs_on_a_node(edge):
    """A kube-proxy stands in its NodeState; a process at a NodePort, on the Service."""
    all_said(edge)
    api, node = edge.rig.manifests, edge.rig.nodes[1]

    def conditions():
        return api.object("NodeState", node.name)["status"].get("conditions", [])

    service = edge.v2.service()
    service["spec"]["type"] = "NodePort"
    service["spec"]["ports"][0]["nodePort"] = 30555
    edge.put("v2.yaml", service)
    node.host.run(["nft", "add", "table", "ip", "kube-proxy"])
    process = node.host.serve(30555)
    eventually(lambda: service_condition(edge, "Conflicted"), seconds=30)
    condition = service_condition(edge, "Conflicted")
    assert (condition["status"], condition["reason"]) == ("True", "PortInUse")
    assert condition["message"].startswith(f"node {node.name}: ")
    process.kill()
    eventually(lambda: [c["type"] for c in conditions()] == ["KubeProxyActive"], seconds=30)
    eventually(lambda: any(e["regarding"]["kind"] == "Node" and e["type"] == "Warning"
                           for e in api.all("Event")))
    node.host.run(["nft", "delete", "table", "ip", "kube-proxy"])
    eventually(lambda: not conditions(), seconds=30)
    eventually(lambda: not service_condition(edge, "Conflicted"), seconds=30)


def test_what_others_wrote_stays(edge):
    """Entries of other controllers, conditions of other types: untouched and in their order."""
    all_said(edge)
    api = edge.rig.manifests
    foreign = {"parentRef": {"name": "other"}, "controllerName": "example.com/other",
               "conditions": []}
    route = api.object("HTTPRoute", "route", NAMESPACE)
    route["status"] = {"parents": [foreign, *route["status"]["parents"], foreign]}
    api.put("route.yaml", route)
    gateway = api.object("Gateway", "edge", NAMESPACE)
    mine = {"type": "example.com/Mine", "status": "True", "reason": "R", "message": "",
            "lastTransitionTime": "2020-01-01T00:00:00Z"}
    gateway["status"]["conditions"].insert(0, mine)
    api.put("edge.yaml", gw.CLASS, gateway)
    edge.put_route(gw.rule(edge.v2))
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    all_said(edge)
    parents = status_of(edge, "HTTPRoute")["parents"]
    assert [p["controllerName"] for p in parents] == ["example.com/other", "naru.io/gateway",
                                                      "example.com/other"]
    assert parents[0] == parents[2] == foreign
    assert status_of(edge, "Gateway")["conditions"][0] == mine
    edge.put_route(gw.rule(edge.v1))
    edge.put_gateway()
    all_said(edge)


def test_nothing_is_written_that_is_said(edge):
    """Endpoints that change, and time that passes, are no reason to write; nor is a status that
    somebody else writes."""
    all_said(edge)
    api = edge.rig.manifests
    before, states = api.written("/status"), api.written("/nodestates")
    edge.v1.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v1"][:1]))
    edge.v1.write()
    eventually(lambda: edge.told()["name"] == "v1")
    edge.v1.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v1"]))
    edge.v1.write()
    edge.settled()
    leases = api.written("/leases")
    eventually(lambda: api.written("/leases") >= leases + 2)
    assert (api.written("/status"), api.written("/nodestates")) == (before, states)


def test_another_one_takes_over(edge):
    """The leader ends and gives the Lease back: another one leads, and rewrites nothing."""
    all_said(edge)
    api = edge.rig.manifests
    first, = leaders(edge)
    before = api.written("/status")
    first.stop_narud()
    holder = api.object("Lease", "naru-leader", "kube-system")["spec"]["holderIdentity"]
    assert not holder.startswith(first.name)
    eventually(lambda: leaders_of(edge, first))
    first.start_narud()
    other, = leaders(edge)
    assert other is not first
    edge.settled()
    all_said(edge)
    assert api.written("/status") == before


def leaders_of(edge, stopped):
    """Those that lead among the nodes that are not stopped."""
    return [node for node in edge.rig.nodes if node is not stopped and
            node.naructl_json("status")["reporting"].get("leads")]


@pytest.mark.slow
def test_a_killed_leader_is_replaced(edge):
    """It cannot give the Lease back: another one has it when it has run out, and writes on."""
    all_said(edge)
    first, = leaders(edge)
    first.stop_narud(signal.SIGKILL)
    begun = time.monotonic()
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    eventually(lambda: leaders_of(edge, first), seconds=40)
    assert time.monotonic() - begun > 5
    eventually(lambda: is_programmed(edge))
    first.start_narud()
    edge.put_gateway()
    all_said(edge)


def test_a_missing_right_is_told(edge):
    """And everything is served on."""
    all_said(edge)
    api = edge.rig.manifests
    api.fail("gateways/edge/status", lambda stream: api.refuse(stream, 403))
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    eventually(lambda: any("needs the right to patch gateways/status" in d["reason"]
                           for node in leaders(edge)
                           for d in node.naructl_json("status")["diagnostics"]))
    assert statuses(edge.ask("-n", 20)) == {200}
    api.heal()


@pytest.mark.slow
def test_who_made_way_says_nothing(edge):
    """A narud that waits beside the one that took over leaves the node's NodeState to that one,
    for longer than it would take to call the node behind."""
    node = edge.node
    all_said(edge)
    node.stop_narud()
    node.start_narud("--take-over", "stay")
    all_said(edge)
    first = node.narud
    with open(node.log_path, "ab") as log:
        node.narud = node.host.popen(node.narud_argv("--take-over", "stay"), stdout=log, stderr=log)
    eventually(lambda: "this one waits until that one ends" in node.log())
    edge.put_gateway(gw.listener("http", 80), gw.listener("more", 81))
    all_said(edge)
    time.sleep(12)
    assert "behindSince" not in edge.rig.manifests.object("NodeState", node.name)["status"]
    first.terminate()
    assert first.wait(timeout=20) == 0
    edge.put_gateway()
    all_said(edge)
