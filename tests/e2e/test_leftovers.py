# SPDX-License-Identifier: Apache-2.0
"""naructl cleanup --kube-proxy: exactly what kube-proxy has left goes, and only when asked for."""
import shutil

import leftovers
import pytest
from conftest import made
from proc import built, eventually


@pytest.fixture(name="node")
def fixture_node():
    """A node without narud; a Service and two pods for kube-proxy to have had rules for."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        node.left = (rig.service("web", node.pod("one"), node.pod("two"), kind="LoadBalancer"),
                     list(node.pods.values()))
        yield node


def cleanup(node, *options, check=True, env=None):
    """Runs the command on the node."""
    argv = [*(env or ()), built("naructl"), "cleanup", "--kube-proxy", *options]
    return node.host.run(argv, check=check)


def lines_of(texts):
    """Every line with the tool that shows it."""
    return {(tool, line) for tool, lines in texts.items() for line in lines}


@pytest.mark.parametrize("mode", leftovers.MODES)
def test_exactly_these(node, mode):
    """Without --apply nothing changes and each line is named; with it the rules are what they were
    before kube-proxy, line by line; a second time there is nothing to do."""
    leftovers.foreign(node.netns, "legacy" if mode == "legacy" else "nft")
    before = leftovers.saved(node.netns)
    leftovers.kube_proxy(node.netns, mode, *node.left)
    full = leftovers.saved(node.netns)
    done = cleanup(node)
    assert "nothing was changed" in done.stdout
    assert leftovers.saved(node.netns) == full
    told = done.stdout
    added = lines_of(full) - lines_of(before)
    assert added
    for tool, line in added:
        # What iptables writes by way of nftables is told once, as iptables has it.
        if tool != "nft" or mode == "nftables":
            assert line.split(" ")[0].strip() in told if line.startswith(":") else line in told
    kept = {line for _, line in lines_of(before) if line.startswith("-A")}
    assert kept and not [line for line in kept if line in told]
    assert cleanup(node, "--apply").stdout.endswith("\nremoved\n")
    assert leftovers.saved(node.netns) == before
    assert "nothing of kube-proxy is left" in cleanup(node, "--yes").stdout
    assert leftovers.saved(node.netns) == before


@pytest.mark.parametrize("variant", leftovers.VARIANTS)
def test_comments_of_several_lines(node, variant):
    """What stands in a comment of somebody else is no rule, though it looks like one."""
    tool = f"iptables-{variant}"
    leftovers.foreign(node.netns, variant)
    for table, comment in (("nat", "mine\n-A POSTROUTING -j KUBE-SERVICES\nCOMMIT"),
                           ("filter", "a \"b\" \\\n:KUBE-FORWARD - [0:0]\n-A KUBE-FORWARD -j DROP"),
                           ("filter", "\n*nat\n-A OUTPUT -j KUBE-SERVICES")):
        node.host.run([tool, "-t", table, "-A", "OUTPUT", "-m", "comment", "--comment", comment,
                       "-j", "ACCEPT"])
    before = leftovers.saved(node.netns)
    leftovers.kube_proxy(node.netns, variant, *node.left)
    assert cleanup(node, "--apply").stdout.endswith("\nremoved\n")
    assert leftovers.saved(node.netns) == before


@pytest.mark.parametrize("variant", leftovers.VARIANTS)
def test_chain_in_use_by_others_stays(node, variant):
    """A rule of somebody else that leads to a chain of kube-proxy keeps it alive, and what it
    leads to itself."""
    leftovers.foreign(node.netns, variant)
    leftovers.kube_proxy(node.netns, variant, *node.left)
    theirs = ("-A CNI-HOSTPORT-DNAT -p tcp -m tcp --dport 8444 -j KUBE-MARK-MASQ",
              "-A PREROUTING -p tcp -m tcp --dport 8445 -j KUBE-SVC-2ABCDEFGHIJKLMNO")
    for family in (4, 6):
        leftovers.restore(node.netns, variant, family, "\n".join(("*nat", *theirs, "COMMIT", "")))
    done = cleanup(node, "--apply")
    for family in (4, 6):
        tool = f"{leftovers.TOOL[family]}-{variant}"
        now = leftovers.saved(node.netns)[tool]
        for line in theirs:
            assert line in now
        chains = {line[1:].split(" ")[0] for line in now if line.startswith(":KUBE")}
        assert chains == {"KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY", "KUBE-FIREWALL",
                          "KUBE-MARK-DROP", "KUBE-MARK-MASQ", "KUBE-SVC-2ABCDEFGHIJKLMNO",
                          "KUBE-SEP-AAAAAAAAAAAAAAA1", "KUBE-SEP-AAAAAAAAAAAAAAA2"}
        assert "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000" in now
        assert f"{tool} nat: KUBE-MARK-MASQ stays: rules of others lead to it" in done.stdout


def test_running_kube_proxy(node):
    """Beside a running kube-proxy nothing is removed: it would write it all again."""
    leftovers.kube_proxy(node.netns, "legacy", *node.left)
    full = leftovers.saved(node.netns)
    program = shutil.copy("/usr/bin/sleep", f"{node.rig.directory}/kube-proxy")
    running = node.host.popen([program, "1000"])
    try:
        done = eventually(lambda: (d := cleanup(node, "--apply", check=False)).returncode and d)
        assert f"pid {running.pid}" in done.stderr
        assert leftovers.saved(node.netns) == full
        assert cleanup(node).returncode == 0
    finally:
        running.kill()
        running.wait()
    assert cleanup(node, "--apply").returncode == 0


@pytest.mark.parametrize("options", ((), ("--apply",)))
@pytest.mark.parametrize("problem", ("is not installed", "failed"))
def test_missing_tools_are_named(node, tmp_path, problem, options):
    """Without the tools nobody can tell: that is said, not taken for nothing."""
    for mode in ("nft", "legacy"):
        leftovers.kube_proxy(node.netns, mode, *node.left)
    if problem == "failed":
        leftovers.broken_tools(tmp_path)
    done = cleanup(node, *options, check=False, env=("env", f"PATH={tmp_path}"))
    for tool in ("iptables-legacy-save", "ip6tables-nft-save", "nft"):
        assert f"{tool} {problem}" in done.stdout
    assert "could not be seen" in done.stdout and "is left" not in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("tables", (False, True))
@pytest.mark.parametrize("variant", leftovers.VARIANTS)
def test_tools_of_nothing_may_miss(node, tmp_path, variant, tables):
    """A variant that has no table here needs no tool to be seen as empty; one that has does."""
    for name in ("iptables", "ip6tables"):
        other = "nft" if variant == "legacy" else "legacy"
        (tmp_path / f"{name}-{other}-save").symlink_to(shutil.which(f"{name}-{other}-save"))
        if tables:
            node.host.run([f"{name}-{variant}", "-t", "nat", "-N", "MINE"])
    (tmp_path / "nft").symlink_to(shutil.which("nft"))
    done = cleanup(node, check=False, env=("env", f"PATH={tmp_path}"))
    assert done.returncode == (1 if tables else 0)
    assert (f"iptables-{variant}-save is not installed" in done.stdout) == tables
    assert ("nothing of kube-proxy is left" in done.stdout) != tables


def test_ipvs_device(node):
    """The device on which the ipvs mode keeps its addresses goes, too; others do not."""
    for name in ("kube-ipvs0", "kube-ipvs1"):
        node.host.run(["ip", "link", "add", name, "type", "bridge"])
    assert "kube-ipvs0" in cleanup(node).stdout
    cleanup(node, "--apply")
    devices = node.host.run(["ip", "-o", "link"]).stdout
    assert "kube-ipvs0" not in devices and "kube-ipvs1" in devices
