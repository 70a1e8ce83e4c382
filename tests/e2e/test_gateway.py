# SPDX-License-Identifier: Apache-2.0
"""A Gateway's addresses: reached from everywhere, closed beyond its ports; what its routes do."""
import collections
import json
import os
import socket

import gateway as gw
import pytest
from edge import HOST, VIP, edge_made, statuses
from proc import eventually


@pytest.fixture(scope="module", name="edge", params=("off", "native"), ids=("tc", "xdp"))
def fixture_edge(request):
    """The rig with narud on both nodes."""
    with edge_made(xdp=request.param) as edge:
        yield edge


@pytest.fixture(autouse=True)
def plain_route(edge):
    """Every test begins with one route for everything to v1."""
    edge.put_gateway()
    edge.put_route(gw.rule(edge.v1))
    for family in VIP:
        edge.settled(family=family)


def places(edge):
    """Every kind of client."""
    return {"outside": edge.rig.client, "host": edge.node.host, "pod": edge.caller,
            "pod-tc": edge.caller.outside}


@pytest.mark.parametrize("kind", ("outside", "host", "pod", "pod-tc"))
def test_reached(edge, kind, family):
    """Each kind of client reaches the Gateway in both families; both pods of v1 answer in turn."""
    counts = edge.ask("-n", 20, "-c", 2, place=places(edge)[kind], family=family)
    assert counts["failed"] == 0 and counts["statuses"] == {"200": 20}, counts


def test_client_address(edge, family):
    """The backend is told the address of the client as it was on the wire."""
    fields = dict(edge.told(family=family)["headers"])
    assert fields["x-forwarded-for"] == edge.rig.client.addr[family]
    assert fields["x-forwarded-proto"] == "http"


def test_other_ports_are_closed(edge, family):
    """A host's server on every address is not reached by a Gateway's address, by TCP nor UDP."""
    server = edge.node.host.serve(2222, "sshd")
    assert edge.rig.client.ask(edge.node.addr[family], 2222)["ok"] == 1
    counts = edge.rig.client.ask(VIP[family], 2222, "-t", 2000)
    assert counts["ok"] == 0, counts
    counts = edge.rig.client.ask(VIP[family], 2222, "-u", "-t", 500)
    assert counts["ok"] == 0, counts
    server.kill()
    server.wait()
    [dropped] = edge.node.dump("counters")
    assert sum(cpu["value"]["vip_port_closed"] for cpu in dropped["values"]) >= 2


def test_hosts(edge, family):
    """Listeners and routes by host: exact before wildcard, unknown ones 404."""
    edge.put_gateway(gw.listener("exact", 80, hostname=HOST),
                     gw.listener("wild", 80, hostname="*.example.com"))
    edge.put("hosts.yaml",
             gw.route("exact", gw.rule(edge.v1), section="exact"),
             gw.route("wild", gw.rule(edge.v2), section="wild", hostnames=["*.example.com"]))
    edge.rig.manifests.remove("route.yaml")
    try:
        edge.settled("--host", "other.example.com", family=family)
        assert edge.ask("--host", HOST, "-n", 5, family=family)["by"] == {"v1": 5}
        assert edge.ask("--host", "a.b.example.com", "-n", 5, family=family)["by"] == {"v2": 5}
        for host in ("example.com", "example.org"):
            assert statuses(edge.ask("--host", host, family=family)) == {404}, host
    finally:
        edge.rig.manifests.remove("hosts.yaml")


def test_several_gateways(edge, family):
    """Two Gateways at addresses of their own do not mix."""
    other = {4: "203.0.113.201", 6: "2001:db8:1::c9"}
    edge.put_gateway(addresses=other.values(), name="second")
    edge.put_route(gw.rule(edge.v2), name="second-route", parent="second")
    try:
        eventually(lambda: edge.rig.client.ask_web(other[family], 80, "-t", 1)["by"] == {"v2": 1})
        assert edge.ask("-n", 5, family=family)["by"] == {"v1": 5}
    finally:
        for name in ("second.yaml", "second-route.yaml"):
            edge.rig.manifests.remove(name)
    eventually(lambda: edge.rig.client.ask_web(other[family], 80, "-t", 1)["ok"] == 0)


def test_canary(edge):
    """Shares are exact, before and after the weights are edited."""
    for weight, other in ((90, 10), (50, 50), (0, 1)):
        edge.put_route(gw.rule(gw.backend(edge.v1, weight), gw.backend(edge.v2, other)))
        share = other * 100 // (weight + other)
        edge.settled()
        assert abs(edge.ask("-n", 100, "-k")["by"].get("v2", 0) - share) <= 1
        counts = edge.ask("-n", 400, "-c", 2, "-k")
        assert counts["failed"] == 0
        assert abs(counts["by"].get("v2", 0) - 4 * share) <= 4, counts


def test_matches(edge):
    """Path, method, header and query matches in the specification's precedence."""
    def header(name, value, kind="Exact"):
        return {"headers": [{"type": kind, "name": name, "value": value}]}

    edge.put_route(
        gw.rule(edge.v1, path="/"),
        gw.rule(edge.v2, path="/catalog"),
        gw.rule(edge.v1, path="/catalog/v1", kind="Exact"),
        gw.rule(edge.v1, path="/catalog", match=header("X-Canary", "never")),
        gw.rule(edge.v2, match=header("x-pattern", "a+b", "RegularExpression")),
        gw.rule(edge.v2, match={"method": "DELETE"}),
        gw.rule(edge.v2, match={"queryParams": [{"name": "arm", "value": "two words"}]}),
        gw.rule(edge.v2, path="/item/[0-9]+", kind="RegularExpression"))
    edge.settled("--path", "/catalog")
    for options, name in ((("--path", "/"), "v1"), (("--path", "/catalog/x"), "v2"),
                          (("--path", "/catalogue"), "v1"), (("--path", "/catalog/v1"), "v1"),
                          (("--path", "/catalog/v1/"), "v2"),
                          (("--path", "/catalog", "-H", "x-canary: never"), "v1"),
                          (("-H", "x-pattern: aaab"), "v2"), (("-H", "x-pattern: aaabc"), "v1"),
                          (("--method", "DELETE"), "v2"), (("--path", "/?arm=two%20words"), "v2"),
                          (("--path", "/?arm=two+words"), "v1"), (("--path", "/item/42"), "v2"),
                          (("--path", "/item/42b"), "v1"), (("--path", "/%63atalog"), "v2"),
                          (("--path", "/x/../catalog"), "v2"), (("--path", "//catalog"), "v2")):
        assert edge.ask(*options)["by"] == {name: 1}, options


def test_matches_of_several_conditions(edge):
    """All conditions of a match must hold; those of several matches are alternatives."""
    match = {"method": "GET", "headers": [{"name": "A", "value": "1"},
                                          {"type": "RegularExpression", "name": "b",
                                           "value": "x.*"}],
             "queryParams": [{"type": "RegularExpression", "name": "q", "value": "z+"}]}
    both = gw.rule(edge.v2, match=match)
    both["matches"].append({"method": "DELETE"})
    edge.put_route(both, gw.rule(edge.v1))
    all_of_it = ("-H", "a: 1", "-H", "b: xyz", "--path", "/?q=zz")
    edge.settled()
    for options, name in ((all_of_it, "v2"), (("--method", "DELETE"), "v2"),
                          (("-H", "a: 1", "--path", "/?q=z"), "v1"),
                          (("-H", "b: x", "--path", "/?q=z"), "v1"),
                          (("-H", "a: 1", "-H", "b: x", "--path", "/?q=zy"), "v1"),
                          ((*all_of_it, "--method", "PUT"), "v1"),
                          (("-H", "a: 0", *all_of_it), "v1")):
        assert edge.ask(*options)["by"] == {name: 1}, options


def test_share_of_a_broken_backend(edge):
    """The share of a reference that leads nowhere is answered 500; the rest is served."""
    edge.put_route(gw.rule(gw.backend(edge.v1, 3), gw.backend("absent", 1)))
    eventually(lambda: 500 in statuses(edge.ask("-n", 8, "-k")))
    edge.settled()
    counts = edge.ask("-n", 400, "-c", 2, "-k")
    assert counts["failed"] == 0 and abs(counts["statuses"]["500"] - 100) <= 2, counts
    assert counts["by"] == {"v1": counts["statuses"]["200"]}, counts
    [found] = edge.node.naructl_json("status")["diagnostics"]
    assert found["object"] == "HTTPRoute shop/route", found
    assert found["field"] == "spec.rules[0].backendRefs[1]" and "absent" in found["reason"], found


def test_listeners_are_isolated(edge):
    """A request for a host that a more specific listener has is never served by another's route."""
    hosts = {"any": None, "wild": "*.example.com", "wilder": "*.foo.example.com",
             "exact": "abc.foo.example.com"}
    edge.put_gateway(*(gw.listener(name, 80, hostname=host) for name, host in hosts.items()))
    edge.put("isolated.yaml", *(gw.route(name, gw.rule(edge.v1, path=f"/{name}"), section=name)
                                for name in hosts))
    edge.rig.manifests.remove("route.yaml")
    try:
        edge.settled("--host", "example.org", "--path", "/any")
        for host, own in (("example.org", "any"), ("a.example.com", "wild"),
                          ("a.foo.example.com", "wilder"), ("abc.foo.example.com", "exact")):
            taken = [name for name in hosts if edge.ask("--host", host, "--path", f"/{name}")["ok"]]
            assert taken == [own], host
    finally:
        edge.rig.manifests.remove("isolated.yaml")


def test_attached_by_name_and_port(edge):
    """A route is served where its parentRef says, and nowhere else."""
    def at(name, service, **where):
        made = gw.route(name, gw.rule(service))
        made["spec"]["parentRefs"][0].update(where)
        return made

    edge.put_gateway(gw.listener("one", 80), gw.listener("two", 8080), gw.listener("three", 9090))
    edge.put("attached.yaml", at("by-name", edge.v1, sectionName="one"),
             at("by-port", edge.v2, port=8080))
    edge.rig.manifests.remove("route.yaml")
    try:
        edge.settled(port=8080)
        assert edge.ask("-n", 5)["by"] == {"v1": 5}
        assert edge.ask("-n", 5, port=8080)["by"] == {"v2": 5}
        assert statuses(edge.ask(port=9090)) == {404}
    finally:
        edge.rig.manifests.remove("attached.yaml")


def test_permit_of_another_namespace(edge):
    """A backend of another namespace is reached while a ReferenceGrant there allows it."""
    pod = edge.pods["v2"][0]
    edge.put("other.yaml",
             {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "far",
                                                                  "namespace": "other"},
              "spec": {"clusterIP": "None", "ports": [{"port": 80, "targetPort": 8080}]}},
             {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
              "metadata": {"name": "far", "namespace": "other",
                           "labels": {"kubernetes.io/service-name": "far"}},
              "ports": [{"port": 8080}], "endpoints": [{"addresses": [pod.addr[4]]}]})
    grant = {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
             "metadata": {"name": "shop", "namespace": "other"},
             "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
                                "namespace": "shop"}],
                      "to": [{"group": "", "kind": "Service", "name": "far"}]}}
    edge.put_route(gw.rule({**gw.backend("far"), "namespace": "other"}))
    try:
        edge.settled(status=500)
        [found] = edge.node.naructl_json("status")["diagnostics"]
        assert "ReferenceGrant" in found["reason"], found
        edge.put("grant.yaml", grant)
        edge.settled()
        assert edge.ask("-n", 5)["by"] == {"v2": 5}
        edge.rig.manifests.remove("grant.yaml")
        edge.settled(status=500)
    finally:
        edge.put_route(gw.rule(edge.v1))
        edge.rig.manifests.remove("other.yaml")


def test_filters(edge):
    """Header changes, rewrites and redirects; the path that is matched is the path that is sent."""
    edge.put_route(
        gw.rule(edge.v1, path="/changed", filters=[
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {
                "set": [{"name": "X-Edge", "value": "naru"}], "remove": ["x-debug"],
                "add": [{"name": "x-list", "value": "two"}]}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {
                "add": [{"name": "x-served-by", "value": "naru"}], "remove": ["x-name"]}}]),
        gw.rule(edge.v1, path="/old", filters=[{"type": "URLRewrite", "urlRewrite": {
            "hostname": "inner.example.com",
            "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}}}]),
        gw.rule(path="/gone", filters=[{"type": "RequestRedirect", "requestRedirect": {
            "scheme": "https", "statusCode": 301,
            "path": {"type": "ReplaceFullPath", "replaceFullPath": "/here"}}}]))
    edge.settled("--path", "/changed")
    answer = edge.answer("--path", "/changed/./a//b?q=1", "-H", "X-Debug: 1", "-H", "x-list: one")
    fields = json.loads(answer["body"])
    assert fields["target"] == "/changed/a/b?q=1"
    told = collections.defaultdict(list)
    for name, value in fields["headers"]:
        told[name].append(value)
    assert told["x-edge"] == ["naru"] and "x-debug" not in told
    assert ", ".join(told["x-list"]) == "one, two"
    assert answer["headers"]["x-served-by"] == "naru" and "x-name" not in answer["headers"]
    asked = edge.told("--path", "/old/part?x=%2F")
    assert asked["target"] == "/new/part?x=%2F"
    assert dict(asked["headers"])["host"] == "inner.example.com"
    answer = edge.answer("--path", "/gone/with?q=1")
    assert answer["status"] == 301
    assert answer["headers"]["location"] == f"https://{HOST}/here?q=1"


def test_filters_of_a_backend(edge):
    """What a backend changes comes after what its rule does, and is done for its share alone."""
    def change(**headers):
        sets = [{"name": name, "value": value} for name, value in headers.items()]
        return [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": sets}},
                {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": sets}}]

    canary = gw.backend(edge.v2) | {"filters": change(track="canary")}
    edge.put_route(gw.rule(gw.backend(edge.v1), canary, path="/split",
                           filters=change(track="stable", edge="naru")))
    edge.settled("--path", "/split")
    seen = set()
    # Each thread of the proxy takes them by turns.
    for _ in range(4 * len(os.sched_getaffinity(0))):
        answer = edge.answer("--path", "/split")
        told = dict(json.loads(answer["body"])["headers"])
        seen.add((told["track"], answer["headers"]["track"], told["edge"]))
    assert seen == {("stable", "stable", "naru"), ("canary", "canary", "naru")}


def test_broken_references(edge):
    """A missing backend answers 500 for its share, a set without endpoints 503; the rest is served,
    and status says what is wrong with which field."""
    edge.put_route(gw.rule(gw.backend("no-such"), path="/missing"),
                   gw.rule(edge.v2, path="/empty"), gw.rule(edge.v1, path="/fine"))
    edge.v2.set()
    try:
        edge.settled("--path", "/empty", status=503)
        assert statuses(edge.ask("--path", "/missing")) == {500}
        assert statuses(edge.ask("--path", "/fine")) == {200}
        assert statuses(edge.ask("--path", "/nowhere")) == {404}
        found = [d for d in edge.node.naructl_json("status")["diagnostics"]
                 if d["field"].startswith("spec.rules[0].backendRefs[0]")]
        assert len(found) == 1 and "no-such" in found[0]["reason"], found
    finally:
        edge.v2.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v2"]))


def test_headless_backend(edge):
    """A headless Service is a valid backend."""
    edge.put("headless.yaml", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": "shop"},
        "spec": {"clusterIP": "None", "ports": [{"name": "web", "port": 80, "targetPort": 8080}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
         "metadata": {"name": "bare", "namespace": "shop",
                      "labels": {"kubernetes.io/service-name": "bare"}},
         "addressType": "IPv4", "ports": [{"name": "web", "protocol": "TCP", "port": 8080}],
         "endpoints": [{"addresses": [edge.pods["v2"][0].addr[4]],
                        "conditions": {"ready": True}}]})
    edge.put_route(gw.rule(gw.backend("bare")))
    try:
        eventually(lambda: edge.ask()["by"] == {"v2": 1})
    finally:
        edge.put_route(gw.rule(edge.v1))
        edge.rig.manifests.remove("headless.yaml")


def test_changes_fail_no_request(edge):
    """Routes, endpoints and weights change a hundred times under load: no request fails, no kept
    connection is closed."""
    loads = [edge.load("-c", 2, "-k", "-i", 1, family=family) for family in VIP]
    for turn in range(50):
        weight = turn * 7 % 100
        edge.put_route(gw.rule(gw.backend(edge.v1, weight), gw.backend(edge.v2, 100 - weight)),
                       gw.rule(edge.v2, path=f"/turn-{turn}"))
        pods = edge.pods["v1"][turn % 2:][:1 + turn % 2]
        edge.v1.set(*(edge.rig.endpoint(pod) for pod in pods))
    edge.settled("--path", "/turn-49")
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0 and counts["reopened"] == 0, counts
        assert set(counts["statuses"]) == {"200"} and counts["connections"] == 2, counts
    edge.v1.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v1"]))


def test_naked_bytes(edge, family):
    """What is no HTTP is refused, and the connection closed."""
    from proc import entered  # pylint: disable=import-outside-toplevel
    with entered(edge.rig.client.netns):
        for raw in (b"\r\n\r\n\0", b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
                    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n"
                    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"):
            with socket.create_connection((VIP[family], 80), timeout=10) as sock:
                sock.sendall(raw)
                answer = b""
                while piece := sock.recv(65536):
                    answer += piece
                assert answer.startswith(b"HTTP/1.1 400 "), (raw, answer)
