# SPDX-License-Identifier: Apache-2.0
"""One narud takes over from another on its node, under load and when either of them fails."""
import os
import signal
import socket
import time

import gateway as gw
import pytest
from edge import VIP, edge_made
from proc import built, eventually, run

# Of an API server that does not exist.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "https://192.168.77.99:6443"}}]
users: [{name: none, user: {token: none}}]
"""

# An answer of about three seconds.
LONG = "x-do: slow=20 bytes=1228800"

# What another user's process says to the narud that serves; it prints what it hears.
STRANGER = """
import socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sock.connect(sys.argv[1])
try:
    sock.send(b"ready")
    print(sock.recv(100))
except OSError:
    print(b"")
"""


@pytest.fixture(scope="module", name="edge")
def fixture_edge(tmp_path_factory):
    """A node whose narud starts its proxy itself, and logs to a file that is nowhere else written
    to."""
    log = tmp_path_factory.mktemp("log") / "access.log"
    with edge_made(nodes=1, narud_options=("--take-over", "on", "--drain-time", "5",
                                           "--l7-threads", "2", "--access-log", log)) as edge:
        for pod in edge.pods["v2"]:
            pod.serve(9090)
        edge.plain = edge.rig.service("plain", *edge.pods["v2"], kind="LoadBalancer", target=9090)
        edge.kubeconfig = f"{edge.rig.directory}/kubeconfig"
        with open(edge.kubeconfig, "w", encoding="ascii") as out:
            out.write(KUBECONFIG)
        yield edge


def begin(node, *options):
    """Starts another narud beside the one that runs; returns its process."""
    with open(node.log_path, "ab") as log:
        return node.host.popen(node.narud_argv(*options), stdout=log, stderr=log)


def serving(node):
    """The process that answers naructl, as the kernel tells, 0 if there is none."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(f"{node.run_dir}/narud.sock")
        except OSError:
            return 0
        ucred = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(ucred[:4], "little")


def serves(node, process):
    """Waits until that narud is the one that serves, and makes it the node's."""
    eventually(lambda: serving(node) == process.pid, seconds=60)
    eventually(lambda: node.naructl("status", "-o", "json", check=False).stdout.startswith("{"))
    node.narud = process


def loads(edge):
    """At the Gateway new and kept connections and a long answer; at layer 4 new and held flows."""
    made = []
    for family in VIP:
        addr, port = edge.plain.front("LoadBalancer", family)
        for place in (edge.rig.client, edge.caller):
            made += [edge.load("-i", 5, place=place, family=family),
                     edge.load("-k", "-i", 5, place=place, family=family),
                     *(place.start(mode, addr, port, *proto, "-i", 5000).wait_up()
                       for mode in ("who", "hold") for proto in ((), ("-u",)))]
        made.append(edge.rig.client.start_web(VIP[family], 80, "-t", 30, "-H", LONG))
    return made


def in_force(edge, name):
    """Waits until a new route is, in both families: who serves follows the objects."""
    edge.put_route(gw.rule(edge.v1), gw.rule(edge.v2, path=f"/{name}"))
    for family in VIP:
        eventually(lambda f=family: edge.ask("--path", f"/{name}", family=f)["by"] == {"v2": 1})


def no_failure(clients):
    """Ends the clients; nothing failed, and every answer at the Gateway was a 200."""
    for client in clients:
        counts = client.result() if LONG in client.process.args else client.stop()
        assert counts["failed"] == 0 and counts["ok"], (client.process.args, counts)
        assert set(counts.get("statuses", ("200",))) == {"200"}, counts


def test_plain_second_one(edge):
    """Without --take-over a second narud says who is there and ends with status 75."""
    before = edge.node.narud.pid
    second = begin(edge.node, "--take-over", "off")
    assert second.wait(timeout=20) == 75
    assert f"is in use by process {before}" in edge.node.log()
    assert serving(edge.node) == before


def test_takes_over(edge):
    """The next narud serves, the one before ends with status 0, and nobody notices."""
    clients = loads(edge)
    for turn in range(2):
        old = edge.node.narud
        serves(edge.node, begin(edge.node))
        assert old.wait(timeout=20) == 0
        in_force(edge, f"turn-{turn}")
    no_failure(clients)


@pytest.mark.slow
def test_next_one_dies_while_it_waits(edge):
    """The next narud is killed at any moment of its start: one of the two serves, and changes."""
    clients = loads(edge)
    for turn, delay in enumerate((0.05, 0.2, 0.4, 0.8)):
        old, new = edge.node.narud, begin(edge.node)
        time.sleep(delay)
        new.kill()
        new.wait()
        # It may have been ready by then, and the old one have ended.
        if eventually(lambda o=old: serving(edge.node) == o.pid or o.poll() is not None) and \
                old.poll() is not None:
            serves(edge.node, begin(edge.node))
        in_force(edge, f"dead-{turn}")
    no_failure(clients)


def test_next_one_dies_in_between(edge):
    """The next narud is killed when the old one has given up everything: the old one takes it back,
    without the right to load programs, and can be taken over from later."""
    clients = loads(edge)
    old, again = edge.node.narud, edge.node.log().count("this one serves again")
    for turn in range(2):
        known = edge.node.log().count("makes way for another")
        new = begin(edge.node)
        eventually(lambda k=known: edge.node.log().count("makes way for another") > k, pause=0.002)
        new.kill()
        new.wait()
        serves(edge.node, old)
        assert edge.node.log().count("this one serves again") == again + turn + 1
        in_force(edge, f"between-{turn}")
    serves(edge.node, begin(edge.node))
    assert old.wait(timeout=20) == 0
    in_force(edge, "after")
    no_failure(clients)


@pytest.mark.parametrize("sig", (
    signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGSTOP),
                         ids=("killed", "told to end", "hung"))
def test_old_one_fails(edge, sig):
    """The old narud is killed, told to end, or hangs while another one starts: that one serves, and
    a hung one is ended."""
    clients = loads(edge) if sig != signal.SIGTERM else []
    old = edge.node.narud
    new = begin(edge.node)
    old.send_signal(sig)
    assert old.wait(timeout=30) == {signal.SIGTERM: 0}.get(sig, -signal.SIGKILL)
    serves(edge.node, new)
    in_force(edge, f"after-{sig}")
    no_failure(clients)


def test_source_that_is_not_ready(edge):
    """A narud that knows nothing yet, since its API server does not answer, does not take over."""
    argv = edge.node.narud_argv()
    at = argv.index("--manifests")
    argv[at:at + 2] = ["--kubeconfig", edge.kubeconfig]
    known = edge.node.log().count("waits to take over")
    with open(edge.node.log_path, "ab") as log:
        new = edge.node.host.popen(argv, stdout=log, stderr=log)
    eventually(lambda: edge.node.log().count("waits to take over") > known)
    in_force(edge, "unready")
    assert serving(edge.node) == edge.node.narud.pid
    new.terminate()
    assert new.wait(timeout=20) == 0


def test_probe(edge):
    """naructl probe is content with narud of its own PID namespace only."""
    assert edge.node.naructl("probe").returncode == 0
    other = run(["unshare", "--pid", "--fork", "--mount-proc", built("naructl"), "--run-dir",
                 edge.node.run_dir, "probe"], check=False)
    assert other.returncode == 1 and "no narud of this container" in other.stderr, other
    assert edge.node.naructl("--run-dir", "/nowhere", "probe", check=False).returncode == 1


def test_strangers_are_not_listened_to(edge):
    """The socket is root's alone, and whoever gets at it all the same is hung up on."""
    path = f"{edge.node.run_dir}/handover.sock"
    assert os.stat(path).st_mode & 0o777 == 0o600
    os.chmod(path, 0o666)
    os.chmod(edge.node.run_dir, 0o755)
    said = run(["setpriv", "--reuid", "54322", "--clear-groups", "/usr/bin/python3",
                "-c", STRANGER, path])
    assert said.stdout == "b''\n", said
    assert serving(edge.node) == edge.node.narud.pid
