# SPDX-License-Identifier: Apache-2.0
"""The rig itself: what the other tests conclude rests on it."""
import os
import signal
import subprocess
import sys

import pytest
from conftest import made
from edge import edge_made
from proc import eventually
from rig import sysctl

SHAPES = {"ptp": {}, "bridge": {"pods": "bridge"}, "vxlan": {"overlay": True},
          "bridge-vxlan": {"pods": "bridge", "overlay": True}, "xdp": {"xdp": "native"}}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_everyone_reaches_everyone(shape):
    """Without narud the network is a plain one: pods and hosts reach pods with their own address
    and connection tracking finds nothing invalid. Cluster addresses reach nobody."""
    with made(narud=False, **shape) as rig:
        first, second = rig.nodes
        pods = [first.pod("a"), first.pod("b"), second.pod("c")]
        for pod in pods:
            pod.serve(8080)
        second.host.serve(8080)
        service = rig.service("web", *pods)
        for family in (4, 6):
            for options in ((), ("-u",), ("-x",)):
                for source in (pods[0], pods[0].outside, pods[2], first.host, second.host):
                    for target in pods:
                        counts = source.ask(target.addr[family], 8080, *options)
                        assert counts["by"] == {target.name: 1}
                assert rig.client.ask(second.addr[family], 8080, *options)["ok"] == 1
            refused = pods[0].ask(*service.front("ClusterIP", family), "-t", 100)
            assert refused["failed"] == 1
        for node in rig.nodes:
            assert node.ct_count("invalid") == 0


def test_client_counts_failures():
    """The client program sees refusal, silence and an end of the server, and says which."""
    with made(narud=False, nodes=1) as rig:
        pod = rig.nodes[0].pod("a")
        counts = rig.nodes[0].host.ask(pod.addr[4], 8080, n=3)
        assert counts["errors"] == {"ECONNREFUSED": 3}
        counts = rig.nodes[0].host.ask(pod.addr[4], 8080, "-u", n=3)
        assert counts["errors"] == {"ECONNREFUSED": 3}
        counts = rig.client.ask("192.168.77.250", 8080, "-u", "-t", 50)
        assert counts["errors"] == {"timeout": 1}
        server = pod.serve(8080)
        hold = rig.nodes[0].host.start("hold", pod.addr[6], 8080, "-i", 1000).wait_up()
        server.kill()
        server.wait()
        counts = hold.result()
        assert counts["failed"] == 1 and set(counts["errors"]) <= {"closed by server", "ECONNRESET"}


def test_clients_share_no_port():
    """An answer reaches the socket that asked, however few ports there are."""
    with made(narud=False, nodes=1) as rig:
        host, pod = rig.nodes[0].host, rig.nodes[0].pod("a")
        pod.serve(8080)
        sysctl(host.netns, ipv4__ip_local_port_range="40000 40007")
        for family in (4, 6):
            hold = host.start("hold", pod.addr[family], 8080, "-u", "-i", 500).wait_up()
            for counts in (host.ask(pod.addr[family], 8080, "-u", n=200), hold.stop()):
                assert counts["failed"] == 0, counts


def test_crash_is_a_failure():
    """A proxy that crashes fails the tests of its rig, though another takes its place at once."""
    def pid(edge):
        return edge.node.naructl_json("status")["l7"]["proxy"].get("pid", 0)

    with pytest.raises(AssertionError, match="was ended by signal 6"), edge_made(nodes=1) as edge:
        os.kill(old := pid(edge), signal.SIGABRT)
        eventually(lambda: pid(edge) not in (0, old))
        edge.settled()


@pytest.mark.parametrize("sig", (signal.SIGTERM, signal.SIGINT), ids=("term", "int"))
def test_signal_removes_everything(sig):
    """A rig whose maker is told to stop leaves nothing behind."""
    script = ("import conftest, rig, time\n"
              "with rig.Rig() as r:\n"
              "    r.nodes[0].pod('a').serve(8080)\n"
              "    print(r.id, flush=True)\n"
              "    time.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, cwd=os.path.dirname(__file__)) as maker:
        rig_id = maker.stdout.readline().decode().strip()
        assert any(rig_id in name for name in os.listdir("/run/netns"))
        maker.send_signal(sig)
        assert maker.wait() != 0
    eventually(lambda: not [name for name in os.listdir("/run/netns") if rig_id in name])
    assert not os.path.exists(f"/sys/fs/bpf/{rig_id}")
    assert not [name for name in os.listdir("/tmp") if name.startswith(rig_id)]
