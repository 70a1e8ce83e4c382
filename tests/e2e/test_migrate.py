# SPDX-License-Identifier: Apache-2.0
"""naructl migrate kube-proxy --dry-run: what its configuration becomes, in each form in which an
administrator has it."""
import json
import textwrap

import pytest
from proc import built, run

# As kubeadm writes it, with some of the values that people change.
CONFIG = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
  qps: 0
clusterCIDR: 10.244.0.0/16
conntrack:
  maxPerCore: null
  tcpEstablishedTimeout: 2h0m0s
detectLocal:
  bridgeInterface: ""
healthzBindAddress: 10.1.2.3
hostnameOverride: node7
iptables:
  localhostNodePorts: null
  masqueradeBit: 14
  syncPeriod: 0s
kind: KubeProxyConfiguration
metricsBindAddress: "[::1]:9999"
mode: ipvs
ipvs:
  scheduler: wrr
nodePortAddresses: [192.0.2.0/24, "2001:db8::/32"]
futureSetting: 7
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-proxy, namespace: kube-system}
data:
  kubeconfig.conf: "kind: Config"
  config.conf: |
""" + textwrap.indent(CONFIG, "    ")
FLAGS = ("/usr/local/bin/kube-proxy --hostname-override node7 \\\n  --proxy-mode=iptables "
         "--healthz-bind-address=::1 --metrics-bind-address=0.0.0.0:10249 --masquerade-all "
         "--nodeport-addresses=primary --iptables-sync-period=5s\n")


def migrate(text, *options):
    """Exit status, standard output and standard error."""
    done = run([built("naructl"), "migrate", "kube-proxy", *options], stdin=text, check=False)
    return done.returncode, done.stdout, done.stderr


def becomes(text):
    """What each setting becomes."""
    _, out, _ = migrate(text, "--dry-run", "-o", "json")
    return {row["setting"]: row["option"] or row["becomes"] for row in json.loads(out)}


@pytest.mark.parametrize("text", (CONFIG, CONFIG_MAP), ids=("configuration", "config-map"))
def test_configuration(text):
    """Options where there are some, reasons where there are none; what is not set is not told."""
    assert becomes(text) == {
        "bindAddress": "not needed",
        "clientConnection.kubeconfig": "not needed",
        "clusterCIDR": "not needed",
        "conntrack.tcpEstablishedTimeout": "no counterpart",
        "healthzBindAddress": "--healthz=10.1.2.3:10256",
        "hostnameOverride": "--node-name=node7",
        "iptables.masqueradeBit": "not needed",
        "metricsBindAddress": "--admin=[::1]:9999",
        "mode": "not needed",
        "ipvs.scheduler": "no counterpart",
        "nodePortAddresses": "--nodeport-addresses=192.0.2.0/24,2001:db8::/32",
        "futureSetting": "no counterpart",
    }
    status, out, _ = migrate(text, "--dry-run")
    assert status == 1 and "3 without a counterpart" in out and "always Maglev" in out


def test_command_line():
    """Options as a unit file or a manifest has them."""
    assert becomes(FLAGS) == {
        "hostname-override": "--node-name=node7",
        "proxy-mode": "not needed",
        "healthz-bind-address": "--healthz=[::1]:10256",
        "metrics-bind-address": "--admin=0.0.0.0:10249",
        "masquerade-all": "no counterpart",
        "nodeport-addresses": "--nodeport-addresses=primary",
        "iptables-sync-period": "not needed",
    }


@pytest.mark.parametrize("text", (CONFIG, FLAGS))
def test_narud_takes_the_result(text, tmp_path):
    """The line that is printed is one that narud understands."""
    _, out, _ = migrate(text, "--dry-run")
    line = next(line for line in out.splitlines() if line.startswith("narud --"))
    done = run([built("narud"), "--check", "--manifests", str(tmp_path), *line.split()[1:]],
               check=False)
    assert done.returncode == 0, done.stderr


def test_file(tmp_path):
    """From a file; nothing lost is exit status 0; nothing found is an error."""
    path = tmp_path / "kube-proxy"
    path.write_text("--hostname-override=a", encoding="utf-8")
    assert migrate(None, "--dry-run", str(path))[0] == 0
    path.write_text("kind: Service\n", encoding="utf-8")
    status, _, said = migrate(None, "--dry-run", str(path))
    assert status == 1 and "neither a KubeProxyConfiguration" in said
    status, _, said = migrate(None, "--dry-run", str(tmp_path / "none"))
    assert status == 1 and "No such file" in said


@pytest.mark.parametrize("text", (
    "", "\0", "kind: [", "kind: KubeProxyConfiguration\nmode: {a: {b: [1, {c: d}]}}\n",
    "kind: 7\n", "kind: ConfigMap\ndata: 5\n", "kind: ConfigMap\ndata: {config.conf: [1]}\n",
    "kind: ConfigMap\ndata: {config.conf: \"kind: ConfigMap\"}\n", "--=\n--\n-- =x\n"))
def test_hostile(text):
    """Whatever it is given, it ends with a status of its own."""
    assert migrate(text, "--dry-run")[0] in (0, 1)


def test_usage():
    """It says that it changes nothing; other programs are not known."""
    assert migrate(CONFIG)[0] == 2
    assert run([built("naructl"), "migrate", "ingress", "--dry-run"], check=False).returncode == 2
