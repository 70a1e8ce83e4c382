# SPDX-License-Identifier: Apache-2.0
"""What an upgrade of the DaemonSet does on a node: a second pod, of a narud and a naru-proxy of its
own, starts beside the first one, takes over, and the first one is told to end."""
import os

import gateway as gw
import pytest
from conftest import made
from edge import VIP, Edge
from proc import built, eventually
from test_containers import CAPABILITIES, USER
from test_handover import LONG, in_force, loads, no_failure, serves, serving

DRAIN = 8


class Pod:
    """A pod of the DaemonSet: two processes and a folder that nobody else has."""

    def __init__(self, edge, name):
        self.edge = edge
        self.name = name
        self.folder = f"{edge.rig.directory}/{name}"
        self.log_path = f"{self.folder}.log"
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        self.narud = self.proxy = None

    def _popen(self, argv):
        with open(self.log_path, "ab") as log:
            return self.edge.node.host.popen(argv, stdout=log, stderr=log)

    def says(self, text):
        """Waits until that is in the logs of the pod."""
        def found():
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return text in log.read()

        eventually(found)

    def start_narud(self):
        """The first container."""
        argv = self.edge.node.narud_argv("--take-over", "stay", "--instance", self.name,
                                         "--proxy-dir", self.folder)
        argv[argv.index("--bounding-set") + 1] = CAPABILITIES
        self.narud = self._popen(argv)
        return self

    def start_proxy(self):
        """The second one."""
        self.proxy = self._popen(["setpriv", "--reuid", str(USER), "--regid", str(USER),
                                  "--clear-groups", "--bounding-set", "-all", "--no-new-privs",
                                  built("naru-proxy"), "--run-dir", self.folder])
        return self

    def start(self):
        """Both."""
        return self.start_proxy().start_narud()

    def serves(self):
        """Waits until this pod's are the ones that serve."""
        serves(self.edge.node, self.narud)
        eventually(lambda: proxy(self.edge) == self.proxy.pid)
        return self

    def end(self):
        """What the kubelet does; both end on their own in time."""
        for process in (self.narud, self.proxy):
            if process.poll() is None:
                process.terminate()
        assert self.narud.wait(timeout=DRAIN + 10) == 0
        assert self.proxy.wait(timeout=DRAIN + 10) == 0


def proxy(edge):
    """The proxy of the narud that serves."""
    return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """A node with one such pod."""
    options = ("--proxy-uid", str(USER), "--drain-time", str(DRAIN), "--l7-threads", "2")
    with made(narud=False, nodes=1, narud_options=options) as rig:
        edge = Edge(rig)
        edge.put_gateway()
        edge.put_route(gw.rule(edge.v1))
        for pod in edge.pods["v2"]:
            pod.serve(9090)
        edge.plain = rig.service("plain", *edge.pods["v2"], kind="LoadBalancer", target=9090)
        edge.daemon = Pod(edge, "naru-0").start().serves()
        for family in VIP:
            edge.settled(family=family)
        yield edge


def test_upgrade(edge):
    """The next pod serves and the one before ends, again and again: nothing is lost, neither a new
    connection nor a kept one nor an answer that takes longer than all of it."""
    clients = loads(edge)
    for turn in range(1, 3):
        old, edge.daemon = edge.daemon, Pod(edge, f"naru-{turn}").start().serves()
        in_force(edge, f"turn-{turn}")
        assert old.narud.poll() is None
        old.end()
    no_failure(clients)


@pytest.mark.slow
def test_waits_for_its_proxy(edge):
    """A narud whose proxy does not come does not take over: the pod before it serves on."""
    new = Pod(edge, "late").start_narud()
    new.says("waits to take over")
    in_force(edge, "without")
    assert serving(edge.node) == edge.daemon.narud.pid
    clients = loads(edge)
    new.start_proxy().serves()
    edge.daemon.end()
    edge.daemon = new
    no_failure(clients)


def test_roll_back(edge):
    """The pod that took over is removed again: the one before it, which waits, serves again, with a
    proxy that its container has started again."""
    new = Pod(edge, "wrong").start().serves()
    old = edge.daemon
    assert old.proxy.wait(timeout=DRAIN + 10) == 0
    old.start_proxy()
    new.end()
    old.serves()
    in_force(edge, "rolled-back")
    for family in VIP:
        counts = edge.ask("-n", 20, family=family)
        assert counts["failed"] == 0 and counts["ok"] == 20, counts


@pytest.mark.slow
def test_container_comes_back(edge):
    """narud of the old pod is killed while the next one waits. That one takes over, and the old
    one, which its kubelet starts again, does not take it back."""
    clients = loads(edge)
    old, new = edge.daemon, Pod(edge, "next").start_narud()
    new.says("waits to take over")
    new.start_proxy()
    old.narud.kill()
    old.narud.wait()
    new.serves()
    old.start_narud()
    old.says("this narud does not take over")
    assert serving(edge.node) == new.narud.pid
    in_force(edge, "came-back")
    old.end()
    edge.daemon = new
    no_failure(clients)


def test_long_answers_have_their_time(edge):
    """The old pod is told to end while its proxy drains by its narud's word: an answer that was
    under way is not cut."""
    slow = edge.rig.client.start_web(VIP[4], 80, "-n", 4, "-c", 4, "-t", 30, "-H", LONG)
    eventually(lambda: edge.node.naructl_json("status")["l7"]["proxy"]["connections"] == 4)
    old, edge.daemon = edge.daemon, Pod(edge, "last").start()
    edge.daemon.serves()
    old.end()
    counts = slow.result()
    assert counts["failed"] == 0 and counts["ok"] == 4, counts
