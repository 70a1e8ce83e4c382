# SPDX-License-Identifier: Apache-2.0
"""Statements H: whom load balancers, kubelets and Prometheus ask whether this node serves."""
import datetime
import http.client

import pytest
from conftest import answers, made
from proc import entered, eventually
from statements import statement

NARUD = ("narud",)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with the default probes; metrics on port 10249, as kube-proxy has them."""
    with made(narud_options=("--admin", "[::]:10249")) as rig:
        for node in rig.nodes:
            pod = node.pod(f"web{node.index}")
            pod.serve(8080)
        yield rig


def get(place, addr, port, path="/"):
    """Status, headers and body that a server gives a client; None when it refuses."""
    with entered(place.netns):
        connection = http.client.HTTPConnection(addr, port, timeout=10)
        try:
            connection.request("GET", path)
        except ConnectionRefusedError:
            return None
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
    return answer.status, answer.headers, body


def pods(rig):
    """One pod of each node."""
    return [node.pods[f"web{node.index}"] for node in rig.nodes]


def metrics(rig, node):
    """Every line of /metrics as a name with labels, and its value."""
    status, _, body = get(rig.client, node.addr[4], 10249, "/metrics")
    assert status == 200
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@statement("H3", "metrics under the names of kube-proxy", NARUD)
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
