# SPDX-License-Identifier: Apache-2.0
"""What happens is seen: flows by filter, events as they come, counts by service."""
import json
import re
import select
import signal
import socket
import subprocess
import urllib.request

import pytest
from conftest import answers, made, settled
from proc import built, entered, eventually

ADMIN = "127.0.0.1:9100"


@pytest.fixture(scope="module")
def cluster():
    """Two nodes; node 1 has a caller without socket programs and a pod, node 2 a pod; a service
    with both backends, one with the remote one alone, and one without any."""
    with made(narud_options=("--admin", ADMIN)) as rig:
        first, second = rig.nodes
        caller, local, remote = first.pod("caller"), first.pod("local"), second.pod("remote")
        for pod in (local, remote):
            pod.serve(8080)
        rig.caller = caller.outside
        rig.web = rig.service("web", local, remote, kind="LoadBalancer")
        rig.far = rig.service("far", remote, kind="LoadBalancer")
        rig.empty = rig.service("empty", kind="LoadBalancer")
        settled(rig, rig.web, rig.far)
        eventually(lambda: answers(rig.caller, rig.far, 4))
        yield rig


def metrics(node):
    """The lines of /metrics by name with labels."""
    with entered(node.netns), urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=20) as got:
        text = got.read().decode()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def series(node, metric, service, family, **labels):
    """One value of a service's metric, TCP; 0 when it is not there."""
    found = [value for name, value in metrics(node).items()
             if re.match(rf"naru_service_{metric}_total\{{", name)
             and f'service="{service}"' in name and f'ip_family="IPv{family}"' in name
             and 'protocol="tcp"' in name
             and all(f'{label}="{text}"' in name for label, text in labels.items())]
    return sum(found)


# ---- flows ----

def test_flows_by_filter(cluster, family):
    """Each filter shows what fits it and nothing else; a limit ends the list."""
    node = cluster.nodes[0]
    addr, port = cluster.far.front("ClusterIP", family)
    client = cluster.client.addr[family]
    source = 32000 + family  # no NodePort, and none of the kernel's choice
    held = cluster.client.start("hold", addr, port, "-i", 2000, "-s", client,
                                "-p", source).wait_up()
    end = f"{client}:{source}" if family == 4 else f"[{client}]:{source}"
    backend = cluster.nodes[1].pods["remote"].addr[family]

    def flows(*args):
        return node.naructl_json("flows", *args)["flows"]

    try:
        for args in (("--client", end), ("--client", f"{client}/{24 if family == 4 else 64}"),
                     ("--service", "far"), ("--service", "shop/far"),
                     ("--service", cluster.far.name), ("--backend", backend),
                     ("--backend", ":8080"), ("--proto", "tcp")):
            assert source in [f["client_port"] for f in flows(*args)], args
        for args in (("--client", f":{source + 1}"), ("--service", "web"), ("--proto", "udp"),
                     ("--backend", client)):
            assert source not in [f["client_port"] for f in flows(*args)], args
        assert len(flows("--limit", "1")) == 1
        table = node.naructl("flows", "--client", end).stdout.splitlines()
        assert len(table) == 2 and table[0].startswith("PROTO") and "shop/far" in table[1]
    finally:
        assert held.stop()["failed"] == 0


@pytest.mark.parametrize("args", (("--proto", "icmp"), ("--client", "300.1.1.1"), ("--limit", "x"),
                                  ("--client", "10.0.0.0/40"), ("--backend", "1.2.3.4:0")))
def test_flows_refuses_what_it_does_not_understand(cluster, args):
    """A filter with a mistake is not taken for none."""
    done = cluster.nodes[0].naructl("flows", *args, check=False)
    assert done.returncode == 1
    assert "not understood" in done.stderr


@pytest.mark.parametrize("command", ("flows", "observe"))
@pytest.mark.parametrize("name", ("shop/fa", "nowhere/far", "far:nothing", "fa"))
def test_unknown_service(cluster, command, name):
    """Nothing would ever fit: that is said, not shown as an empty list."""
    done = cluster.nodes[0].naructl(command, "--service", name, check=False)
    assert done.returncode == 1
    assert f'no service "{name}" is served here' in done.stderr


@pytest.mark.parametrize("chunks,whole", ((b"5\r\n{}\n{}\r\n0\r\n\r\n", True),
                                          (b"5\r\n{}\n{}\r\n", False)))
def test_cut_list_does_not_look_whole(tmp_path, chunks, whole):
    """A list that narud could not read to its end is no JSON, and its status is 1."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/narud.sock")
        listener.listen()
        argv = [built("naructl"), "--run-dir", str(tmp_path), "flows", "-o", "json"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as asking:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
            out, err = asking.communicate(timeout=30)
    assert asking.returncode == (0 if whole else 1)
    assert out.endswith("]}\n") == whole
    assert ("is not whole" in err) != whole


# ---- observe ----

class Observer:
    """naructl observe at work; the node's only one, unless it is known to be in company."""

    def __init__(self, node, *args, alone=True):
        if alone:  # The switch is to be this one's, not still that of one that has just ended.
            eventually(lambda: not node.is_watched())
        argv = [built("naructl"), "--run-dir", node.run_dir, "observe", "-o", "json", *args]
        self.process = node.host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)
        eventually(lambda: node.is_watched())

    def events(self):
        """Ends it and returns what it has told."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        return [json.loads(line) for line in out.splitlines()]

    def next(self):
        """The next event."""
        assert select.select([self.process.stdout], [], [], 20)[0], "no event"
        return json.loads(self.process.stdout.readline())


def test_observe_flow(cluster, family):
    """A flow from outside is told when it begins, with both ends, road and translated source."""
    node = cluster.nodes[0]
    client = cluster.client.addr[family]
    addr, port = cluster.far.front("ClusterIP", family)
    seen = Observer(node, "--client", client, "--service", "far", "--proto", "tcp", "--event",
                    "flow")
    assert cluster.client.ask(addr, port)["failed"] == 0
    event = seen.next()
    seen.events()
    assert (event["event"], event["protocol"]) == ("flow", "tcp")
    assert (event["client"], event["address"], event["port"]) == (client, addr, port)
    assert event["endpoint"] == cluster.nodes[1].pods["remote"].addr[family]
    assert event["endpoint_port"] == 8080
    assert (event["road"], event["device"]) == ("redirect", "eth0")
    assert event["snat"] == node.addr[family]
    assert event["service"].startswith("shop/far:")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])


@pytest.mark.parametrize("event", ("drop", "refused"))
def test_observe_loss(cluster, family, event):
    """What is refused is told with its reason: a packet's first, and a socket's."""
    node = cluster.nodes[0]
    addr, port = cluster.empty.front("ClusterIP", family)
    place, reason = ((cluster.client, "rejected") if event == "drop"
                     else (node.host, "sockets_refused"))
    seen = Observer(node, "--event", event, "--service", "empty")
    assert place.ask(addr, port)["errors"] == {"ECONNREFUSED": 1}
    got = seen.next()
    seen.events()
    assert (got["event"], got["reason"], got["address"]) == (event, reason, addr)


def test_observe_closed_port(cluster, family):
    """A socket that dials a port of a ClusterIP that no service has."""
    node = cluster.nodes[0]
    addr = cluster.far.cluster[family]
    seen = Observer(node, "--event", "refused")
    assert node.host.ask(addr, 99)["errors"] == {"ECONNREFUSED": 1}
    got = seen.next()
    seen.events()
    assert (got["event"], got["address"], got["port"]) == ("refused", addr, 99)


def test_observe_socket(cluster, family):
    """A socket of the node that is translated is told."""
    node = cluster.nodes[0]
    addr, port = cluster.far.front("ClusterIP", family)
    seen = Observer(node, "--event", "socket", "--backend", ":8080", "--service", "far")
    assert node.host.ask(addr, port)["failed"] == 0
    got = seen.next()
    seen.events()
    assert (got["event"], got["address"], got["port"]) == ("socket", addr, port)
    assert got["endpoint"] == cluster.nodes[1].pods["remote"].addr[family]


def test_several_observers(cluster):
    """Each gets what it asked for; --limit ends one; a killed one takes nothing along; when the
    last has gone, nothing is written any more."""
    node = cluster.nodes[0]
    addr, port = cluster.far.front("ClusterIP", 4)
    killed, udp = Observer(node), Observer(node, "--proto", "udp", alone=False)
    one = Observer(node, "--service", "far", "--limit", "1", alone=False)
    killed.process.kill()
    killed.process.communicate(timeout=20)

    def asked(*options):
        return cluster.client.ask(addr, port, *options)["failed"] == 0

    # In company nothing tells when one begins but what it gets.
    eventually(lambda: asked() and one.process.poll() == 0)
    assert len(one.process.communicate()[0].splitlines()) == 1
    assert node.is_watched()
    eventually(lambda: asked("-u") and select.select([udp.process.stdout], [], [], 0)[0])
    assert asked()
    assert {e["protocol"] for e in udp.events()} == {"udp"}
    eventually(lambda: not node.is_watched())


def test_observe_as_table(cluster):
    """Without -o json, lines for people."""
    node = cluster.nodes[0]
    argv = [built("naructl"), "--run-dir", node.run_dir, "observe", "--service", "far", "--limit",
            "1"]
    process = node.host.popen(argv, stdout=subprocess.PIPE, text=True)
    eventually(lambda: node.is_watched())
    assert cluster.client.ask(*cluster.far.front("ClusterIP", 4))["failed"] == 0
    out, _ = process.communicate(timeout=20)
    title, line = out.splitlines()
    assert title.split()[:3] == ["TIME", "EVENT", "PROTO"]
    assert "shop/far" in line and "flow" in line


def test_killed_narud_leaves_nothing_on(cluster):
    """Events end with narud, whoever watched; the next narud begins with nobody."""
    node = cluster.nodes[1]
    seen = Observer(node)
    node.stop_narud(signal.SIGKILL)
    assert seen.process.wait(timeout=20) == 1
    node.start_narud()
    eventually(lambda: not node.is_watched())


# ---- counts ----

def test_counts_by_service(cluster, family):
    """Packets, bytes and flows of a service rise by what was sent, in both directions."""
    node = cluster.nodes[0]
    addr, port = cluster.far.front("ClusterIP", family)

    def read():
        return {(metric, way): series(node, metric, "far", family, direction=way)
                for metric in ("packets", "bytes") for way in ("in", "out")}

    before, flows = read(), series(node, "flows", "far", family)
    lines = 2000
    assert cluster.client.run([built("harness/client"), "-n", str(lines), "stream", addr,
                               str(port)]).returncode == 0
    rose = {key: value - before[key] for key, value in read().items()}
    assert series(node, "flows", "far", family) == flows + 1
    # The transfer is lines of 128 bytes from the endpoint, plus headers; the way there is
    # acknowledgements.
    assert lines * 128 < rose["bytes", "out"] < lines * 128 * 2
    assert 0 < rose["bytes", "in"] < rose["bytes", "out"]
    assert all(rose["packets", way] >= 4 for way in ("in", "out"))


def test_drops_by_service(cluster, family):
    """A refused packet and a refused socket count for the service, each with its reason."""
    node = cluster.nodes[0]
    addr, port = cluster.empty.front("ClusterIP", family)

    def read(reason):
        return series(node, "drops", "empty", family, reason=reason)

    before = read("rejected"), read("sockets_refused")
    cluster.client.ask(addr, port)
    node.host.ask(addr, port, n=2)
    assert (read("rejected"), read("sockets_refused")) == (before[0] + 1, before[1] + 2)


def test_maps_fill(cluster, family):
    """Entries that services need, or that clients leave, are counted in status and metrics."""
    node, service = cluster.nodes[0], f"filled{family}"

    def told(name):
        return [row for row in node.naructl_json("status")["maps"] if row["map"] == name][0]

    def used(name):
        while True:
            row, counted = told(name), metrics(node)[f'naru_map_entries{{map="{name}"}}']
            assert 0 <= row["used"] < row["max"]
            # What changed in between was not the same for both.
            if told(name) == row:
                assert row["used"] == counted
                return row["used"]

    names = ("source_range", "affinity", "svc_drop", "device", "svc")
    before = {name: used(name) for name in names}
    filled = cluster.service(service, node.pods["local"], kind="LoadBalancer",
                             sessionAffinity="ClientIP",
                             loadBalancerSourceRanges=["192.0.2.0/24", "198.51.100.0/24",
                                                       "2001:db8::/64"])
    # Ranges are those of a family, for TCP and UDP.
    eventually(lambda: used("source_range") == before["source_range"] + 6)
    eventually(lambda: answers(cluster.caller, filled, family))
    assert used("affinity") == before["affinity"] + 1
    assert cluster.client.ask(*filled.front("LoadBalancer", family), "-t", 200)["failed"]
    assert used("svc_drop") == before["svc_drop"] + 1
    assert used("device") == before["device"]
    filled.remove()
    eventually(lambda: used("source_range") == before["source_range"])


def test_top(cluster):
    """The busy service comes first, with rates; drops show where nothing else does."""
    node = cluster.nodes[0]
    addr, port = cluster.far.front("ClusterIP", 4)
    held = cluster.client.start("hold", addr, port, "-i", 1).wait_up()
    refused = cluster.client.start("who", *cluster.empty.front("ClusterIP", 4), "-i", 20)
    refused.wait_failed()
    try:
        rows = node.naructl_json("top", "--interval", "1")["services"]
        table = node.naructl("top", "--interval", "0.2", "--rounds", "2").stdout
    finally:
        assert held.stop()["failed"] == 0
        refused.stop()
    assert rows[0]["service"].startswith("shop/far:") and rows[0]["family"] == 4
    assert rows[0]["packets_in"] > 0 and rows[0]["bits_out"] > 0
    assert any(r["drops"] > 0 for r in rows if r["service"].startswith("shop/empty:"))
    assert table.count("SERVICE") == 2 and "shop/far" in table
