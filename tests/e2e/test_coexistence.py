# SPDX-License-Identifier: Apache-2.0
"""Beside others: kube-proxy and what it has left, firewalls, programs of others, more than one NIC.

test_matrix.py has strict reverse path filters, overlays and both kinds of pod devices in all its
cases; test_change.py has devices of pods and addresses that come and go.
"""
import leftovers
import pytest
from conftest import PATIENT, answers, made, settled
from proc import built, entered, eventually, run
from rig import ip
from statements import statement

DENY = built("bpf/tc_deny.bpf.o")
PROTOS = pytest.mark.parametrize("proto", ((), ("-u",)), ids=("tcp", "udp"))


def populate(rig):
    """A pod on each node behind one service, and a client of every kind."""
    first, second = rig.nodes
    rig.near, rig.far = first.pod("near"), second.pod("far")
    caller, bare = first.pod("caller"), first.pod("bare")
    for place in (rig.near, rig.far):
        place.serve(8080)
    rig.web = rig.service("web", rig.near, rig.far, kind="LoadBalancer")
    rig.clients = {"host": first.host, "pod": caller, "pod-tc": bare.outside,
                   "outside": rig.client}


# ---- kube-proxy ----------------------------------------------------------------------------------

@pytest.fixture(scope="module", params=leftovers.MODES)
def beside(request):
    """Node 1 has kube-proxy's rules for the very service that naru serves, a FORWARD policy of DROP
    with a CNI's exceptions, and rules of others."""
    with made() as rig:
        populate(rig)
        node = rig.nodes[0]
        leftovers.foreign(node.netns, "legacy" if request.param == "legacy" else "nft")
        rig.others = leftovers.saved(node.netns)
        leftovers.kube_proxy(node.netns, request.param, rig.web, (rig.near, rig.far))
        settled(rig, rig.web)
        for place in rig.clients.values():
            eventually(lambda p=place: answers(p, rig.web, 6, kind="NodePort", node=node))
        yield rig


# Which client of this rig goes which path of the statements' table.
CLIENTS = {"node": "host", "pod": "pod", "pod-packets": "pod-tc", "outside-tc": "outside"}


@statement("M5", "what is forwarded passes a FORWARD policy of DROP, both ways, and is marked by "
                 "nobody", ("narud",))
@pytest.mark.parametrize("path", CLIENTS)
@pytest.mark.parametrize("kind", ("ClusterIP", "NodePort", "LoadBalancer"))
@PROTOS
def test_m5_rules_of_kube_proxy(beside, path, kind, family, proto):
    """Both translate, naru first: every flow arrives, nobody is masqueraded by kube-proxy's mark,
    and the FORWARD policy lets it all pass."""
    client = CLIENTS[path]
    place = beside.clients[client]
    addr, port = beside.web.front(kind, family, beside.nodes[0].addr)
    counts = place.ask(addr, port, *proto, n=24)
    assert counts["failed"] == 0, counts
    assert set(counts["by"]) == {"near", "far"}
    if client != "host":
        own = place.addr[family] if family == 4 else f"[{place.addr[family]}]"
        assert own in counts["peers"], counts


def test_cleanup_of_kube_proxy_under_load(beside):
    """While its rules go, no request fails, new connections and old ones alike."""
    node = beside.nodes[0]
    loads = [place.start(mode, *beside.web.front("NodePort", family, node.addr), "-i", 1000)
             .wait_up() for place in beside.clients.values() for family in (4, 6)
             for mode in ("who", "hold")]
    done = node.host.run([built("naructl"), "cleanup", "--kube-proxy", "--apply"])
    assert done.stdout.endswith("removed\n")
    assert leftovers.saved(node.netns) == beside.others
    for place in beside.clients.values():
        assert answers(place, beside.web, 4, *PATIENT)
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0 and counts["ok"], counts


# ---- firewalls and policies ----------------------------------------------------------------------

ROADS = {
    "tcx": {},
    "clsact": {"narud_options": ("--tc", "clsact")},
    "xdp": {"xdp": "native"},
    "bypass": {"narud_options": ("--bypass-netfilter",)},
    "bypass-clsact": {"narud_options": ("--bypass-netfilter", "--tc", "clsact")},
}


@pytest.fixture(scope="module", params=ROADS)
def guarded(request):
    """A service for each endpoint, on every road."""
    with made(**ROADS[request.param]) as rig:
        populate(rig)
        rig.road = request.param
        rig.only = {"near": rig.service("only-near", rig.near, kind="NodePort"),
                    "far": rig.service("only-far", rig.far, kind="NodePort")}
        settled(rig, *rig.only.values())
        for place in rig.clients.values():
            for service in rig.only.values():
                eventually(lambda p=place, s=service: answers(p, s, 6, kind="NodePort",
                                                              node=rig.nodes[0]))
        yield rig


def is_bypassed(rig, client, endpoint, proto):
    """Does the flow go past the stack? Sockets of pods translate TCP themselves: no need there."""
    return rig.road.startswith("bypass") and endpoint == "near" and (client != "pod" or proto)


def passes(rig, client, endpoint, family, proto, expected=True):
    """Whether a new flow arrives as expected: what is to fail is not waited for long."""
    front = rig.only[endpoint].front("NodePort", family, rig.nodes[0].addr)
    counts = rig.clients[client].ask(*front, *proto, "-t", 5000 if expected else 200)
    return (counts["failed"] == 0) == expected


@pytest.mark.parametrize("endpoint", ("near", "far"))
@pytest.mark.parametrize("client", ("pod", "pod-tc", "outside"))
@PROTOS
def test_deny_rule_in_forward(guarded, client, endpoint, family, proto):
    """A rule against what goes to pods, on the endpoint's node, is obeyed; with
    --bypass-netfilter pods of the asked node are the price that its help names."""
    node = {"near": guarded.near, "far": guarded.far}[endpoint].node
    rule = ["FORWARD", "-p", "udp" if proto else "tcp", "--dport", "8080", "-j", "DROP"]
    tool = f"{leftovers.TOOL[family]}-nft"
    node.host.run([tool, "-I", *rule])
    try:
        assert passes(guarded, client, endpoint, family, proto,
                      bool(is_bypassed(guarded, client, endpoint, proto)))
    finally:
        node.host.run([tool, "-D", *rule])
    assert passes(guarded, client, endpoint, family, proto)


def deny(node, device, direction):
    """Puts the deny program of somebody else before naru's, by clsact."""
    node.host.run(["tc", "qdisc", "add", "dev", device, "clsact"], check=False)
    node.host.run(["tc", "filter", "add", "dev", device, direction, "pref", "10", "bpf", "da",
                   "obj", DENY, "sec", "tc"])


def allow(node, device, direction):
    """Takes it away."""
    node.host.run(["tc", "filter", "del", "dev", device, direction, "pref", "10"])


@pytest.mark.parametrize("endpoint", ("near", "far"))
@pytest.mark.parametrize("client", ("host", "pod", "pod-tc", "outside"))
@PROTOS
def test_deny_program_at_endpoint(guarded, client, endpoint, family, proto):
    """A program at the endpoint's device that lets nothing in is obeyed on every road."""
    node = {"near": guarded.near, "far": guarded.far}[endpoint].node
    deny(node, f"veth{endpoint}", "egress")
    try:
        assert passes(guarded, client, endpoint, family, proto, False)
    finally:
        allow(node, f"veth{endpoint}", "egress")
    assert passes(guarded, client, endpoint, family, proto)


@pytest.mark.parametrize("endpoint", ("near", "far"))
@pytest.mark.parametrize("client", ("pod", "pod-tc"))
@PROTOS
def test_deny_program_at_client(guarded, client, endpoint, family, proto):
    """A program at the client's device that lets nothing out is obeyed on every road, but for what
    goes past the stack where naru is attached by tcx, which comes before clsact."""
    node = guarded.nodes[0]
    device = {"pod": "vethcaller", "pod-tc": "vethbare"}[client]
    deny(node, device, "ingress")
    unseen = guarded.road == "bypass" and is_bypassed(guarded, client, endpoint, proto)
    try:
        assert passes(guarded, client, endpoint, family, proto, bool(unseen))
    finally:
        allow(node, device, "ingress")
    assert passes(guarded, client, endpoint, family, proto)


# ---- devices -------------------------------------------------------------------------------------

def test_foreign_xdp_is_kept():
    """With a program of somebody else at the NIC, that one stays, naru works by TC, and says so; it
    takes over when the other goes."""
    with made(narud=False, xdp="native") as rig:
        node = rig.nodes[0]
        node.host.run(["ip", "link", "set", "dev", "eth0", "xdpdrv", "obj",
                       built("bpf/xdp_pass.bpf.o"), "sec", "xdp"])
        rig.start_narud()
        populate(rig)
        settled(rig, rig.web)
        for family in (4, 6):
            eventually(lambda f=family: answers(rig.client, rig.web, f))
        eth0 = [d for d in node.naructl_json("status")["devices"] if d["name"] == "eth0"][0]
        assert eth0["xdp"] != "native" and eth0["tc"] == "tcx", eth0
        assert "xdp_pass" in bpf_net(node)
        node.host.run(["ip", "link", "set", "dev", "eth0", "xdpdrv", "off"])
        eventually(lambda: [d["xdp"] for d in node.naructl_json("status")["devices"]
                            if d["name"] == "eth0"] == ["native"])
        for family in (4, 6):
            assert answers(rig.client, rig.web, family, *PATIENT)


def bpf_net(node):
    """What bpftool finds at the node's devices, with names of programs."""
    with entered(node.netns):
        shown = run(["bpftool", "net"]).stdout
    ids = {word for line in shown.splitlines() for word in line.split() if word.isdigit()}
    return shown + "".join(run(["bpftool", "prog", "show", "id", i], check=False).stdout
                           for i in ids)


SECOND = {"client": {4: "192.168.88.100", 6: "fd88::100"},
          "node": {4: "192.168.88.11", 6: "fd88::11"}}


def plug_second(rig):
    """A second wire between client and node 1."""
    node = rig.nodes[0]
    ip(rig.client.netns, f"link add eth1 type veth peer name eth1 netns {node.netns}",
       "link set eth1 up", f"addr add {SECOND['client'][4]}/24 dev eth1",
       f"addr add {SECOND['client'][6]}/64 dev eth1 nodad")
    ip(node.netns, "link set eth1 up", f"addr add {SECOND['node'][4]}/24 dev eth1",
       f"addr add {SECOND['node'][6]}/64 dev eth1 nodad")


def test_second_nic_comes_and_goes(family):
    """A NIC that is named before it is there serves as soon as it comes, for endpoints behind both;
    answers leave where requests came in; after it went and came back it serves again."""
    with made(narud_options=("--device", "eth1")) as rig:
        populate(rig)
        settled(rig, rig.web)
        for _ in range(2):
            plug_second(rig)
            place, port = rig.client, rig.web.node_port
            for addr in (SECOND["node"][family], rig.nodes[0].addr[family]):
                eventually(lambda a=addr: place.ask(a, port, "-t", 300)["failed"] == 0)
                for options in ((), ("-u",)):
                    counts = place.ask(addr, port, *options, n=24)
                    assert counts["failed"] == 0, counts
                    assert set(counts["by"]) == {"near", "far"}
            ip(rig.nodes[0].netns, "link del eth1")
            eventually(lambda: answers(place, rig.web, family))
