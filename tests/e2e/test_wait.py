# SPDX-License-Identifier: Apache-2.0
"""naructl status --wait: for scripts that change something and go on when it is in force."""
import subprocess

import pytest
from conftest import made
from proc import built

BROKEN = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bad", "namespace": "shop"},
          "spec": {"clusterIP": "10.96.7.7", "ports": [{"name": "http", "port": "eighty"}]}}


@pytest.fixture(scope="module", name="rig")
def fixture_rig():
    """A node without narud."""
    with made(narud=False, nodes=1) as rig:
        yield rig


def waiting(node, *options):
    """naructl at work."""
    return subprocess.Popen([built("naructl"), "--run-dir", node.run_dir, "status", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_until_narud_is_there(rig):
    """Who asks before narud runs gets the answer when it does."""
    node = rig.nodes[0]
    process = waiting(node, "--wait")
    assert process.poll() is None
    node.start_narud()
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0 and ": fine" in out and not said, (out, said)


def test_until_a_problem_is_gone(rig):
    """A problem is waited out; what is left at the end is shown, with exit status 1."""
    node = rig.nodes[0]
    rig.manifests.put("bad.yaml", BROKEN)
    process = waiting(node, "--wait=0.5")
    out, _ = process.communicate(timeout=60)
    # Before narud has read the file it is fine.
    while process.returncode == 0:
        process = waiting(node, "--wait=0.5")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "Service shop/bad" in out, out
    process = waiting(node, "--wait", "-o", "json")
    rig.manifests.remove("bad.yaml")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and '"problems":[]' in out, out


def test_nobody(rig):
    """Without narud the end of the wait is an error like without a wait."""
    process = waiting(rig.nodes[0], "--socket", f"{rig.directory}/none", "--wait=0.3")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "no narud answers" in said


@pytest.mark.parametrize("value", ("x", "-1", "1e9"))
def test_usage(rig, value):
    """A wait that is no time is refused."""
    process = waiting(rig.nodes[0], f"--wait={value}")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and "--wait" in said
