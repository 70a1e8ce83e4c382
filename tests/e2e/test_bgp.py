# SPDX-License-Identifier: Apache-2.0
"""A BGP engine on the node learns from narud which addresses are served there; a router on the
client's side, another instance of it, learns them by BGP."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket

import pytest
from conftest import made
from proc import Place, eventually
from rig import CLIENT

CIDRS = "203.0.112.0/20,2001:db8:1::/112"
ROUTER_AS, NODE_AS = 65000, 65001


class Bird:
    """BIRD 2 in a namespace."""

    name = "bird"
    sessions = {4: 4, 6: 6}  # what each family goes over

    def __init__(self, rig, place, own, peers, include=None):
        self.directory = f"{rig.directory}/bird-{place}"
        os.makedirs(self.directory, exist_ok=True)
        self.place = Place(rig, f"bird@{place}", rig.netns(place))
        self.socket = f"{self.directory}/ctl"
        self.include = f"{self.directory}/naru.conf" if include else None
        blocks = [f"router id {own[4]};", "protocol device {}"]
        if include:
            blocks.append(f'include "{self.include}";')
            if not os.path.exists(self.include):
                with open(self.include, "w", encoding="ascii"):
                    pass
        mine, theirs = (NODE_AS, ROUTER_AS) if include else (ROUTER_AS, NODE_AS)
        for number, peer in enumerate(peers):
            for family in (4, 6):
                blocks.append(
                    f"protocol bgp peer{number}{family} {{ local {own[family]} as {mine}; "
                    f"neighbor {peer[family]} as {theirs}; direct; connect retry time 1; "
                    f"connect delay time 1; error wait time 1, 2; hold time 3; "
                    f"ipv{family} {{ import all; export all; next hop self; }}; }}")
        with open(f"{self.directory}/bird.conf", "w", encoding="ascii") as out:
            out.write("\n".join(blocks) + "\n")
        self.start()

    def start(self):
        """Runs it."""
        self.process = self.place.popen(["bird", "-f", "-c", f"{self.directory}/bird.conf", "-s",
                                         self.socket, "-P", f"{self.directory}/pid"])
        eventually(lambda: os.path.exists(self.socket))

    def stop(self):
        """Ends it, without a word to anybody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        os.unlink(self.socket)

    @contextlib.contextmanager
    def refusing(self):
        """While its own configuration is wrong."""
        config = f"{self.directory}/bird.conf"
        with open(config, encoding="ascii") as lines:
            good = lines.read()
        with open(config, "a", encoding="ascii") as out:
            out.write("nonsense {\n")
        yield "refuses"
        with open(config, "w", encoding="ascii") as out:
            out.write(good)

    def options(self):
        """What narud has to be told."""
        return ("--bgp-engine", "bird", "--bgp-socket", self.socket, "--bgp-file", self.include)

    def routes(self):
        """Prefixes that it has, and by which neighbours."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(self.socket)
            sock.sendall(b"show route\n")
            text = b""
            while b"\n0000" not in text:
                text += sock.recv(65536)
        found, prefix = {}, None
        for line in text.decode().splitlines():
            match = re.match(r"(?:1007-)?\s*([0-9a-f.:]+/\d+)?\s+(?:unicast|blackhole) \[", line)
            if match:
                prefix = match.group(1) or prefix
                found.setdefault(prefix, set())
            via = re.match(r"\s+via (\S+) on", line)
            if via and prefix:
                found[prefix].add(via.group(1))
        return found


class Frr:
    """FRR's bgpd, as Debian has it: under its own user, with nothing beside it."""

    name = "frr"
    sessions = {4: 4, 6: 4}

    def __init__(self, rig, place, own, peers, include=None):
        self.directory = f"{rig.directory}/frr-{place}"
        os.makedirs(self.directory, exist_ok=True)
        shutil.chown(self.directory, "frr", "root")
        os.chmod(self.directory, 0o775)
        self.place = Place(rig, f"frr@{place}", rig.netns(place))
        self.socket = f"{self.directory}/bgpd.vty"
        mine, theirs = (NODE_AS, ROUTER_AS) if include else (ROUTER_AS, NODE_AS)
        lines = [f"router bgp {mine}", f" bgp router-id {own[4]}", " no bgp ebgp-requires-policy",
                 " no bgp network import-check", " timers bgp 1 3"]
        for peer in peers:
            # Without zebra, which it asks for link-local addresses, it has no sessions over IPv6.
            lines += [f" neighbor {peer[4]} remote-as {theirs}",
                      f" neighbor {peer[4]} timers connect 1",
                      f" neighbor {peer[4]} advertisement-interval 0",
                      " address-family ipv6 unicast", f"  neighbor {peer[4]} activate",
                      " exit-address-family"]
        with open(f"{self.directory}/bgpd.conf", "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
        self.start()

    def start(self):
        """Runs it."""
        self.process = self.place.popen(
            ["/usr/lib/frr/bgpd", "-f", f"{self.directory}/bgpd.conf", "-i",
             f"{self.directory}/pid", "-Z", "--vty_socket", self.directory, "-P", "0", "-n"])
        eventually(lambda: os.path.exists(self.socket))
        os.chmod(self.socket, 0o777)

    def stop(self):
        """Ends it, without a word to anybody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        os.unlink(self.socket)

    @contextlib.contextmanager
    def refusing(self):
        """While it is no router any more."""
        self.command("configure terminal", "no router bgp")
        yield "no router bgp"
        self.stop()
        self.start()

    def options(self):
        """What narud has to be told."""
        return ("--bgp-engine", "frr", "--bgp-socket", self.socket)

    def command(self, *lines):
        """What bgpd says to the last one of some commands."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(self.socket)
            for line in ("enable", *lines):
                sock.sendall(line.encode() + b"\0")
                text = b""
                while text[-4:-1] != b"\0\0\0":
                    text += sock.recv(65536)
        return text[:-4].decode()

    def routes(self):
        """Prefixes that it has, and by which neighbours."""
        found = {}
        for family in (4, 6):
            told = json.loads(self.command(f"show bgp ipv{family} unicast json") or "{}")
            for prefix, paths in told.get("routes", {}).items():
                hops = {path.get("peerId") for path in paths if path.get("valid")}
                if hops:
                    found.setdefault(prefix, set()).update(hops)
        return found


@pytest.fixture(scope="module", name="cluster",
                params=[Bird, pytest.param(Frr, marks=pytest.mark.slow)],
                ids=lambda engine: engine.name)
def fixture_cluster(request):
    """Two nodes with an engine each, and a router beside the client."""
    with made(narud=False, narud_options=("--announce-cidrs", CIDRS)) as rig:
        rig.router = request.param(rig, "client", CLIENT, [node.addr for node in rig.nodes])
        rig.web = rig.service("web", *(node.pod(f"web{node.index}") for node in rig.nodes),
                              kind="LoadBalancer")
        for node in rig.nodes:
            node.engine = request.param(rig, node.name, node.addr, [CLIENT], include=True)
            node.start_narud(*node.engine.options())
        yield rig


def prefixes(service):
    """What routers have to learn."""
    return {f"{service.balancer[4]}/32", f"{service.balancer[6]}/128"}


def learnt(rig, service, *nodes):
    """True when the router has these nodes' ways to a service's addresses, and no other."""
    routes = rig.router.routes()
    ways = [routes.get(prefix, set()) for prefix in sorted(prefixes(service))]
    want = [{node.addr[rig.router.sessions[family]] for node in nodes} for family in (6, 4)]
    return sorted(map(sorted, ways)) == sorted(map(sorted, want))


def bgp(node):
    """What narud says of its engine."""
    return node.naructl_json("announce")["bgp"]


def test_router_learns(cluster):
    """The addresses come, one of a new Service as well, and go with it."""
    eventually(lambda: learnt(cluster, cluster.web, *cluster.nodes), seconds=60)
    # The router may know it before narud has its engine's answer.
    eventually(lambda: bgp(cluster.nodes[0]) == {"engine": cluster.router.name, "addresses": 2,
                                                 "current": True, "problem": ""})
    more = cluster.service("more", cluster.nodes[0].pods["web1"], kind="LoadBalancer")
    eventually(lambda: learnt(cluster, more, *cluster.nodes), seconds=60)
    more.remove()
    eventually(lambda: learnt(cluster, more), seconds=60)
    assert learnt(cluster, cluster.web, *cluster.nodes)


def test_local_policy(cluster):
    """With externalTrafficPolicy Local only nodes with a ready endpoint advertise."""
    first, second = cluster.nodes
    local = cluster.service("local", first.pods["web1"], kind="LoadBalancer",
                            externalTrafficPolicy="Local")
    eventually(lambda: learnt(cluster, local, first), seconds=60)
    local.set(cluster.endpoint(second.pods["web2"]))
    eventually(lambda: learnt(cluster, local, second), seconds=60)
    local.remove()
    eventually(lambda: learnt(cluster, local), seconds=60)


def test_engine_restarts(cluster):
    """One that was started anew has the addresses again; without it narud says so and serves."""
    node = cluster.nodes[0]
    eventually(lambda: learnt(cluster, cluster.web, *cluster.nodes), seconds=60)
    node.engine.stop()
    eventually(lambda: bgp(node)["problem"])
    assert "BGP engine" in node.naructl("status", check=False).stdout
    eventually(lambda: learnt(cluster, cluster.web, cluster.nodes[1]), seconds=60)
    node.engine.start()
    eventually(lambda: learnt(cluster, cluster.web, *cluster.nodes), seconds=60)
    eventually(lambda: bgp(node)["current"])


def test_planned_end(cluster):
    """A node whose narud ends takes its addresses back first."""
    node, other = cluster.nodes
    eventually(lambda: learnt(cluster, cluster.web, node, other), seconds=60)
    assert node.stop_narud() == 0
    eventually(lambda: learnt(cluster, cluster.web, other), seconds=60)
    node.start_narud(*node.engine.options())
    eventually(lambda: learnt(cluster, cluster.web, node, other), seconds=60)


def test_refused(cluster):
    """An engine that refuses is a problem of its own; when it takes it, all is well."""
    node = cluster.nodes[0]
    eventually(lambda: bgp(node)["current"])
    with node.engine.refusing() as word:
        more = cluster.service("more", node.pods["web1"], kind="LoadBalancer")
        eventually(lambda: word in bgp(node)["problem"])
    eventually(lambda: bgp(node)["current"])
    eventually(lambda: learnt(cluster, more, *cluster.nodes), seconds=60)
    more.remove()
