# SPDX-License-Identifier: Apache-2.0
"""The gateway without the rest: at 127.0.0.1 without devices, beside a kube-proxy with --l4 off,
and for an ordinary user without any privilege."""
import os
import shutil
import signal

import gateway as gw
import pytest
from conftest import made
from edge import VIP, edge_made
from proc import built, eventually, run, sanitized

QUICK_START = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "demo", "quick-start")
USER = 54321
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def test_l4_off(family):
    """--l4 off serves the Gateway and touches no Service."""
    with edge_made(nodes=1, narud_options=("--l4", "off")) as edge:
        counts = edge.ask("-n", 20, family=family)
        assert counts["failed"] == 0 and counts["statuses"] == {"200": 20}, counts
        assert edge.node.host.ask(*edge.v1.front("ClusterIP", family), "-t", 500)["ok"] == 0
        for command in ("flows", "top", "observe"):
            done = edge.node.naructl(command, check=False)
            assert done.returncode and "Services are not served here" in done.stderr, command
        edge.node.host.serve(2222, "sshd")
        assert edge.rig.client.ask(VIP[family], 2222, "-t", 1000)["ok"] == 0


def test_port_taken(family):
    """A port that the host listens on is a condition, not a hijack; it is served when free."""
    with edge_made(nodes=1) as edge:
        host = edge.node.host.serve_web(8000, "host")
        edge.put_gateway(gw.listener("http", 8000), addresses=LOOPBACK.values(), name="local")
        edge.put_route(gw.rule(edge.v2), name="local-route", parent="local")
        found = eventually(lambda: [d for d in edge.node.naructl_json("status")["diagnostics"]
                                    if "local" in d["object"] and "8000" in d["reason"]])
        assert found
        ask = edge.node.host.ask_web
        assert ask(LOOPBACK[family], 8000, "-n", 5)["by"] == {"host": 5}
        host.kill()
        host.wait()
        eventually(lambda: ask(LOOPBACK[family], 8000, "-t", 1)["by"] == {"v2": 1})


@pytest.mark.parametrize("l4", ("on", "off"))
def test_loopback(l4, family):
    """A Gateway at 127.0.0.1 and ::1 works with no device at all."""
    with made(narud=False, nodes=1, narud_options=("--l4", l4)) as rig:
        node = rig.nodes[0]
        run(["ip", "-n", node.netns, "link", "delete", "eth0"])
        node.host.serve_web(9000, "app")
        write_quick_start(rig.manifests.put)
        node.start_narud()
        eventually(lambda: node.host.ask_web(LOOPBACK[family], 8080, "-t", 1)["by"] == {"app": 1})


def test_ordinary_user(family):
    """README's quick start: a user without any right starts narud on the folder, is told what it
    does without, and is served; changes take effect; SIGTERM ends both programs."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        for name in os.listdir(QUICK_START):
            shutil.copy(f"{QUICK_START}/{name}", rig.manifests.directory)
        rig.manifests.remove("cluster.yaml")
        node.host.serve_web(9000, "app")
        os.chown(node.run_dir, USER, USER)
        argv = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups",
                "--bounding-set", "-all", "--no-new-privs", built("narud"), "--manifests",
                rig.manifests.directory, "--run-dir", node.run_dir, "--drain-time", "3"]
        with open(node.log_path, "ab") as log:
            node.narud = node.host.popen(argv, stdout=log, stderr=log)
        ask = node.host.ask_web
        eventually(lambda: ask(LOOPBACK[family], 8080, "-t", 1)["by"] == {"app": 1})
        assert "ordinary sockets" in node.log()
        status = node.naructl_json("status")
        assert status["l4"] is False and status["l7"]["by"] == "sockets", status["l7"]
        pid = status["l7"]["proxy"]["pid"]
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":\t", 1) for line in file.read().splitlines())
        assert int(fields["CapEff"], 16) == 0
        # Sanitizers trace their own process, which a filter would not let them.
        assert fields["Seccomp"].strip() == ("0" if sanitized() else "2")
        assert fields["Uid"].split()[0] == str(USER)
        for process in (node.narud.pid, pid):
            # Root's, that is: no core of it is written, and nobody of this user looks inside.
            assert os.stat(f"/proc/{process}/mem").st_uid == 0
        with open(f"{QUICK_START}/gateway.yaml", encoding="utf-8") as source:
            text = source.read().replace("port: 8080", "port: 8081")
        rig.manifests.write("gateway.yaml", text)
        eventually(lambda: ask(LOOPBACK[family], 8081, "-t", 1)["by"] == {"app": 1})
        eventually(lambda: ask(LOOPBACK[family], 8080, "-t", 1)["ok"] == 0)
        node.narud.send_signal(signal.SIGTERM)
        assert node.narud.wait(timeout=20) == 0
        eventually(lambda: not os.path.exists(f"/proc/{pid}"))


def write_quick_start(put):
    """A Gateway at loopback and a backend of this host, which Kubernetes would not let be."""
    put("quick.yaml", gw.CLASS,
        gw.gateway("local", [gw.listener("http", 8080)], LOOPBACK.values()),
        gw.route("local", gw.rule(gw.backend("app")), parent="local"),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app", "namespace": "shop"},
         "spec": {"clusterIP": "None", "ports": [{"port": 80, "targetPort": 9000}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
         "metadata": {"name": "app", "namespace": "shop",
                      "labels": {"kubernetes.io/service-name": "app"}},
         "addressType": "IPv4", "ports": [{"port": 9000, "protocol": "TCP"}],
         "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}]})
