# SPDX-License-Identifier: Apache-2.0
"""narud in front of a real API server, with the rights of its deployment."""
import json
import os

import gateway as gw
import pytest
from cluster import workloads
from cluster.binaries import versions
from cluster.control import DEPLOYMENT, Cluster
from cluster.front import Front
from conftest import made
from proc import eventually, run

SHOP = "shop"
TOP = os.path.join(os.path.dirname(__file__), "..", "..")


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """One node with narud, and a pod to ask from."""
    with made(narud=False, kind=Cluster, nodes=1,
              narud_options=("--namespace", "naru-system")) as cluster:
        cluster.install_naru()
        cluster.apply(workloads.namespace(SHOP))
        cluster.asker = cluster.nodes[0].pod("asker")
        cluster.start_narud()
        yield cluster


@pytest.fixture(name="service")
def fixture_service(cluster, request):
    """A Service and its pods, each named after the test."""
    name = request.node.name.partition("[")[0].replace("_", "-")
    cluster.apply(workloads.deployment(SHOP, name, cluster.nodes[0], 2),
                  workloads.service(SHOP, name))
    yield Front(cluster, SHOP, name, cluster.asker)
    cluster.kubectl("delete", "-n", SHOP, "--ignore-not-found", f"deployment/{name}",
                    f"service/{name}")


def test_objects_serve_traffic_until_deleted(cluster, service):
    """What kubectl makes serves in both families, follows its scale, and ends with its Service."""
    assert len(service.settled()) == 2
    cluster.kubectl("scale", "-n", SHOP, f"deployment/{service.name}", "--replicas=3")
    eventually(lambda: len(service.settled()) == 3, seconds=60)
    cluster.kubectl("delete", "-n", SHOP, f"service/{service.name}")
    eventually(service.refused, seconds=60, pause=0.2)


def test_api_server_restarts(cluster, service):
    """Services go on without an API server; what changes after its return is followed."""
    pods = service.settled()
    cluster.kill("kube-apiserver")
    assert service.served_by(pods)
    cluster.start_server()
    cluster.kubectl("scale", "-n", SHOP, f"deployment/{service.name}", "--replicas=1")
    eventually(lambda: len(service.pods()) == 1, seconds=60, pause=0.2)
    assert service.settled() < pods


def test_compaction_during_an_outage(cluster, service):
    """Versions that narud knows are forgotten while the API server is away: it lists again, and
    what was deleted before that is gone."""
    pods = service.settled()
    cluster.kill("kube-apiserver")
    cluster.compact()
    cluster.start_server()
    assert service.served_by(pods)
    cluster.kubectl("delete", "-n", SHOP, f"service/{service.name}")
    eventually(service.refused, seconds=60, pause=0.2)


POOL = {"apiVersion": "naru.io/v1alpha1", "kind": "AddressPool", "metadata": {"name": "edge"},
        "spec": {"addresses": [{"cidr": "203.0.113.64/28"},
                               {"first": "2001:db8:1::40", "last": "2001:db8:1::4f"}]}}


def test_addresses_of_pools(cluster, service):
    """A Service gets addresses in a form that the API server takes, is served there, keeps them
    when the pool goes, and loses them with its type."""
    service.settled()
    cluster.apply(POOL, workloads.service(SHOP, service.name, type="LoadBalancer",
                                          loadBalancerClass="naru.io/load-balancer"))

    def status():
        return cluster.get("service", "-n", SHOP, service.name)["status"]

    def addresses():
        found = [entry["ip"] for entry in status()["loadBalancer"].get("ingress", [])]
        return len(found) == 2 and found
    for addr in eventually(addresses, seconds=30, pause=0.2):
        eventually(lambda a=addr: cluster.asker.ask(a, 80, "-t", 300)["failed"] == 0)
    assert {entry["ipMode"] for entry in status()["loadBalancer"]["ingress"]} == {"VIP"}
    [said] = status()["conditions"]
    assert (said["type"], said["status"], said["reason"]) == \
        ("naru.io/AddressAssigned", "True", "Assigned"), said
    eventually(lambda: cluster.get("addresspool", "edge").get("status", {}).get("ipv4") ==
               {"total": 16, "used": 1, "free": 15}, seconds=30, pause=0.2)
    cluster.kubectl("delete", "addresspool", "edge")
    eventually(lambda: status()["conditions"][0]["reason"] == "KeptOutsidePools", seconds=30,
               pause=0.2)
    assert addresses()
    cluster.apply(workloads.service(SHOP, service.name, type="ClusterIP"))
    eventually(lambda: status()["conditions"][0]["reason"] == "NotAsked", seconds=30, pause=0.2)
    assert not addresses()


@pytest.mark.parametrize("told,why", (
    ([], "should have at least 1 items"),
    ([{}], "needs either cidr, or first and last"),
    ([{"cidr": "203.0.113.0/24", "first": "203.0.113.1"}], "needs either cidr, or first and last"),
    ([{"cidr": "203.0.113.1/24"}], "no bit set behind its length"),
    ([{"cidr": "127.0.0.0/24"}], "that clients can dial"),
    ([{"first": "203.0.113.1", "last": "nobody"}], "last must be an address"),
    ([{"first": "203.0.113.1", "last": "2001:db8::1"}], "must be of one family"),
    ([{"first": "224.0.0.1", "last": "224.0.0.9"}], "that clients can dial"),
))
def test_wrong_pools_are_refused(cluster, told, why):
    """By the API server itself, with the reason."""
    wrong = {**POOL, "spec": {"addresses": told}}
    done = cluster.kubectl("apply", "-f", "-", stdin=json.dumps(wrong), check=False)
    assert done.returncode and why in done.stderr, done.stderr


def conditions(cluster, kind, name):
    """Status and observedGeneration of each condition of an object, by type."""
    found = cluster.get("-n", SHOP, kind, name)
    listed = found.get("status", {}).get("conditions", [])
    return {c["type"]: (c["status"], c.get("observedGeneration", 0) -
                        found["metadata"].get("generation", 0)) for c in listed}


def test_statuses_are_written(cluster, service):
    """A Gateway is programmed as kubectl shows it, also after it was changed; what another
    controller said of its route stays."""
    service.settled()
    edge = gw.gateway("edge", [gw.listener("http", 80)], ["203.0.113.7"])
    route = gw.route("edge", gw.rule(gw.backend(service.name)))
    for each in (edge, route):
        each["metadata"]["namespace"] = SHOP
    cluster.apply(gw.CLASS, edge, route)
    good = {"Accepted": ("True", 0), "Programmed": ("True", 0)}
    eventually(lambda: good.items() <= conditions(cluster, "gateway", "edge").items(), seconds=60)
    shown = cluster.kubectl("get", "gateway", "-n", SHOP, "edge").stdout.splitlines()
    assert shown[1].split()[2:4] == ["203.0.113.7", "True"]
    eventually(lambda: conditions(cluster, "gatewayclass", "naru").get("Accepted") == ("True", 0))
    foreign = {"parentRef": {"name": "edge"}, "controllerName": "example.com/other",
               "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted",
                               "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}
    parents = eventually(lambda: at_newest(cluster.get("-n", SHOP, "httproute", "edge")))
    cluster.kubectl("patch", "-n", SHOP, "httproute/edge", "--subresource=status", "--type=merge",
                    "-p", json.dumps({"status": {"parents": [foreign, *parents]}}))
    edge["spec"]["listeners"].append(gw.listener("more", 81))
    route["spec"]["hostnames"] = ["shop.example.com"]
    cluster.apply(edge, route)
    eventually(lambda: good.items() <= conditions(cluster, "gateway", "edge").items(), seconds=60)
    found = eventually(lambda: at_newest(cluster.get("-n", SHOP, "httproute", "edge")), seconds=60)
    assert [p["controllerName"] for p in found] == ["example.com/other", "naru.io/gateway"]
    assert found[0]["conditions"] == foreign["conditions"]
    told = [{"namespace": SHOP, "name": "edge", "generation": 2}]
    state = cluster.get("nodestate", cluster.nodes[0].name)
    name = cluster.nodes[0].name
    eventually(lambda: cluster.get("nodestate", name)["status"]["gateways"] == told)
    eventually(lambda: ("Gateway", "edge", "Programmed") in {
        (e["regarding"]["kind"], e["regarding"]["name"], e["reason"])
        for e in cluster.get("-n", SHOP, "events.events.k8s.io")["items"]})
    assert state["metadata"]["ownerReferences"][0]["kind"] == "Node"
    # A watch may still be waiting for its turn after what the tests before have done.
    eventually(lambda: not cluster.nodes[0].naructl_json("status")["diagnostics"], seconds=60)
    cluster.kubectl("delete", "-n", SHOP, "gateway/edge", "httproute/edge")


def at_newest(route):
    """The parents of a route, once ours is judged as it is now."""
    parents = route.get("status", {}).get("parents", [])
    ours = [p for p in parents if p["controllerName"] == "naru.io/gateway"]
    newest = route["metadata"]["generation"]
    judged = ours and all(c["observedGeneration"] == newest for c in ours[0]["conditions"])
    return judged and parents


def test_a_node_tells_of_itself_only(cluster):
    """Pods of all nodes have one account: what a node has in force is written with a token of a pod
    of that node, and with no other."""
    name = cluster.nodes[0].name
    eventually(lambda: cluster.kubectl("get", "nodestate", name, check=False).returncode == 0)

    def writes(*extra):
        """Does a write succeed, with these claims of the token? The node itself may have written
        since the object was read: then once more."""
        while True:
            state = json.dumps({**cluster.get("nodestate", name), "status": {"version": "other"}})
            done = cluster.kubectl("replace", "--dry-run=server", "-f", "-",
                                   "--as=system:serviceaccount:naru-system:naru",
                                   *(f"--as-user-extra=authentication.kubernetes.io/{claim}"
                                     for claim in extra),
                                   stdin=state, check=False)
            if "Conflict" not in done.stderr:
                assert done.returncode == 0 or "Forbidden" in done.stderr, done.stderr
                return done.returncode == 0

    eventually(lambda: not writes("node-name=elsewhere"))
    assert not writes()
    assert writes(f"node-name={name}")


def test_deployment_is_taken(cluster):
    """The API server takes every object of the manifest that people install, and of the chart with
    all that can be switched on and is not of another project's kinds."""
    with open(DEPLOYMENT, encoding="utf-8") as told:
        plain = told.read()
    values = {"namespace": {"create": True}, "monitoring": {"dashboards": True},
              "gateway": {"secrets": [{"namespace": SHOP, "names": ["tls"]}]},
              "controller": {"replicas": 2},
              "bgp": {"engine": "bird", "group": 4242}, "apiServer": {"host": ["192.0.2.1", "api"]}}
    full = run([run([f"{TOP}/tools/dev/helm"]).stdout.strip(), "template", "naru",
                os.path.dirname(DEPLOYMENT) + "/helm/naru", "--namespace", "naru-system",
                "--kube-version", versions()["K8S"], "--api-versions",
                "gateway.networking.k8s.io/v1", "-f", "-"], stdin=json.dumps(values)).stdout
    assert full.count("\nkind: ") > plain.count("\nkind: ")
    for text in (plain, full):
        taken = cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text).stdout
        assert len(taken.splitlines()) == text.count("\nkind: ")
