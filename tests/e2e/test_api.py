# SPDX-License-Identifier: Apache-2.0
"""An API server as the source of objects: what it says is served, what it does not say changes
nothing, whatever happens to it.
"""
import http.client
import itertools
import json
import os
import re
import signal

import gateway as gw
import pytest
from conftest import answers, made, settled
from proc import built, entered, eventually
from test_handover import begin, serves

FAMILIES = (4, 6)


@pytest.fixture(scope="module")
def cluster():
    """Three pods behind one service on two nodes, whose objects an API server has."""
    with made(api=True, narud=False) as rig:
        first, second = rig.nodes
        rig.pods_of_web = [first.pod("web1"), second.pod("web2"), second.pod("web3")]
        for pod in rig.pods_of_web:
            pod.serve(8080)
        rig.manifests.project()
        rig.web = rig.service("web", *rig.pods_of_web, kind="LoadBalancer")
        rig.manifests.put("class", gw.CLASS)
        for node in rig.nodes:
            start(node)
        settled(rig, rig.web)
        yield rig


def last_state(node):
    """Where the node keeps what it knew last."""
    return f"{node.rig.directory}/last-{node.name}"


def start(node):
    """Starts narud."""
    node.start_narud("--last-state", last_state(node))


def problems(node):
    """What the node says is wrong."""
    return node.naructl_json("status")["problems"]


def source(node):
    """What the node says of the API server."""
    return node.naructl_json("status")["sources"][0]


def rereads(node):
    """How often the node read a kind anew."""
    return sum(sum(kind["rereads"].values()) for kind in source(node)["kinds"])


def names(cluster, family):
    """Who answers for the service, to a client outside."""
    front = cluster.web.front("LoadBalancer", family)
    return set(cluster.client.ask(*front, n=30)["by"])


def heard(cluster, *expected):
    """Waits until these answer for the service, and nobody else."""
    for family in FAMILIES:
        eventually(lambda f=family: names(cluster, f) == set(expected), seconds=90)


def all_three(cluster):
    """Makes the service whole."""
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web))
    heard(cluster, "web1", "web2", "web3")


def test_changes_of_objects_arrive_under_load(cluster, family):
    """A pod leaves and comes back: not one request fails."""
    front = cluster.web.front("LoadBalancer", family)
    load = cluster.client.start("who", *front, "-c", 2, "-i", 1000).wait_up()
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web[:2]))
    heard(cluster, "web1", "web2")
    all_three(cluster)
    counts = load.stop()
    assert counts["failed"] == 0, counts
    assert set(counts["by"]) == {"web1", "web2", "web3"}
    assert not problems(cluster.nodes[0])


def test_a_service_that_is_deleted_is_gone(cluster, family):
    """And one of the same name is another one."""
    extra = cluster.service("extra", cluster.pods_of_web[0])
    host = cluster.nodes[0].host
    eventually(lambda: answers(host, extra, family))
    extra.remove()
    eventually(lambda: not answers(host, extra, family))
    extra.set(cluster.endpoint(cluster.pods_of_web[1]))
    extra.write()
    eventually(lambda: answers(host, extra, family))
    extra.remove()


def test_an_outage_is_not_noticed(cluster):
    """The server is killed, objects change meanwhile, it comes back: nothing is lost, and nothing
    is read anew."""
    api = cluster.manifests
    before = rereads(cluster.nodes[0])
    front = cluster.web.front("LoadBalancer", 4)
    load = cluster.client.start("who", *front, "-c", 2, "-i", 1000).wait_up()
    api.stop()
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web[1:]))
    eventually(lambda: any(k.get("watch_age_ms") is None for k in source(cluster.nodes[0])["kinds"]
                           if k["version"]))
    assert names(cluster, 4) == {"web1", "web2", "web3"}
    cluster.start_api()
    heard(cluster, "web2", "web3")
    all_three(cluster)
    assert load.stop()["failed"] == 0
    assert rereads(cluster.nodes[0]) == before


def test_forgotten_changes_are_read_anew(cluster):
    """The server comes back without its history."""
    api = cluster.manifests
    before = rereads(cluster.nodes[0])
    api.stop()
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web[1:]))
    api.compact()
    cluster.start_api()
    heard(cluster, "web2", "web3")
    assert rereads(cluster.nodes[0]) > before
    all_three(cluster)


def html(stream):
    """What a proxy in between may say."""
    stream.answer(200, b"<html><body>Please log in</body></html>", content_type="text/html")


def nothing(stream):
    """A whole list of no objects, but for that it does not say of when it is."""
    stream.answer(200, b'{"kind":"ServiceList","metadata":{},"items":[]}',
                  content_type="application/json")


def half(stream):
    """A list whose end does not come."""
    stream.start(200, content_type="application/json")
    stream.write(b'{"kind":"ServiceList","metadata":{"resourceVersion":"99999"},"items":[')
    stream.connection.close()


SICK = (401, 403, 404, 410, 429, 500, 503, html, nothing, half)


def test_what_a_sick_server_says_takes_nothing_away(cluster):
    """Every list of every node is answered wrongly several times, each time in another way."""
    api = cluster.manifests
    turns = itertools.cycle(SICK)
    given = []

    def answer(stream):
        given.append(next(turns))
        if callable(given[-1]):
            given[-1](stream)
        else:
            api.refuse(stream, given[-1])

    api.fail("/api", answer)
    eventually(lambda: len(given) >= 8 * len(SICK), seconds=90)
    for family in FAMILIES:
        assert names(cluster, family) == {"web1", "web2", "web3"}
    api.heal()
    cluster.web.set(cluster.endpoint(cluster.pods_of_web[0]))
    heard(cluster, "web1")
    all_three(cluster)


CREDENTIAL = """#!/bin/sh
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
       "status": {"token": "%s"}}'
"""


def test_people_look_at_a_cluster(cluster):
    """narud --check tells what would be served of an API server's objects, with the credentials of
    the program that a kubeconfig names. Nothing is written."""
    api = cluster.manifests
    program = f"{cluster.directory}/credential"
    with open(program, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o700)) as out:
        out.write(CREDENTIAL % api.token)
    path = api.kubeconfig("typed")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                                           "command": program, "interactiveMode": "Never"}}
    with open(path, "w", encoding="utf-8") as out:
        json.dump(config, out)
    argv = [built("narud"), "--kubeconfig", path, "--node-name", "node1", "--check"]
    told = cluster.client.run([*argv, "--print-plan"])
    assert "service shop/web:" in told.stdout and "GatewayClass naru" in told.stdout
    assert api.token not in told.stdout + told.stderr
    api.put("wrong", gw.gateway("wrong", [gw.listener("https", 443, "HTTPS", secret="none")]))
    told = cluster.client.run(argv, check=False)
    api.remove("wrong")
    assert told.returncode == 1 and "errors 1," in told.stdout and "Secret none" in told.stderr


def test_credentials_are_renewed_while_it_runs(cluster):
    """A volume gets another authority and another token, as from the kubelet. Watches go on over
    the connections that there are; the next ones go by the new authority and show the new token,
    without that the server has to refuse the old one first. What is broken changes nothing."""
    api = cluster.manifests
    node = cluster.nodes[0]
    before = rereads(node)
    api.renew()
    api.project()
    cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web[:2]))
    heard(cluster, "web1", "web2")
    for each in cluster.nodes:
        eventually(lambda n=each: set(n.host.ask(*cluster.web.front("ClusterIP", 4), n=20)["by"]) ==
                   {"web1", "web2"})
    api.volume.write({"ca.crt": b"", "token": b""})
    for each in cluster.nodes:
        eventually(lambda n=each: "what was read before stays in force" in n.log())
    api.believed = {api.token}
    api.server.cut()
    all_three(cluster)
    assert api.refused == 0
    assert rereads(node) == before
    api.project()


def test_secrets_are_asked_for_by_name(cluster):
    """Never all of them, and none that nobody names."""
    api = cluster.manifests
    chain, key = gw.make_certificate(cluster.directory, "shop", "shop.example.com")
    api.put("tls", gw.secret_of("shop-tls", chain, key), gw.secret_of("other", chain, key))
    listener = gw.listener("https", 443, "HTTPS", secret="shop-tls")
    api.put("edge", gw.gateway("edge", [listener]))
    named = "/secrets?fieldSelector=metadata.name%3D"
    eventually(lambda: api.asked(f"{named}shop-tls"))
    assert not [path for path in api.asked_for("secrets") if named not in path]
    assert not api.asked(f"{named}other")
    api.remove("edge")
    api.remove("tls")


def test_a_restart_without_a_server_keeps_what_is_pinned(cluster):
    """And what was known last is served after a while, also to who comes new."""
    api = cluster.manifests
    node = cluster.nodes[0]
    # The file is written a while after the last change, or at the end.
    node.stop_narud()
    api.stop()
    assert os.path.exists(last_state(node))
    start(node)
    # With a slow start the while is over when narud answers for the first time.
    assert "the objects of the cluster are not known yet" in problems(node) or source(node)["stale"]
    assert names(cluster, 4) == {"web1", "web2", "web3"}
    eventually(lambda: source(node)["stale"], seconds=30)
    assert names(cluster, 4) == {"web1", "web2", "web3"}
    cluster.start_api()
    eventually(lambda: source(node)["synced"] and not source(node)["stale"], seconds=90)
    all_three(cluster)
    assert not any("not known" in problem for problem in problems(node))


def test_the_next_narud_takes_over(cluster):
    """One that starts beside another has the API server's objects before it asks that one to go."""
    node = cluster.nodes[0]
    old = node.narud
    serves(node, begin(node, "--take-over", "on", "--last-state", last_state(node)))
    assert old.wait(timeout=20) == 0
    settled(cluster, cluster.web)


def test_a_learned_server_stands_in_after_a_restart(cluster):
    """The one that the kubeconfig file names is gone for good. Another one of the cluster, known by
    the endpoints of the Service kubernetes only, was remembered."""
    api = cluster.manifests
    node = cluster.nodes[0]
    other = api.another()
    with entered(cluster.client.netns):
        other.listen(api.address)
    try:
        api.put("kubernetes", {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "kubernetes", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "ports": [{"name": "https", "port": other.port}],
            "endpoints": [{"addresses": [api.address], "conditions": {"ready": True}}]})
        eventually(lambda: os.path.exists(f"{last_state(node)}.servers"))
        assert source(node)["server"] == f"{api.address}:{api.server.port}"
        node.stop_narud(signal.SIGKILL)
        api.stop()
        start(node)
        eventually(lambda: source(node)["synced"] and not source(node)["stale"], seconds=30)
        assert source(node)["server"] == f"{api.address}:{other.port}"
        cluster.web.set(*(cluster.endpoint(pod) for pod in cluster.pods_of_web[1:]))
        heard(cluster, "web2", "web3")
    finally:
        cluster.start_api()
        other.close()
    all_three(cluster)
    eventually(lambda: source(node)["server"] == f"{api.address}:{api.server.port}")
    api.remove("kubernetes")


def test_no_key_is_on_the_disk(cluster):
    """In the file of what was known last."""
    node = cluster.nodes[0]
    api = cluster.manifests
    chain, key = gw.make_certificate(cluster.directory, "hidden", "hidden.example.com")
    api.put("tls", gw.secret_of("hidden-tls", chain, key))
    api.put("edge", gw.gateway("edge", [gw.listener("https", 443, "HTTPS", secret="hidden-tls")]))
    eventually(lambda: node.naructl_json("status")["sources"][0]["objects"]["Secret"] == 1)
    node.stop_narud(signal.SIGTERM)
    with open(last_state(node), "rb") as file:
        last = file.read()
    with open(key, "rb") as file:
        secret = file.read().splitlines()[1]
    assert b"edge" in last and secret not in last and b"PRIVATE" not in last
    start(node)
    api.remove("edge")
    api.remove("tls")
    settled(cluster, cluster.web)


def ask(node, path, port):
    """Status and body of what narud answers on the node."""
    with entered(node.netns):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
    return answer


def probe(node, path):
    """Status of what the kubelet or a load balancer asks the node."""
    return ask(node, path, 10256)[0]


def test_old_state_is_unready_and_served(cluster):
    """Without word from the API server for --stale-after seconds narud's pod is unready and its
    status says why. Nothing else changes: load balancers and the kubelet's liveness probe see a
    node that is fine, the service answers. With the next word it is over."""
    node = cluster.nodes[0]
    node.stop_narud()
    node.start_narud("--last-state", last_state(node), "--stale-after", "1")
    eventually(lambda: probe(node, "/readyz") == 200)
    cluster.manifests.stop()
    eventually(lambda: probe(node, "/readyz") == 503)
    assert [p for p in problems(node) if "what is served is old" in p]
    assert probe(node, "/healthz") == probe(node, "/livez") == 200
    for family in FAMILIES:
        assert names(cluster, family) == {"web1", "web2", "web3"}
    cluster.start_api()
    eventually(lambda: probe(node, "/readyz") == 200)
    eventually(lambda: not problems(node))
    node.stop_narud()
    start(node)


def failed_writes(node):
    """How often the state file could not be written."""
    return int(re.search(r"^naru_state_file_failures_total (\d+)$", ask(node, "/metrics", 10249)[1],
                         re.MULTILINE)[1])


def test_a_disk_that_cannot_be_written_is_told(cluster):
    """By a metric and a line in the log; what is served is not touched by it."""
    node = cluster.nodes[0]
    node.stop_narud()
    os.mkdir(f"{last_state(node)}.tmp")
    node.start_narud("--last-state", last_state(node), "--admin", "127.0.0.1:10249")
    eventually(lambda: failed_writes(node) == 1)
    assert node.log().count("cannot be kept in") == 1
    assert names(cluster, 4) == {"web1", "web2", "web3"}
    os.rmdir(f"{last_state(node)}.tmp")
    node.stop_narud()
    start(node)
