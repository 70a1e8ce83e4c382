# SPDX-License-Identifier: Apache-2.0
"""What an administrator sees and does: naructl, bpftool, a second narud, privileges, clean-up."""
import json
import os
import re
import signal

import pytest
from conftest import PATIENT, answers, made, settled
from proc import built, entered, eventually, run, sanitized

GOLDEN = os.path.join(os.path.dirname(__file__), "golden")
CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF = 12, 38, 39


@pytest.fixture(scope="module")
def cluster():
    """Two nodes, a pod on each, one service of every kind of frontend."""
    with made() as rig:
        first, second = rig.nodes
        pods = [first.pod("web1"), second.pod("web2")]
        for pod in pods:
            pod.serve(8080)
        rig.web = rig.service("web", *pods, kind="LoadBalancer")
        settled(rig, rig.web)
        # Ids are given in the order of arrival.
        empty = rig.service("empty")
        eventually(lambda: empty.name in first.naructl("services").stdout)
        eventually(lambda: answers(rig.client, rig.web, 4))
        yield rig


@pytest.mark.parametrize("command,expected", (
    ("status", ("node1", "eth0", "192.168.77.11")),
    ("services", ("shop/web:web-tcp", "10.96.0.1", "fd96::1", "203.0.113.1", "30001",
                  "shop/empty:web-udp")),
    ("endpoints", ("10.244.1.2", "fd44:0:0:2::2", "8080", "shop/web:web-udp")),
    ("flows", ("192.168.77.100", "10.96.0.1", "shop/web:web-tcp")),
    ("plan", ("shop/web:web-tcp", "10.244.2.2")),
    ("drops", ("no_local_endpoint", "snat_exhausted")),
))
def test_naructl_shows(cluster, command, expected):
    """Each view names things as people do, as a table and as JSON, and finds no problem."""
    hold = cluster.client.start("hold", *cluster.web.front("ClusterIP", 4), "-i", 2000).wait_up()
    table = cluster.nodes[0].naructl(command).stdout
    as_json = cluster.nodes[0].naructl(command, "-o", "json").stdout
    assert hold.stop()["failed"] == 0
    assert json.loads(as_json)
    for word in expected:
        if (command, word) != ("status", "192.168.77.11"):
            assert word in table
            assert word in as_json


@pytest.mark.parametrize("argv", ((), ("no-such-view",), ("status", "--no-such-option"),
                                  ("status", "-o", "xml")))
def test_naructl_usage(cluster, argv):
    """Misuse is exit status 2 and says how to use it."""
    done = cluster.nodes[0].naructl(*argv, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr.lower() or "naructl" in done.stderr


@pytest.mark.parametrize("argv", (("services", "--service", "web"), ("flows", "--event", "drop"),
                                  ("status", "--from", "pod"), ("top", "--yes"),
                                  ("--rounds", "2", "drops")))
def test_options_of_other_commands(cluster, argv):
    """An option without effect is refused by name, not ignored."""
    done = cluster.nodes[0].naructl(*argv, check=False)
    option = next(word for word in argv if word.startswith("--")).replace("yes", "apply")
    assert done.returncode == 2 and f"has no option {option}" in done.stderr


def test_naructl_without_narud(tmp_path):
    """No narud there is a problem found, with its reason."""
    done = run([built("naructl"), "--run-dir", str(tmp_path), "status"], check=False)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr


def normal(rows):
    """A dump as text, one row a line, as bpftool reads it; link addresses differ in each rig."""
    for row in rows:
        if "mac" in row["value"]:
            assert any(row["value"]["mac"])
            row["value"]["mac"] = []
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)


@pytest.mark.parametrize("name", ("svc", "svc_name", "endpoint", "device"))
def test_maps_are_readable(cluster, name):
    """bpftool shows names, ports in host order, address bytes and enumerators as they are."""
    rows = cluster.nodes[0].dump(name)
    with open(f"{GOLDEN}/{name}.txt", encoding="ascii") as golden:
        assert normal(rows) == golden.read()


def test_map_names(cluster):
    """Everything pinned has a name that bpftool shows whole."""
    pins = os.listdir(f"{cluster.nodes[0].bpffs}/naru")
    for name in ("svc", "svc_name", "lut", "ep_list", "endpoint", "flow4", "flow6", "node_addr",
                 "device", "filter", "counters", "meta"):
        assert name in pins
        shown = run(["bpftool", "map", "show", "pinned", cluster.nodes[0].pinned(name)]).stdout
        assert f"name {name} " in shown


@pytest.mark.parametrize("as_root", (False, True), ids=("confined", "root"))
def test_privileges(cluster, as_root):
    """narud runs with the two capabilities that it needs all the time: PERFMON, which loading
    needs, and all that root has are given up."""
    node = cluster.nodes[1]
    node.stop_narud()
    argv = node.narud_argv()
    assert argv[:2] == ["setpriv", "--bounding-set"]
    with open(node.log_path, "ab") as log:
        node.narud = node.host.popen(argv[3:] if as_root else argv, stdout=log, stderr=log)
    eventually(node.answers, seconds=60)
    with open(f"/proc/{node.narud.pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":\t", 1) for line in status.read().splitlines())
    wanted = 1 << CAP_NET_ADMIN | 1 << CAP_BPF
    assert int(fields["CapEff"], 16) == wanted
    assert int(fields["CapPrm"], 16) == wanted
    assert int(fields["CapInh"], 16) == int(fields["CapAmb"], 16) == 0
    assert int(fields["NoNewPrivs"]) == 1
    # What a program with it is refused, and what is left, is in the tests of its fence.
    assert int(fields["Seccomp"]) == (0 if sanitized() else 2)


def test_missing_capability_is_named(cluster):
    """Without PERFMON the verifier would refuse the programs with a screen of its own: narud says
    what it lacks instead."""
    argv = cluster.nodes[0].narud_argv("--run-dir", f"{cluster.directory}/second",
                                       "--l4", "on")
    assert argv[:2] == ["setpriv", "--bounding-set"] and ",+perfmon" in argv[2]
    argv[2] = argv[2].replace(",+perfmon", "")
    done = cluster.nodes[0].host.run(argv, check=False)
    assert done.returncode == 1
    assert "missing capabilities: CAP_PERFMON" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_second_narud_says_so_and_ends(cluster):
    """A second narud on the same pins exits with 75 and names the reason; the first goes on."""
    node = cluster.nodes[0]
    done = node.host.run(node.narud_argv("--run-dir", f"{cluster.directory}/second"), check=False)
    assert done.returncode == 75
    assert "naru" in done.stderr and re.search(r"running|lock|another", done.stderr)
    assert node.narud.poll() is None
    assert answers(node.host, cluster.web, 4, *PATIENT)


def test_check_mode(cluster):
    """narud --check --print-plan compiles without touching the kernel; what is wrong is told by
    exit status and text."""
    argv = [built("narud"), "--manifests", cluster.manifests.directory, "--node-name", "node1",
            "--check", "--print-plan"]
    done = run(argv)
    assert "shop/web:web-tcp" in done.stdout and "10.244.1.2" in done.stdout
    assert re.fullmatch(r"services [1-9]\d*, listeners \d+, rules of routes \d+, "
                        r"objects of other kinds skipped 0, errors 0, warnings 0\n",
                        run(argv[:-1]).stdout)
    cluster.manifests.write("broken.yaml", "kind: Service\nspec: {ports: [unclosed\n")
    try:
        done = run(argv, check=False)
    finally:
        cluster.manifests.remove("broken.yaml")
    assert done.returncode == 1
    assert "broken.yaml:" in done.stdout + done.stderr


def objects_behind(directory):
    """Ids of the maps and programs that are pinned below a directory or reached by its links."""
    ids = set()
    for root, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(root, name)
            for kind in ("map", "link", "prog"):
                done = run(["bpftool", "-j", kind, "show", "pinned", path], check=False)
                if done.returncode == 0 and "error" not in done.stdout:
                    shown = json.loads(done.stdout)
                    ids.add((kind, shown["id"]))
                    if "prog_id" in shown:
                        ids.add(("prog", shown["prog_id"]))
                    break
    return ids


def alive(ids):
    """Those of the ids that the kernel still has."""
    now = {(kind, row["id"]) for kind in ("map", "link", "prog")
           for row in json.loads(run(["bpftool", "-j", kind, "show"]).stdout)}
    return ids & now


def attached(node):
    """What bpftool finds attached to the node's devices and sockets."""
    with entered(node.netns):
        net = json.loads(run(["bpftool", "-j", "net"]).stdout)[0]
    sockets = run(["bpftool", "-j", "cgroup", "tree", node.cgroup]).stdout
    return [row for rows in net.values() for row in rows], sockets


@pytest.mark.parametrize("shape", ({}, {"xdp": "native"}, {"narud_options": ("--tc", "clsact")}),
                         ids=("tcx", "xdp", "clsact"))
def test_cleanup_leaves_no_trace(shape):
    """naructl cleanup refuses beside a running narud; after its end it takes away every program,
    map, link and pin, and naru can start again from nothing."""
    with made(narud=False, **shape) as rig:
        node = rig.nodes[0]
        pod = node.pod("web1")
        pod.serve(8080)
        nothing = attached(node)
        node.start_narud()
        service = rig.service("web", pod, kind="LoadBalancer")
        eventually(lambda: answers(rig.client, service, 4))
        ids = objects_behind(f"{node.bpffs}/naru")
        assert len(ids) > 20 and alive(ids) == ids
        assert attached(node) != nothing
        assert node.naructl("cleanup", "--bpffs", node.bpffs, check=False).returncode == 1
        assert answers(rig.client, service, 4, *PATIENT)
        node.stop_narud()
        assert answers(rig.client, service, 4, *PATIENT)
        cleanup = [built("naructl"), "cleanup", "--bpffs", node.bpffs]
        assert node.host.run(cleanup).returncode == 0
        assert os.listdir(node.bpffs) == []
        assert attached(node) == nothing
        eventually(lambda: not alive(ids))
        assert node.host.run(cleanup).returncode == 0
        node.start_narud()
        eventually(lambda: answers(rig.client, service, 4))


def test_wrong_folder_touches_nothing():
    """narud told to read a folder that is not there says so before it attaches anything."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        argv = node.narud_argv("--manifests", f"{rig.directory}/no-such-folder")
        done = node.host.run(argv, check=False)
        assert done.returncode == 1
        assert "no-such-folder" in done.stderr
        assert os.listdir(node.bpffs) == []


def test_default_device_is_that_of_the_default_route():
    """Without --device narud serves the device of the default routes."""
    with made(narud=False) as rig:
        node = rig.nodes[0]
        pod = node.pod("web1")
        pod.serve(8080)
        service = rig.service("web", pod, kind="NodePort")
        argv = node.narud_argv()
        at = argv.index("--device")
        del argv[at:at + 2]
        with open(node.log_path, "ab") as log:
            node.narud = node.host.popen(argv, stdout=log, stderr=log)
        for family in (4, 6):
            eventually(lambda f=family: answers(rig.client, service, f, kind="NodePort", node=node))
        eventually(node.answers)
        assert node.stop_narud(signal.SIGINT) == 0
