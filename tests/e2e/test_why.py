# SPDX-License-Identifier: Apache-2.0
"""naructl why says what a packet then does, and changes nothing."""
import itertools
import json

import gateway as gw
import pytest
from conftest import answers, made, settled
from proc import built, eventually, run

# Maps whose content a look-up can show; the others are a ring and sockets.
MAPS = ("svc", "svc_name", "endpoint", "node_addr", "flow4", "flow6", "table4", "table6", "hops",
        "source_range", "affinity",
        "lut", "ep_list", "filter", "state", "svc_drop", "svc_stat", "counters", "device", "meta",
        "steer", "steer_vip", "steer_workers")
ports = itertools.count(31000)  # no NodePort, and none of the kernel's choice


@pytest.fixture(scope="module", params=("off", "native"), ids=("tc", "xdp"))
def cluster(request):
    """Two nodes; services with many endpoints, one here, one there, the client itself, none, none
    here by policy."""
    with made(xdp=request.param) as rig:
        first, second = rig.nodes
        caller, local, remote = first.pod("caller"), first.pod("local"), second.pod("remote")
        for pod in (caller, local, remote):
            pod.serve(8080)
        rig.places = {"outside": rig.client, "pod": caller.outside}
        rig.pods = {pod.addr[f]: pod.name for pod in (caller, local, remote) for f in (4, 6)}
        rig.service("many", local, remote, caller, kind="LoadBalancer")
        rig.service("local", local, kind="LoadBalancer")
        rig.service("remote", remote, kind="LoadBalancer")
        rig.service("self", caller, kind="LoadBalancer")
        rig.service("empty", kind="LoadBalancer")
        rig.service("elsewhere", remote, kind="LoadBalancer", externalTrafficPolicy="Local")
        meshed = rig.service("meshed", local, target=8081)
        local.serve_web(8081)
        rig.manifests.put("mesh.yaml", gw.CLASS,
                          gw.route("mesh", gw.rule(meshed), service=meshed))
        settled(rig, *(rig.services[name] for name in ("many", "local", "remote", "self")))
        eventually(lambda: answers(caller.outside, rig.services["remote"], 4))
        rig.hook = "xdp" if request.param == "native" else "tc"
        yield rig


def end(addr, port):
    """An address with a port."""
    return f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"


def why(node, source, target, *args):
    """What naructl why says, asked in the node's network namespace as in production."""
    argv = [built("naructl"), "--bpffs", node.bpffs, "why", source, target, *args, "-o", "json"]
    done = node.host.run(argv, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CASES = [(client, service, kind) for client in ("outside", "pod") for service, kind in (
    ("many", "ClusterIP"), ("many", "NodePort"), ("many", "LoadBalancer"), ("local", "ClusterIP"),
    ("remote", "NodePort"), ("self", "ClusterIP"), ("empty", "NodePort"),
    ("elsewhere", "LoadBalancer"))]


@pytest.mark.parametrize("options,proto", (((), "tcp"), (("-u",), "udp")), ids=("tcp", "udp"))
@pytest.mark.parametrize("client,service,kind", CASES, ids=("-".join(c) for c in CASES))
def test_why_is_what_happens(cluster, client, service, kind, family, options, proto):
    """Endpoint and verdict that are told are those of the real packet from the same port."""
    node, place = cluster.nodes[0], cluster.places[client]
    addr, port = cluster.services[service].front(kind, family, node.addr)
    source = next(ports)
    told = why(node, end(place.addr[family], source), f"{end(addr, port)}/{proto}")
    patience = 700 if told["verdict"] == "dropped" else 3000
    counts = place.ask(addr, port, *options, "-t", patience, "-s", place.addr[family], "-p", source)
    assert told["service"].startswith(f"shop/{service}:")
    if counts["failed"]:
        wanted = {"timeout": "dropped", "ECONNREFUSED": "refused"}
        assert [told["verdict"]] == [wanted[error] for error in counts["errors"]]
        assert told["reason"] == ("no_local_endpoint" if service == "elsewhere" else "rejected")
        return
    assert told["verdict"] in ("passed", "sent")
    endpoint = told["endpoint"].rpartition(":")[0].strip("[]")
    assert counts["by"] == {cluster.pods[endpoint]: 1}
    if client == "outside" and cluster.pods[endpoint] == "remote":
        assert told["hook"] == cluster.hook
        assert told["source"].startswith(end(node.addr[family], ""))


def test_why_of_a_known_flow(cluster, family):
    """A second packet of a flow keeps its endpoint, and why says that it is known."""
    node = cluster.nodes[0]
    addr, port = cluster.services["remote"].front("ClusterIP", family)
    source = next(ports)
    held = cluster.client.start("hold", addr, port, "-u", "-i", 500, "-s",
                                cluster.client.addr[family], "-p", source).wait_up()
    told = why(node, end(cluster.client.addr[family], source), f"{end(addr, port)}/udp")
    assert held.stop()["failed"] == 0
    assert any(s["step"] == "flow" and s["text"].startswith("known") for s in told["steps"])
    assert told["endpoint"].startswith(end(cluster.nodes[1].pods["remote"].addr[family], ""))


def test_why_of_what_is_not_ours(cluster, family):
    """A packet to nobody's port, and one past the node, are passed on."""
    node = cluster.nodes[0]
    client = cluster.client.addr[family]
    told = why(node, client, f"{end(cluster.nodes[1].pods['remote'].addr[family], 9)}/tcp")
    assert told["verdict"] == "passed" and "service" not in told
    told = why(node, client, f"{end(node.addr[family], 4242)}/tcp")
    assert told["verdict"] == "passed"


def test_why_of_sctp(cluster, family):
    """SCTP packets run as well; no service of the rig has it."""
    addr, port = cluster.services["remote"].front("ClusterIP", family)
    told = why(cluster.nodes[0], cluster.client.addr[family], f"{end(addr, port)}/sctp")
    assert told["verdict"] in ("passed", "refused")


def test_why_from(cluster, family):
    """--from says where the packet comes in, whatever the route to its source is."""
    node = cluster.nodes[0]
    addr, port = cluster.services["elsewhere"].front("LoadBalancer", family)
    outside = why(node, cluster.client.addr[family], end(addr, port))
    assert (outside["device"], outside["verdict"]) == ("eth0", "dropped")
    for where in ("pod", "vethlocal"):
        inside = why(node, cluster.client.addr[family], end(addr, port), "--from", where)
        assert inside["device"].startswith("veth") and inside["verdict"] == "passed"


@pytest.mark.parametrize("service,kind", (("local", "ClusterIP"), ("remote", "NodePort"),
                                          ("many", "LoadBalancer"), ("empty", "ClusterIP")))
def test_why_of_a_socket(cluster, service, kind, family):
    """A source of the node itself is a socket of it: what is told is what it gets."""
    node = cluster.nodes[0]
    addr, port = cluster.services[service].front(kind, family, node.addr)
    told = why(node, node.addr[family], end(addr, port))
    counts = node.host.ask(addr, port)
    assert told["hook"] == "socket" and told["service"].startswith(f"shop/{service}:")
    if service == "empty":
        assert (told["verdict"], told["reason"]) == ("refused", "sockets_refused")
        assert counts["errors"] == {"ECONNREFUSED": 1}
        return
    assert told["verdict"] == "translated"
    named = cluster.pods[told["endpoint"].rpartition(":")[0].strip("[]")]
    if service == "many":
        assert any("any of them" in s["text"] for s in told["steps"])
    else:
        assert counts["by"] == {named: 1}
    away = why(node, cluster.client.addr[family], end(addr, port), "--from", "node")
    assert away["hook"] == "socket"


def test_why_of_a_gateway(cluster, family):
    """A Service with a route is the proxy's; a port of its address that nothing has is refused."""
    node, place = cluster.nodes[0], cluster.places["pod"]
    meshed = cluster.services["meshed"]
    addr, port = meshed.front("ClusterIP", family)
    client = place.addr[family]
    eventually(lambda: place.ask_web(addr, port, "-t", 3)["by"] == {"local": 1})
    told = why(node, client, end(addr, port))
    assert told["verdict"] == "proxy" and "endpoint" not in told
    told = why(node, client, end(addr, 4242))
    assert told["verdict"] == "refused"
    assert place.ask(addr, 4242)["errors"] == {"ECONNREFUSED": 1}


def dump(node):
    """The bytes of every map that can be read."""
    return {name: run(["bpftool", "map", "dump", "pinned", node.pinned(name), "-j"]).stdout
            for name in MAPS}


def test_why_changes_nothing(cluster):
    """Not a byte of any pinned map, whatever is asked; and no pin is made."""
    node = cluster.nodes[0]
    pins = run(["find", f"{node.bpffs}/naru"]).stdout

    def ask_everything():
        for family, service in itertools.product((4, 6), ("many", "self", "empty", "elsewhere")):
            for place in cluster.places.values():
                for proto in ("tcp", "udp"):
                    addr, port = cluster.services[service].front("ClusterIP", family)
                    why(node, end(place.addr[family], next(ports)), f"{end(addr, port)}/{proto}")
            why(node, node.addr[family], end(*cluster.services[service].front("ClusterIP",
                                                                              family)))

    # narud itself forgets flows that are over.
    node.stop_narud()
    before = dump(node)
    ask_everything()
    after = dump(node)
    node.start_narud()
    assert [name for name in MAPS if before[name] != after[name]] == []
    assert run(["find", f"{node.bpffs}/naru"]).stdout == pins


@pytest.mark.parametrize("args", (("10.0.0.1", "10.0.0.2"), ("10.0.0.1", "fd00::1"),
                                  ("10.0.0.1", "[fd00::1]:80"), ("10.0.0.1", "10.0.0.2:80/icmp"),
                                  ("host", "10.0.0.2:80"), ("10.0.0.1",)))
def test_why_refuses(cluster, args):
    """Words that are not understood are exit status 2."""
    done = cluster.nodes[0].naructl("why", *args, check=False)
    assert done.returncode == 2 and done.stderr


def test_why_as_text(cluster):
    """Lines for people: every decision, from the packet to the verdict."""
    node = cluster.nodes[0]
    addr, port = cluster.services["many"].front("ClusterIP", 4)
    argv = [built("naructl"), "--bpffs", node.bpffs, "why", cluster.client.addr[4], end(addr, port)]
    lines = node.host.run(argv).stdout.splitlines()
    steps = [line.split("  ")[0] for line in lines]
    for step in ("STEP", "packet", "device", "filter", "flow", "service", "set", "table",
                 "endpoint", "road", "rewrite", "verdict"):
        assert step in steps


def test_why_without_narud(tmp_path):
    """Where narud has not been, it says so."""
    done = run([built("naructl"), "--bpffs", str(tmp_path), "why", "10.0.0.1", "10.0.0.2:80"],
               check=False)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr


def test_why_needs_the_namespace(cluster):
    """Elsewhere devices and routes are others: it refuses instead of answering wrongly."""
    node = cluster.nodes[0]
    done = cluster.client.run([built("naructl"), "--bpffs", node.bpffs, "why", "192.0.2.9",
                               "10.96.0.10:80"], check=False)
    assert done.returncode == 1 and "network namespace" in done.stderr, done
