# SPDX-License-Identifier: Apache-2.0
"""The shape that naru has in a pod: two containers, so narud starts no proxy and has no right to
change users; the proxy is somebody else's process under a user of its own."""
import contextlib
import os
import signal

import gateway as gw
import pytest
from conftest import made
from edge import Edge
from proc import built, eventually

USER = 54321
STRANGER = 54322
CAPABILITIES = "-all,+bpf,+net_admin,+perfmon"


def children(pid):
    """Processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


def start_proxy(node, uid):
    """What the second container runs."""
    with open(node.log_path, "ab") as log:
        return node.host.popen(["setpriv", "--reuid", str(uid), "--regid", str(uid),
                                "--clear-groups", "--bounding-set", "-all", "--no-new-privs",
                                built("naru-proxy"), "--run-dir", node.run_dir],
                               stdout=log, stderr=log)


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """A node whose narud waits for a proxy, with a Gateway that nobody serves yet."""
    with made(narud=False, nodes=1, narud_options=("--proxy-uid", str(USER))) as rig:
        edge = Edge(rig)
        edge.put_gateway()
        edge.put_route(gw.rule(edge.v1))
        node = edge.node
        os.chmod(node.run_dir, 0o755)
        argv = node.narud_argv()
        argv[argv.index("--bounding-set") + 1] = CAPABILITIES
        with open(node.log_path, "ab") as log:
            node.narud = node.host.popen(argv, stdout=log, stderr=log)
        eventually(node.answers, seconds=60)
        yield edge


@contextlib.contextmanager
def proxy_of(edge, uid):
    """A proxy for the time of the with statement."""
    process = start_proxy(edge.node, uid)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def connected(edge):
    """The proxy that narud has taken."""
    return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)


def test_waits(edge):
    """narud has no child, not even one that could start a proxy, and says what it waits for."""
    assert not children(edge.node.narud.pid)
    eventually(lambda: f"waits for a naru-proxy of uid {USER}" in edge.node.log())


def test_takes_only_that_user(edge):
    """A proxy of another user is not listened to, whatever it says it is."""
    with proxy_of(edge, STRANGER), proxy_of(edge, USER) as ours:
        eventually(lambda: connected(edge) == ours.pid)
        assert edge.node.log().count(" connected") == 1
    eventually(lambda: not connected(edge))


def test_serves_and_comes_back(edge, family):
    """A proxy that its container's restart brings back gets the sockets and serves."""
    for _ in range(2):
        with proxy_of(edge, USER):
            edge.settled(family=family)
            counts = edge.ask("-n", 20, family=family)
            assert counts["failed"] == 0 and counts["statuses"] == {"200": 20}, counts
        eventually(lambda: not connected(edge))
    assert not children(edge.node.narud.pid)
