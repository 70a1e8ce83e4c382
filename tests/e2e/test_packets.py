# SPDX-License-Identifier: Apache-2.0
"""What belongs to flows without being a plain packet of TCP or UDP: errors by which senders find
out how large packets may be, and fragments.

Pods and a client sit behind a link of 1300 bytes that their own devices know nothing of, so only
an error that finds its way back through the service can tell the sender. Pods do so for the time
of a test only: a bridge takes the least MTU of its ports, and with br_netfilter then loses
fragments.
"""
import contextlib
import hashlib
import select
import socket
import threading

import pytest

from conftest import answers, made, settled
from proc import entered, eventually, run
from rig import ip

SMALL = 1300
PORT = 8080
BULK = bytes(range(256)) * 1200
FAR = {4: "192.168.88.2", 6: "fd88::2"}
# Numbers of socket options that Python has no names for.
OPTIONS = {4: {"level": socket.IPPROTO_IP, "discover": 10, "mtu": 14, "hops": 2, "errors": 11},
           6: {"level": socket.IPPROTO_IPV6, "discover": 23, "mtu": 24, "hops": 16, "errors": 25}}
PMTUDISC_DO = 2
MSG_ERRQUEUE = 0x2000
KINDS = ("ClusterIP", "NodePort", "LoadBalancer")
VARIANTS = {"tc": {}, "xdp": {"xdp": "native"}, "bridge": {"pods": "bridge"},
            "bypass": {"narud_options": ("--bypass-netfilter",)},
            "hash": {"narud_options": ("--flow-table", "hash")}, "vxlan": {"overlay": True}}


def sock(netns, family, kind):
    """A socket that lives in a network namespace."""
    with entered(netns):
        made_there = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
    made_there.settimeout(20)
    return made_there


class Server:
    """Echoes datagrams; answers a connection's bytes, once all are there, with their digest, or,
    after one byte, with BULK. Serves from threads of this process."""

    def __init__(self, netns):
        self.stopped, self.sockets, self.threads = False, [], []
        for family in (4, 6):
            for kind, body in ((socket.SOCK_STREAM, self.accept), (socket.SOCK_DGRAM, self.echo)):
                place = sock(netns, family, kind)
                if family == 6:
                    place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.sockets.append(place)
                self.bind(place)
                self.threads.append(threading.Thread(target=body, args=(place,), daemon=True))
                self.threads[-1].start()

    def bind(self, place):
        """Takes the port; when somebody still has it, all that was taken is given back."""
        try:
            place.bind(("", PORT))
        except OSError:
            self.stop()
            raise

    def ready(self, place):
        """Waits for something to read; False when it is time to go."""
        while not self.stopped:
            if select.select([place], [], [], 0.1)[0]:
                return True
        return False

    def echo(self, place):
        """Datagrams go back as they came."""
        while self.ready(place):
            with contextlib.suppress(OSError):
                place.sendto(*place.recvfrom(65536))

    def accept(self, place):
        """Each connection in a thread of its own."""
        place.listen()
        while self.ready(place):
            threading.Thread(target=self.converse, args=place.accept()[:1], daemon=True).start()

    @staticmethod
    def converse(peer):
        """One connection."""
        peer.settimeout(20)
        with peer, contextlib.suppress(OSError):
            data = b"".join(iter(lambda: peer.recv(65536), b""))
            peer.sendall(BULK if len(data) == 1 else hashlib.sha256(data).digest())

    def stop(self):
        """Ends the threads and closes the sockets."""
        self.stopped = True
        for thread in self.threads:
            thread.join()
        for place in self.sockets:
            place.close()


def served(netns):
    """A server as soon as the port is free."""
    try:
        return Server(netns)
    except OSError:
        return None


def build_far(rig):
    """A client behind the client, by a link of SMALL that its own end calls 1500."""
    netns = rig.make_netns("far")
    ip(rig.client.netns,
       f"link add far mtu {SMALL} type veth peer name eth0 mtu 1500 netns {netns}",
       "link set far up", "addr add 192.168.88.1/24 dev far", "addr add fd88::1/64 dev far nodad")
    ip(netns, "link set eth0 up", f"addr add {FAR[4]}/24 dev eth0",
       f"addr add {FAR[6]}/64 dev eth0 nodad", "route add default via 192.168.88.1",
       "route add default via fd88::1")
    with entered(rig.client.netns):
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as out:
                out.write("1")
    return netns


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS.keys())
def cluster(request):
    """A pod on each node, and clients outside and in a pod."""
    with made(**request.param) as rig:
        first, second = rig.nodes
        rig.pods_by_name = {"local": first.pod("local"), "remote": second.pod("remote")}
        rig.far = build_far(rig)
        processes, servers = [], []
        rig.bare = first.pod("bare")
        for name, pod in rig.pods_by_name.items():
            processes.append(pod.serve(PORT))
            rig.service(name, pod, kind="LoadBalancer")
        settled(rig, *(rig.services[name] for name in rig.pods_by_name))
        for name, pod in rig.pods_by_name.items():
            for family in (4, 6):
                eventually(lambda n=name, f=family: answers(rig.client, rig.services[n], f))
            processes.pop(0).terminate()
            servers.append(eventually(lambda p=pod: served(p.netns)))
        try:
            yield rig
        finally:
            for server in servers:
                server.stop()


def dialled(rig, netns, name, kind, family, proto):
    """A socket connected to a frontend, of somebody who knows nothing of the way yet."""
    for place in (rig.client.netns, rig.far, rig.bare.netns):
        for option in ("-4", "-6"):
            run(["ip", "-n", place, option, "route", "flush", "cache"])
    place = sock(netns, family, proto)
    place.connect(rig.services[name].front(kind, family, rig.nodes[0].addr))
    return place


@contextlib.contextmanager
def narrow(rig, name):
    """The last link to a pod is SMALL; the pod's end does not know it."""
    pod = rig.pods_by_name[name]
    ip(pod.node.netns, f"link set veth{pod.name} mtu {SMALL}")
    try:
        yield
    finally:
        ip(pod.node.netns, f"link set veth{pod.name} mtu {1450 if rig.overlay else 1500}")


def received(place):
    """All bytes until the end."""
    return b"".join(iter(lambda: place.recv(65536), b""))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("local", "remote"))
def test_tcp_request(cluster, name, kind, family):
    """A client whose segments do not fit learns it from the node before the endpoint."""
    netns = cluster.client.netns
    with narrow(cluster, name), \
            dialled(cluster, netns, name, kind, family, socket.SOCK_STREAM) as place:
        place.sendall(BULK)
        place.shutdown(socket.SHUT_WR)
        assert received(place) == hashlib.sha256(BULK).digest()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("local", "remote"))
def test_tcp_answer(cluster, name, kind, family):
    """An endpoint whose segments do not fit learns it from the router before the client."""
    with dialled(cluster, cluster.far, name, kind, family, socket.SOCK_STREAM) as place:
        place.sendall(b"x")
        place.shutdown(socket.SHUT_WR)
        assert received(place) == BULK


def echoed(place, data):
    """True when a datagram came back."""
    place.settimeout(1)
    with contextlib.suppress(OSError):
        place.send(data)
        return place.recv(65536) == data
    return False


def told_mtu(place, family, mtu):
    """Sends datagrams that must not be fragmented until the kernel knows a path's MTU."""
    option = OPTIONS[family]
    place.setsockopt(option["level"], option["discover"], PMTUDISC_DO)

    def known():
        with contextlib.suppress(OSError):
            place.send(bytes(place.getsockopt(option["level"], option["mtu"]) - 48))
        return place.getsockopt(option["level"], option["mtu"]) == mtu

    eventually(known, pause=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("local", "remote"))
def test_udp_request(cluster, name, kind, family):
    """The same for datagrams; what fits is answered."""
    netns = cluster.client.netns
    with narrow(cluster, name), \
            dialled(cluster, netns, name, kind, family, socket.SOCK_DGRAM) as place:
        told_mtu(place, family, SMALL)
        # Errors about earlier datagrams may still be on their way, and end a call.
        eventually(lambda: echoed(place, bytes(SMALL - 48)))


@pytest.mark.parametrize("client", ("outside", "pod"))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("local", "remote"))
def test_fragments(cluster, name, kind, client, family):
    """Datagrams of 8 KB go in fragments, and so do the answers."""
    netns = cluster.client.netns if client == "outside" else cluster.bare.netns
    with dialled(cluster, netns, name, kind, family, socket.SOCK_DGRAM) as place:
        # Over an overlay the first one tells how large fragments may be.
        for _ in range(3):
            eventually(lambda: echoed(place, BULK[:8000]))


@pytest.mark.parametrize("cluster", [VARIANTS["vxlan"]], ids=["vxlan"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_overlay_mtu(cluster, kind, family):
    """What the client sends is too big for the overlay: the node says so itself."""
    netns = cluster.client.netns
    with dialled(cluster, netns, "remote", kind, family, socket.SOCK_DGRAM) as place:
        told_mtu(place, family, 1450)


@pytest.mark.parametrize("kind", KINDS)
def test_traceroute(cluster, kind, family):
    """The last hop of a packet to an endpoint elsewhere is the node that translates it."""
    netns, option = cluster.client.netns, OPTIONS[family]
    with dialled(cluster, netns, "remote", kind, family, socket.SOCK_DGRAM) as place:
        place.send(b"x")
        assert place.recv(100) == b"x"
        place.setsockopt(option["level"], option["errors"], 1)
        place.setsockopt(option["level"], option["hops"], 1)
        place.send(b"y")
        place.settimeout(None)
        poll = select.poll()
        poll.register(place, 0)
        assert poll.poll(10000)
        _, control, _, _ = place.recvmsg(100, 200, MSG_ERRQUEUE)
        assert control[0][2][5] == (11 if family == 4 else 3)
