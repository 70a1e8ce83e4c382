# SPDX-License-Identifier: Apache-2.0
"""What operators install: the chart with every value, the manifest rendered from it, and the
image's packages. tools/dev/check-deploy has what needs no helm."""
import copy
import os
import re
import shutil

import pytest
import yaml
from proc import built, run

TOP = os.path.join(os.path.dirname(__file__), "..", "..")
CHART = os.path.join(TOP, "tools/deploy/helm/naru")
PLAIN = os.path.join(TOP, "tools/deploy/naru.yaml")
OPTIONS = ("--namespace", "naru-system", "--kube-version", "1.30.0", "--api-versions",
           "gateway.networking.k8s.io/v1")

# What narud may do besides reading, all of it.
WRITES = {
    ("", "services/status"): {"patch"},
    ("gateway.networking.k8s.io", "gatewayclasses/status"): {"patch"},
    ("gateway.networking.k8s.io", "gateways/status"): {"patch"},
    ("gateway.networking.k8s.io", "httproutes/status"): {"patch"},
    ("naru.io", "addresspools/status"): {"patch"},
    ("naru.io", "nodestates"): {"create", "update"},
    ("events.k8s.io", "events"): {"create", "patch"},
    ("coordination.k8s.io", "leases"): {"create", "update"},
}
READS = {"get", "list", "watch"}

# Another value for each that the chart has, and what must be in what is rendered then.
VALUES = {
    "image.repository": ("elsewhere/naru", "image: elsewhere/naru:"),
    "image.tag": ("other", "image: naru:other"),
    "image.digest": ("sha256:" + "a" * 64, "image: naru@sha256:aaaa"),
    "image.pullPolicy": ("Always", "imagePullPolicy: Always"),
    "image.pullSecrets": ([{"name": "regcred"}], "- name: regcred"),
    "apiServer.host": ("192.0.2.1", 'value: "192.0.2.1"'),
    "apiServer.port": (443, 'value: "443"'),
    "narud.l4": ("off", "--l4=off"),
    "narud.devices": (["eth7"], "--device=eth7"),
    "narud.xdp": ("native", "--xdp=native"),
    "narud.nodeportAddresses": ("primary", "--nodeport-addresses=primary"),
    "narud.externalIPCIDRs": ("192.0.2.0/24", "--external-ip-cidrs=192.0.2.0/24"),
    "narud.logLevel": ("debug", "--log-level=debug"),
    "narud.extraArgs": (["--tc=clsact"], "--tc=clsact"),
    "narud.resources": ({"limits": {"memory": "77Mi"}}, "memory: 77Mi"),
    "proxy.uid": (4242, "--proxy-uid=4242"),
    "proxy.threads": (3, "--l7-threads=3"),
    "proxy.accessLog": ("off", "--access-log=off"),
    "proxy.resources": ({"limits": {"memory": "78Mi"}}, "memory: 78Mi"),
    "gateway.classCreate": (False, None),
    "gateway.cidrs": ("192.0.2.0/24", "--gateway-cidrs=192.0.2.0/24"),
    "gateway.nodePorts": ("8080", "--gateway-node-ports=8080"),
    "gateway.secrets": ([{"namespace": "shop", "names": ["tls"]}], "name: naru-certificates"),
    "bgp.engine": ("bird", "--bgp-file=/run/naru-bird/naru.conf"),
    "bgp.group": (107, "runAsGroup: 107"),
    "drainTime": (100, "terminationGracePeriodSeconds: 110"),
    "ports.healthz": (10300, "--healthz=[::]:10300"),
    "ports.metrics": ("[::]:9999", "--admin=[::]:9999"),
    "paths.bpffs": ("/bpf", "path: /bpf"),
    "paths.state": ("/state", "path: /state"),
    "paths.cgroup": ("/sys/fs/cgroup/unified", "path: /sys/fs/cgroup/unified"),
    "pod.nodeSelector": ({"edge": "yes"}, 'edge: "yes"'),
    "pod.tolerations": ([{"key": "only", "operator": "Exists"}], "key: only"),
    "pod.priorityClassName": ("mine", "priorityClassName: mine"),
    "pod.annotations": ({"a/b": "c"}, "a/b: c"),
    "controller.replicas": (2, "--role=controller"),
    "flowSchema": (False, None),
    "monitoring.rules": (True, "kind: PrometheusRule"),
    "monitoring.dashboards": (True, "name: naru-dashboard-fleet"),
    "namespace.create": (True, "kind: Namespace"),
}
# Without these others have no effect.
NEEDED = {"bgp.group": {"bgp": {"engine": "frr"}},
          "apiServer.port": {"apiServer": {"host": "192.0.2.1"}}}


@pytest.fixture(scope="module", name="helm")
def fixture_helm():
    """The program; built when this machine has none of that version."""
    return run([os.path.join(TOP, "tools/dev/helm")]).stdout.strip()


@pytest.fixture(scope="module", name="values")
def fixture_values():
    """The chart's own."""
    with open(f"{CHART}/values.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


def merged(values, path, value):
    """Values with one of them set."""
    made = copy.deepcopy(values)
    at = made
    *folders, last = path.split(".")
    for folder in folders:
        at = at.setdefault(folder, {})
    at[last] = value
    return made


def render(helm, tmp_path, values, chart=CHART, check=True):
    """helm template with these values."""
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return run([helm, "template", "naru", chart, *OPTIONS, "-f", str(path)], check=check)


def paths(values, prefix=""):
    """The names of all values; those that are free maps or lists are one."""
    for key, value in values.items():
        if isinstance(value, dict) and value and f"{prefix}{key}" not in VALUES:
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_lint(helm):
    """helm itself has nothing to complain of."""
    done = run([helm, "lint", "--strict", "--kube-version", "1.30.0", CHART], check=False)
    assert done.returncode == 0, done.stdout


def test_plain_manifest(helm, tmp_path):
    """tools/deploy/naru.yaml is the chart with its defaults and a namespace, object by object."""
    made = render(helm, tmp_path, {"namespace": {"create": True}}).stdout
    wanted = [each for each in yaml.safe_load_all(made) if each]
    for each in wanted:
        each["metadata"].pop("annotations", None)
    with open(PLAIN, encoding="utf-8") as file:
        assert [each for each in yaml.safe_load_all(file) if each] == wanted


def test_reuse_values(helm, tmp_path):
    """With --reuse-values a new chart gets the values of an old one, down to none at all: every
    default is in the templates, too."""
    bare = str(tmp_path / "bare")
    shutil.copytree(CHART, bare)
    with open(f"{bare}/values.yaml", "w", encoding="utf-8"):
        pass
    assert render(helm, tmp_path, {}, bare).stdout == render(helm, tmp_path, {}).stdout
    for path, (value, _) in VALUES.items():
        if isinstance(value, dict):
            continue  # helm adds it to the default, where there is one
        wanted = merged(NEEDED.get(path, {}), path, value)
        assert render(helm, tmp_path, wanted, bare).stdout == \
            render(helm, tmp_path, wanted).stdout, path


def test_several_api_servers(helm, tmp_path):
    """A list of them: the first as the kubelet tells it, the others by an option."""
    hosts = ["192.0.2.1", "2001:db8::2", "api.example"]
    objects = yaml.safe_load_all(render(helm, tmp_path, {"apiServer": {"host": hosts}}).stdout)
    narud = next(o for o in objects
                 if o and o["kind"] == "DaemonSet")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "KUBERNETES_SERVICE_HOST", "value": hosts[0]} in narud["env"]
    assert [arg for arg in narud["args"] if arg.startswith("--api-server")] == \
        ["--api-server=https://[2001:db8::2]:6443", "--api-server=https://api.example:6443"]


def test_each_value(helm, tmp_path, values):
    """Each value of values.yaml changes what is rendered, as it says."""
    assert set(paths(values)) == set(VALUES)
    for path, (value, words) in VALUES.items():
        before = render(helm, tmp_path, NEEDED.get(path, {})).stdout
        after = render(helm, tmp_path, merged(NEEDED.get(path, {}), path, value)).stdout
        assert before != after, path
        assert words is None or words in after and words not in before, path
        assert all(each["kind"] for each in yaml.safe_load_all(after) if each), path


@pytest.mark.parametrize("path,value", (
    ("narud.xpd", "auto"), ("narud.xdp", "yes"), ("proxy.uid", 0), ("drainTime", "25s"),
    ("paths.bpffs", "sys/fs/bpf"), ("gateway.secrets", [{"names": ["tls"]}]),
    ("image.digest", "latest"), ("unknown", 1)))
def test_schema_refuses(helm, tmp_path, path, value):
    """A misspelt or impossible value is told when it is given, not by a pod that does not start."""
    done = render(helm, tmp_path, merged({}, path, value), check=False)
    assert done.returncode and path.split(".")[-1] in done.stderr, done.stderr


def rules(text, name=None):
    """Each kind of object that may be touched, with verbs, of every role, or of those of a name."""
    found = {}
    for each in yaml.safe_load_all(text):
        if name and (each or {}).get("metadata", {}).get("name") != name:
            continue
        for rule in (each or {}).get("rules", []) if "Role" in (each or {}).get("kind", "") else []:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    verbs = found.setdefault((group, resource), [set(), []])
                    verbs[0] |= set(rule["verbs"])
                    verbs[1].append((each["kind"], rule.get("resourceNames")))
    return found


def test_privileges(helm, tmp_path):
    """No verb beyond what is listed here; Secrets by name, in the namespaces that were named."""
    found = rules(render(helm, tmp_path, {}).stdout)
    writes = {key: verbs - READS for key, (verbs, _) in found.items() if verbs - READS}
    assert writes == WRITES
    assert ("", "secrets") not in found
    secrets = [{"namespace": "shop", "names": ["tls"]}]
    found = rules(render(helm, tmp_path, {"gateway": {"secrets": secrets}}).stdout)
    assert found[("", "secrets")] == [READS, [("Role", ["tls"])]]


def test_an_account_for_statuses(helm, tmp_path):
    """With pods for them, statuses are theirs alone: those of nodes write their NodeStates only."""
    values = {"controller": {"replicas": 2},
              "gateway": {"secrets": [{"namespace": "shop", "names": ["tls"]}]}}
    text = render(helm, tmp_path, values).stdout
    objects = [each for each in yaml.safe_load_all(text) if each]
    writes = {name: {key: verbs - READS for key, (verbs, _) in rules(text, name).items()
                     if verbs - READS} for name in ("naru", "naru-controller")}
    of_node = ("naru.io", "nodestates")
    of_lease = ("coordination.k8s.io", "leases")
    # The Role of the Lease has the chart's name, whoever it is bound to.
    assert writes["naru"] == {of_node: WRITES[of_node], of_lease: WRITES[of_lease]}
    assert writes["naru-controller"] == \
        {key: verbs for key, verbs in WRITES.items() if key not in (of_node, of_lease)}
    assert rules(text, "naru")[of_node][0] == {"get", "create", "update"}
    bound = {(each["kind"], each["metadata"]["name"]): [s["name"] for s in each["subjects"]]
             for each in objects if each["kind"].endswith("Binding") and "subjects" in each}
    assert bound == {("ClusterRoleBinding", "naru"): ["naru"],
                     ("ClusterRoleBinding", "naru-controller"): ["naru-controller"],
                     ("RoleBinding", "naru"): ["naru-controller"],
                     ("RoleBinding", "naru-certificates"): ["naru", "naru-controller"]}
    spec = next(o for o in objects if o["kind"] == "Deployment")["spec"]
    narud, = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 2
    assert narud["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert narud["securityContext"]["runAsNonRoot"]
    for option in narud["args"]:
        name = re.match(r"(--[a-z0-9-]+)", option)[1]
        assert f"  {name} " in run([built("narud"), "--help"]).stdout, option
    daemonset = next(o for o in objects if o["kind"] == "DaemonSet")["spec"]
    assert "--role=node" in daemonset["template"]["spec"]["containers"][0]["args"]
    labels = daemonset["selector"]["matchLabels"]
    assert spec["template"]["metadata"]["labels"]["app.kubernetes.io/name"] != \
        labels["app.kubernetes.io/name"]


def test_runbooks(helm, tmp_path):
    """Alerts lead to the page in the tree, or to where it is said to be."""
    elsewhere = "https://x.example/y"
    for value, page in ((True, "docs/operate.md"), (elsewhere, elsewhere)):
        text = render(helm, tmp_path, {"monitoring": {"rules": value}}).stdout
        assert f'runbook_url: "{page}#naru' in text


def test_reads(helm, tmp_path):
    """Whatever narud's table of resources has may be listed and watched in all namespaces; Secrets,
    which it asks for by name, are the exception."""
    with open(os.path.join(TOP, "user/kube/resources.c"), encoding="utf-8") as file:
        text = file.read()
    table = re.findall(r'\.group = ("[^"]*"|GATEWAY_API),.*?\.name = "([^"]*)"', text, re.DOTALL)
    wanted = {("gateway.networking.k8s.io" if group == "GATEWAY_API" else group[1:-1], name)
              for group, name in table} - {("", "secrets")}
    assert len(wanted) >= 10
    wanted.add(("apiextensions.k8s.io", "customresourcedefinitions"))
    found = rules(render(helm, tmp_path, {}).stdout)
    for key in wanted:
        assert READS <= found[key][0] and found[key][1] == [("ClusterRole", None)], key
    extra = {key for key, (verbs, _) in found.items() if verbs & {"list", "watch"}} - wanted
    assert extra <= {("naru.io", "nodestates")}


@pytest.mark.parametrize("engine", ("off", "bird", "frr"))
def test_pod(helm, tmp_path, engine):
    """Capabilities, users and mounts of the two containers; the proxy's are the same with a BGP
    engine, whose group and folders are narud's alone."""
    values = {"bgp": {"engine": engine, "group": 4242}}
    objects = yaml.safe_load_all(render(helm, tmp_path, values).stdout)
    spec = next(o for o in objects if o and o["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    narud, proxy = spec["containers"]
    assert narud["securityContext"]["capabilities"] == \
        {"drop": ["ALL"], "add": ["BPF", "NET_ADMIN", "PERFMON"]}
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert proxy["securityContext"]["runAsNonRoot"]
    assert proxy["securityContext"]["runAsGroup"] == 10101
    assert narud["securityContext"].get("runAsGroup", 0) == (0 if engine == "off" else 4242)
    assert [m["mountPath"] for m in narud["volumeMounts"] if m["name"] in ("bgp", "bird")] == \
        {"off": [], "bird": ["/run/bird", "/run/naru-bird"], "frr": ["/run/frr"]}[engine]
    assert [m["name"] for m in proxy["volumeMounts"]] == ["proxy"]
    assert proxy["volumeMounts"][0]["readOnly"]
    for each in (narud, proxy):
        assert not each["securityContext"]["allowPrivilegeEscalation"]
        assert each["securityContext"]["readOnlyRootFilesystem"]
        assert each["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "privileged" not in each["securityContext"] and "ports" not in each
    assert not spec.get("hostPID") and not spec["automountServiceAccountToken"]
    for option in narud["args"]:
        name = re.match(r"(--[a-z0-9-]+)", option)[1]
        assert f"  {name} " in run([built("narud"), "--help"]).stdout, option


def test_places_and_probes(helm, tmp_path):
    """A pod runs on each node whatever its taints, goes last, and is followed by the next one
    before it ends; a narud that hangs ends before its pod counts as not ready."""
    objects = yaml.safe_load_all(render(helm, tmp_path, {}).stdout)
    daemonset = next(o for o in objects if o and o["kind"] == "DaemonSet")["spec"]
    assert daemonset["updateStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spec = daemonset["template"]["spec"]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["priorityClassName"] == "system-node-critical"
    narud = spec["containers"][0]
    live, ready = narud["livenessProbe"], narud["readinessProbe"]
    assert live["httpGet"] == {"path": "/livez", "port": 10256}
    assert ready["httpGet"] == {"path": "/readyz", "port": 10256}
    assert live["terminationGracePeriodSeconds"] == 1
    assert live["periodSeconds"] * (live["failureThreshold"] + 1) < \
        ready["periodSeconds"] * ready["failureThreshold"]
    assert narud["startupProbe"]["exec"]["command"][-1] == "probe"


def test_image_packages():
    """The image's packages are those of the libraries that the programs are linked with."""
    with open(os.path.join(TOP, "tools/deploy/Dockerfile"), encoding="utf-8") as file:
        packages = set(file.read().rpartition("FROM ")[2].split())
    for program in ("narud", "naru-proxy", "naructl"):
        for path in re.findall(r"=> (/\S+)", run(["ldd", built(program)]).stdout):
            owners = run(["dpkg", "-S", os.path.basename(path)]).stdout.splitlines()
            names = {line.split(":")[0] for line in owners}
            assert names & (packages | {"libc6", "libgcc-s1", "libasan8", "libubsan1"}), path
