# SPDX-License-Identifier: Apache-2.0
"""naructl preflight: each obstacle is named with what to do; a node that is fine has none."""
import json
import shutil

import leftovers
import pytest
from conftest import made
from proc import built, eventually

XDP = built("bpf/xdp_pass.bpf.o")
DENY = built("bpf/tc_deny.bpf.o")
CHAIN = "add table inet fence\nadd chain inet fence block { type filter hook forward priority 0; " \
        "policy drop; }\n"


@pytest.fixture(scope="module")
def node():
    """A node without narud, with XDP-ready devices."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        node.left = (rig.service("web", node.pod("one"), node.pod("two"), kind="LoadBalancer"),
                     list(node.pods.values()))
        yield node


def preflight(node, *options, env=()):
    """Exit status and the findings, as (level, check, text with advice)."""
    argv = [*env, built("naructl"), "preflight", "--bpffs", node.bpffs, "-o", "json", *options]
    done = node.host.run(argv, check=False)
    rows = json.loads(done.stdout)["checks"]
    assert all(row["do"] for row in rows if row["level"] != "fine"), rows
    return done.returncode, [(r["level"], r["check"], f"{r['finding']} {r['do']}") for r in rows]


def bad(rows):
    """Findings that are not fine."""
    return [row for row in rows if row[0] != "fine"]


def shell(node, *lines, stdin=None):
    """Runs command lines on the node."""
    for line in lines:
        node.host.run(line.split(" "), stdin=stdin)


def test_nothing_in_the_way(node):
    """All checks are there, and all are fine; as text, too."""
    status, rows = preflight(node)
    assert status == 0 and not bad(rows), rows
    assert {row[1] for row in rows} >= {
        "kernel", "bpffs", "cgroup2", "kube-proxy", "rules of kube-proxy", "forwarding",
        "rp_filter", "bridges", "programs", "marks", "source ports", "probe port"}
    assert [row for row in rows if row[1] == "rp_filter" and "strict on" in row[2]]
    text = node.host.run([built("naructl"), "preflight", "--bpffs", node.bpffs]).stdout
    assert "fine     kernel: " in text and "fatal" not in text


def test_without_privilege(node):
    """Who may load no program learns that, and not that the kernel lacks everything."""
    status, rows = preflight(node, env=("setpriv", "--bounding-set", "-all"))
    assert status == 1
    assert [row for row in rows if row[1] == "kernel"] == [
        ("fatal", "kernel", "what it has only root can find out run naructl as root")]


# What is done, what undoes it, level, check and words of the one finding.
OBSTACLES = {
    "iptables drops": (("iptables-legacy -P FORWARD DROP",), ("iptables-legacy -P FORWARD ACCEPT",),
                       "fatal", "forwarding", "iptables-legacy' FORWARD"),
    "ip6tables drops": (("ip6tables-nft -P FORWARD DROP",), ("ip6tables-nft -P FORWARD ACCEPT",),
                        "fatal", "forwarding", "ip6tables-nft' FORWARD"),
    "only docker": (("iptables-nft -P FORWARD DROP",
                     "iptables-nft -A FORWARD -i docker0 -j ACCEPT",
                     "iptables-nft -A FORWARD -p udp -j DROP"),
                    ("iptables-nft -P FORWARD ACCEPT", "iptables-nft -F FORWARD"),
                    "fatal", "forwarding", "POD_CIDR"),
    "no IPv4 forwarding": (("sysctl -w net.ipv4.ip_forward=0",),
                           ("sysctl -w net.ipv4.ip_forward=1",
                            "sysctl -w net.ipv4.conf.all.rp_filter=1"),
                           "fatal", "forwarding", "net.ipv4.ip_forward=1"),
    "no IPv6 forwarding": (("sysctl -w net.ipv6.conf.all.forwarding=0",),
                           ("sysctl -w net.ipv6.conf.all.forwarding=1",),
                           "warning", "forwarding", "net.ipv6.conf.all.forwarding=1"),
    "port ranges overlap": (("sysctl -w net.ipv4.ip_local_port_range=20000\t60999",),
                            ("sysctl -w net.ipv4.ip_local_port_range=32768\t60999",),
                            "warning", "source ports", "20000-60999"),
    "foreign XDP": ((f"ip link set dev eth0 xdpgeneric obj {XDP} sec xdp",),
                    ("ip link set dev eth0 xdpgeneric off",),
                    "warning", "programs", "eth0: the XDP program xdp_pass stays"),
    "foreign TC": (("tc qdisc add dev eth0 clsact",
                    f"tc filter add dev eth0 ingress bpf da obj {DENY} sec tc"),
                   ("tc qdisc del dev eth0 clsact",),
                   "warning", "programs", "eth0: clsact ingress has the program"),
    "marks of others": (("iptables-nft -t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j "
                         "MASQUERADE",), ("iptables-nft -t nat -F POSTROUTING",),
                        "warning", "marks", "1 rules of others"),
    "ipvs": (("ip link add kube-ipvs0 type bridge",), ("ip link del kube-ipvs0",),
             "warning", "rules of kube-proxy", "kube-ipvs0"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_obstacle(node, name):
    """One obstacle is one finding, fatal ones are exit status 1; without it all is fine again."""
    put, take, level, check, words = OBSTACLES[name]
    shell(node, *put)
    try:
        status, rows = preflight(node)
    finally:
        shell(node, *take)
    assert [row[:2] for row in bad(rows)] == [(level, check)], rows
    assert words in bad(rows)[0][2]
    assert status == (1 if level == "fatal" else 0)
    assert preflight(node)[0] == 0 and not bad(preflight(node)[1])


@pytest.mark.parametrize("rule,level", (
    ("", "fatal"), ("add rule inet fence block counter\n", "fatal"),
    ("add rule inet fence block ip saddr 10.0.0.0/8 accept\n", "fine")))
def test_chain_of_nftables(node, rule, level):
    """A chain that somebody made with nft, with and without exceptions."""
    shell(node, "nft -f -", stdin=CHAIN + rule)
    try:
        status, rows = preflight(node)
    finally:
        shell(node, "nft delete table inet fence")
    assert status == (1 if level == "fatal" else 0)
    assert [row for row in rows if row[0] == level and "inet fence block" in row[2]], rows


@pytest.mark.parametrize("mode", leftovers.MODES)
def test_leftovers(mode):
    """What kube-proxy has left is counted for each tool; a DROP policy that only its rule makes an
    exception to is fatal, one that a CNI has an exception to is not."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        left = (rig.service("web", node.pod("one"), node.pod("two"), kind="LoadBalancer"),
                list(node.pods.values()))
        leftovers.kube_proxy(node.netns, mode, *left)
        found = [row for row in bad(preflight(node)[1]) if row[1] == "rules of kube-proxy"]
        assert len(found) == 2 and all("naructl cleanup --kube-proxy" in row[2] for row in found)
        if mode == "nftables":
            assert "table ip6 kube-proxy" in found[1][2]
            return
        assert "has 17 chains, 21 rules, 12 jumps" in found[0][2], found
        shell(node, f"iptables-{mode} -P FORWARD DROP")
        assert preflight(node)[0] == 1
        leftovers.foreign(node.netns, mode)
        status, rows = preflight(node)
        assert status == 0
        assert [r for r in rows if r[0] == "fine" and "drops by default, but" in r[2]], rows


def test_processes(node):
    """A running kube-proxy, and whoever has the port of /healthz, are named."""
    program = shutil.copy("/usr/bin/sleep", f"{node.rig.directory}/kube-proxy")
    running = [node.host.popen([program, "1000"]),
               node.host.popen(["/usr/bin/python3", "-m", "http.server", "10256"])]
    try:
        rows = eventually(lambda: (b := bad(preflight(node)[1])) and len(b) == 2 and b)
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert rows[0][:2] == ("warning", "kube-proxy") and f"pid {running[0].pid}" in rows[0][2]
    assert rows[1][:2] == ("warning", "probe port") and "python3" in rows[1][2]


def test_mounts(node, tmp_path):
    """No bpffs is fatal, and so is a cgroup that is none."""
    for option in ("bpffs", "cgroup"):
        status, rows = preflight(node, f"--{option}", str(tmp_path))
        assert status == 1
        assert [row[1] for row in rows if row[0] == "fatal"] == [option.replace("up", "up2")]
    _, rows = preflight(node, env=("env", f"NARU_CGROUP={node.cgroup}"))
    assert [row for row in rows if row[:2] == ("fine", "cgroup2") and node.cgroup in row[2]], rows


@pytest.mark.parametrize("l4,level", (("off", "warning"), ("auto", "fatal")))
def test_forwarding_matters_to_services(node, l4, level):
    """A node that serves Gateways alone forwards nothing."""
    shell(node, "sysctl -w net.ipv4.ip_forward=0")
    try:
        _, rows = preflight(node, env=("env", f"NARU_L4={l4}"))
    finally:
        shell(node, "sysctl -w net.ipv4.ip_forward=1", "sysctl -w net.ipv4.conf.all.rp_filter=1")
    assert (level, "forwarding") in [row[:2] for row in rows]


@pytest.mark.parametrize("problem", ("is not installed", "failed"))
def test_tools(node, tmp_path, problem):
    """Tools that are missing or fail are named, and nothing that they would tell is fine."""
    if problem == "failed":
        leftovers.broken_tools(tmp_path)
    shell(node, "tc qdisc add dev eth0 clsact",
          f"tc filter add dev eth0 ingress bpf da obj {DENY} sec tc")
    try:
        status, rows = preflight(node, env=("env", f"PATH={tmp_path}"))
    finally:
        shell(node, "tc qdisc del dev eth0 clsact")
    assert status == 0
    for words in (f"iptables-nft-save {problem}", f"nft {problem}: nobody can tell",
                  f"chains of nftables cannot be listed: nft {problem}",
                  f"eth0: filters of clsact ingress cannot be listed: tc {problem}"):
        assert [row for row in bad(rows) if words in row[2]], rows
    fine = [row[2] for row in rows if row[0] == "fine"]
    for words in ("none seen", "no chain seen", "no rule of others", "none of others"):
        assert not [text for text in fine if words in text]


def test_beside_narud():
    """With narud at work nothing is in the way: its own programs and port are its own, also to who
    has no more rights than its pod."""
    with made(nodes=1, xdp="native") as rig:
        node = rig.nodes[0]
        status, rows = eventually(
            lambda: (found := preflight(node)) and not bad(found[1]) and found)
        assert status == 0 and [row for row in rows if "10256 is narud's" in row[2]]
        rights = ("setpriv", "--bounding-set", "-all,+bpf,+net_admin,+perfmon")
        _, rows = preflight(node, env=rights)
        assert [row for row in rows if "10256 is narud's" in row[2]], rows
