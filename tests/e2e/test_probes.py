# SPDX-License-Identifier: Apache-2.0
"""Statements H: whom load balancers, kubelets and Prometheus ask whether this node serves."""
import datetime
import http.client
import json
import os
import signal

import gateway as gw
import pytest
from conftest import answers, made
from objects import node as node_object
from proc import entered, eventually
from statements import statement

NARUD = ("narud",)
HEALTH_PORT = 32100
WEIGHT = "X-Load-Balancing-Endpoint-Weight"


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with the default probes; metrics on port 10249, as kube-proxy has them."""
    with made(narud_options=("--admin", "[::]:10249")) as rig:
        for node in rig.nodes:
            pod = node.pod(f"web{node.index}")
            pod.serve(8080)
        yield rig


def get(place, addr, port, path="/"):
    """Status, headers and body that a server gives a client; None when it refuses, or has just gone
    with the request in its queue."""
    with entered(place.netns):
        connection = http.client.HTTPConnection(addr, port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
        except (ConnectionRefusedError, ConnectionResetError):
            return None
        body = answer.read().decode()
        connection.close()
    return answer.status, answer.headers, body


def pods(rig):
    """One pod of each node."""
    return [node.pods[f"web{node.index}"] for node in rig.nodes]


def health(rig, node, family):
    """Status, weight and body of a node's healthCheckNodePort, asked from outside."""
    got = get(rig.client, node.addr[family], HEALTH_PORT)
    return got and (got[0], int(got[1][WEIGHT]), json.loads(got[2]))


@statement("H1", "healthCheckNodePort answers how many ready endpoints the node has", NARUD,
           differs="a port that cannot be bound is an error in `naructl status`, no Event")
def test_h1_health_check_node_port(cluster, family):
    """H1: 200 where ready endpoints are, and how many; else 503; at every address of the node;
    terminating ones do not count; gone with the Service."""
    first, second = cluster.nodes
    one, other = pods(cluster)
    service = cluster.service(f"checked{family}", one, kind="LoadBalancer",
                              externalTrafficPolicy="Local", healthCheckNodePort=HEALTH_PORT)
    body = {"service": {"namespace": "shop", "name": service.name}, "localEndpoints": 1,
            "serviceProxyHealthy": True}
    eventually(lambda: health(cluster, first, family) == (200, 1, body))
    nobody = {**body, "localEndpoints": 0}
    eventually(lambda: health(cluster, second, family) == (503, 0, nobody))
    # From a pod, at the node's address on the pods' side.
    assert get(one, first.gateway[family], HEALTH_PORT)[0] == 200
    service.set(cluster.endpoint(one, ready=False, serving=True, terminating=True),
                cluster.endpoint(other))
    eventually(lambda: health(cluster, first, family) == (503, 0, nobody))
    eventually(lambda: health(cluster, second, family) == (200, 1, body))
    service.remove()
    for node in cluster.nodes:
        eventually(lambda n=node: health(cluster, n, family) is None)


@statement("H1", "healthCheckNodePort answers how many ready endpoints the node has", NARUD,
           differs="a port that cannot be bound is an error in `naructl status`, no Event")
def test_h1_taken_port(cluster):
    """H1: a port that somebody else has is an error of the Service, until it is free."""
    node = cluster.nodes[0]
    squatter = node.host.popen(["/usr/bin/python3", "-m", "http.server", str(HEALTH_PORT + 1)])
    eventually(lambda: get(node.host, "127.0.0.1", HEALTH_PORT + 1))
    service = cluster.service("squatted", pods(cluster)[0], kind="LoadBalancer",
                              externalTrafficPolicy="Local", healthCheckNodePort=HEALTH_PORT + 1)

    def complaints():
        return [d for d in node.naructl_json("status")["diagnostics"]
                if d["object"] == "Service shop/squatted" and
                d["field"] == "spec.healthCheckNodePort"]

    eventually(complaints)
    eventually(lambda: answers(cluster.client, service, 4, kind="LoadBalancer"))
    squatter.terminate()
    squatter.wait()
    eventually(lambda: not complaints())
    assert WEIGHT in get(cluster.client, node.addr[6], HEALTH_PORT + 1)[1]
    service.remove()
    eventually(lambda: get(cluster.client, node.addr[6], HEALTH_PORT + 1) is None)


@statement("H1", "healthCheckNodePort answers how many ready endpoints the node has", NARUD,
           differs="a port that cannot be bound is an error in `naructl status`, no Event")
def test_h1_counts_the_proxy(cluster):
    """H1: where a route serves the Service, a proxy that stands still takes the node out."""
    node, port = cluster.nodes[0], HEALTH_PORT + 2
    service = cluster.service("routed", pods(cluster)[0], kind="LoadBalancer",
                              externalTrafficPolicy="Local", healthCheckNodePort=port)
    cluster.manifests.put("routed-route.yaml", gw.CLASS,
                          gw.route("routed", gw.rule(service), service=service))

    def healthy():
        got = get(cluster.client, node.addr[4], port)
        return got and (got[0], json.loads(got[2])["serviceProxyHealthy"])

    pid = eventually(lambda: node.naructl_json("status")["l7"]["proxy"]["pid"])
    eventually(lambda: healthy() == (200, True))
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: healthy() == (503, False))
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: healthy() == (200, True))
    cluster.manifests.remove("routed-route.yaml")
    service.remove()


def probes(rig, node, family):
    """Status codes of /healthz and /livez, and what the first says."""
    healthz, livez = (get(rig.client, node.addr[family], 10256, path)
                      for path in ("/healthz", "/livez"))
    told = json.loads(healthz[2])
    for key in ("lastUpdated", "currentTime"):
        datetime.datetime.fromisoformat(told[key].replace("Z", "+00:00"))
    assert list(told) == ["lastUpdated", "currentTime", "nodeEligible", "healthy", "status"]
    assert list(json.loads(livez[2])) == ["lastUpdated", "currentTime", "healthy", "status"]
    assert told["healthy"] and [told["status"][name]["healthy"] for name in ("IPv4", "IPv6")] == \
        [True, True]
    return healthz[0], livez[0], told["nodeEligible"]


@statement("H2", "/healthz fails on a node that is about to go, /livez does not", NARUD,
           differs="a sync period is 5 s instead of 30")
@pytest.mark.parametrize("reason", ("taint", "deletion"))
def test_h2_leaving_node(cluster, reason, family):
    """H2: a node that is about to go is not for load balancers any more, but it lives."""
    first, second = cluster.nodes
    name = f"leaving-{reason}.yaml"
    leaving = node_object(first.name, first.addr.values(), list(first.pod_cidr.values()))
    if reason == "taint":
        leaving["spec"]["taints"] = [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1",
                                      "effect": "NoSchedule"}]
    else:
        leaving["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert probes(cluster, first, family) == (200, 200, True)
    # The last definition by file name is the one in force.
    cluster.manifests.put(name, leaving)
    eventually(lambda: probes(cluster, first, family) == (503, 200, False))
    assert probes(cluster, second, family) == (200, 200, True)
    cluster.manifests.remove(name)
    eventually(lambda: probes(cluster, first, family) == (200, 200, True))


def metrics(rig, node):
    """Every line of /metrics as a name with labels, and its value."""
    status, _, body = get(rig.client, node.addr[4], 10249, "/metrics")
    assert status == 200
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@statement("H3", "metrics under the names of kube-proxy", NARUD,
           differs="those of iptables, conntrack and partial syncs are missing")
def test_h3_names_of_kube_proxy(cluster):
    """H3: the metrics that dashboards of kube-proxy ask for are there and move."""
    node = cluster.nodes[0]
    assert get(cluster.client, node.addr[4], 10249, "/proxyMode")[2] == "naru"
    before = metrics(cluster, node)
    service = cluster.service("measured", pods(cluster)[1], kind="NodePort",
                              externalTrafficPolicy="Local")
    no_local = 'sync_proxy_rules_no_local_endpoints_total{ip_family="IPv6",traffic_policy='
    eventually(lambda: metrics(cluster, node)[f'kubeproxy_{no_local}"external"}}'] == 2)
    get(cluster.client, node.addr[4], 10256, "/healthz")
    after = metrics(cluster, node)
    assert after[f'kubeproxy_{no_local}"internal"}}'] == 0
    for name, least in (('sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}', 1),
                        ('sync_proxy_rules_duration_seconds_count{ip_family="IPv6"}', 1),
                        ("sync_proxy_rules_service_changes_total", 1),
                        ("sync_proxy_rules_endpoint_changes_total", 2),
                        ('proxy_healthz_total{code="200"}', 1)):
        assert after[f"kubeproxy_{name}"] >= before[f"kubeproxy_{name}"] + least, name
    for what in ("service", "endpoint"):
        assert after[f"kubeproxy_sync_proxy_rules_{what}_changes_pending"] == 0
    times = [after[f'kubeproxy_sync_proxy_rules_last_{which}timestamp_seconds{{ip_family="IPv4"}}']
             for which in ("queued_", "")]
    assert before['kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'] < \
        times[0] <= times[1]
    service.remove()


@statement("H4", "a slice's trigger time feeds network_programming_duration_seconds", NARUD)
def test_h4_network_programming(cluster, family):
    """H4: the time from an EndpointSlice's trigger until it is in force is measured once."""
    node = cluster.nodes[0]
    service = cluster.service(f"triggered{family}", pods(cluster)[0])
    eventually(lambda: answers(node.host, service, family))
    names = [f'kubeproxy_network_programming_duration_seconds_count{{ip_family="IPv{f}"}}'
             for f in (family, 10 - family)]
    before = [metrics(cluster, node)[name] for name in names]
    told = service.slice(family)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    told["metadata"]["annotations"] = {
        "endpoints.kubernetes.io/last-change-trigger-time": now}
    cluster.manifests.put(f"{service.name}-slices.yaml", told, service.slice(10 - family))
    wanted = [before[0] + 1, before[1]]
    eventually(lambda: [metrics(cluster, node)[name] for name in names] == wanted)
    service.remove()
