# SPDX-License-Identifier: Apache-2.0
"""The cluster with a real control plane itself: what the other tests conclude rests on it."""
import os
import shutil
import subprocess

import pytest
from cluster import control, workloads
from cluster.control import Cluster
from conftest import made
from proc import eventually

BUILD = os.path.join(control.HERE, "build")
DAC_READ_SEARCH = 1 << 2


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes."""
    with made(narud=False, kind=Cluster, nodes=2) as cluster:
        yield cluster


@pytest.fixture(name="shop")
def fixture_shop(cluster, request):
    """A namespace of the test's own, which goes with all that is in it."""
    name = request.node.name.partition("[")[0].replace("_", "-")
    cluster.apply(workloads.namespace(name))
    yield name
    # That takes five seconds in which nothing happens.
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def addresses(cluster, shop, name):
    """Ready addresses of a Service by family, as its EndpointSlices have them."""
    found = {4: set(), 6: set()}
    slices = cluster.get("endpointslices", "-n", shop, "-l", f"kubernetes.io/service-name={name}")
    for part in slices["items"]:
        family = {"IPv4": 4, "IPv6": 6}[part["addressType"]]
        for endpoint in part["endpoints"] or ():
            if endpoint["conditions"]["ready"]:
                found[family].update(endpoint["addresses"])
    return found


def settled(cluster, shop, name, n):
    """Waits until a Service has so many ready addresses of each family, and returns them."""
    def counted():
        found = addresses(cluster, shop, name)
        return all(len(addrs) == n for addrs in found.values()) and found

    return eventually(counted, seconds=60, pause=0.2)


def names(cluster, addrs, family):
    """Who answers at these addresses, asked from the first node."""
    found = set()
    for addr in addrs[family]:
        found |= set(cluster.nodes[0].host.ask(addr, workloads.PORT)["by"])
    return found


def test_workload_comes_and_goes(cluster, shop):
    """A Deployment's pods are processes that answer in both families, on whichever node; with the
    Deployment go its processes, namespaces and cgroups."""
    node = cluster.nodes[1]
    cluster.apply(workloads.deployment(shop, "web", node, 3), workloads.service(shop, "web"))
    addrs = settled(cluster, shop, "web", 3)
    pods = cluster.get("pods", "-n", shop)["items"]
    uids = {pod["metadata"]["uid"] for pod in pods}
    pods = {pod["metadata"]["name"] for pod in pods}
    assert {f"pod{uid}" for uid in uids} <= set(os.listdir(f"{node.cgroup}/pods"))
    for family in (4, 6):
        assert names(cluster, addrs, family) == pods
    cluster.kubectl("scale", "-n", shop, "deployment/web", "--replicas=1")
    left = settled(cluster, shop, "web", 1)
    assert left[4] < addrs[4] and left[6] < addrs[6]
    cluster.kubectl("delete", "-n", shop, "deployment/web")
    eventually(lambda: not cluster.get("pods", "-n", shop)["items"], seconds=60, pause=0.2)
    assert not {f"pod{uid}" for uid in uids} & set(os.listdir(f"{node.cgroup}/pods"))
    assert not any(uid[:8] in name for uid in uids for name in os.listdir("/run/netns"))


def test_server_that_ends_starts_again(cluster, shop):
    """A container that ended is unready and then another process of the same pod."""
    cluster.apply(workloads.deployment(shop, "web", cluster.nodes[0]))
    eventually(lambda: cluster.get("pods", "-n", shop)["items"], pause=0.2)

    def status():
        states = cluster.get("pods", "-n", shop)["items"][0]["status"].get("containerStatuses")
        return states and states[0]["ready"] and states[0]

    eventually(status, seconds=60, pause=0.2)
    uid = cluster.get("pods", "-n", shop)["items"][0]["metadata"]["uid"]
    with open(f"{cluster.nodes[0].cgroup}/pods/pod{uid}/cgroup.procs", encoding="ascii") as procs:
        os.kill(int(procs.read().split()[0]), 9)
    assert eventually(lambda: (s := status()) and s["restartCount"], seconds=60, pause=0.2) == 1


def test_volumes(cluster, shop):
    """A container starts once its Secret is there, and reads it where it was told."""
    node = cluster.nodes[0]
    container = {"name": "reader", "image": "naru.test/none:1",
                 "command": ["cat", "/etc/told/sub/word"],
                 "volumeMounts": [{"name": "told", "mountPath": "/etc/told/"}]}
    volume = {"name": "told", "secret": {"secretName": "told",
                                         "items": [{"key": "key", "path": "sub/word"}]}}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "r", "namespace": shop},
                   "spec": {"nodeName": node.name, "restartPolicy": "Never",
                            "containers": [container], "volumes": [volume]}})
    eventually(lambda: "containerStatuses" in cluster.get("pod", "-n", shop, "r")["status"],
               seconds=60, pause=0.2)
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "sesame"},
                   "metadata": {"name": "told", "namespace": shop}})
    cluster.kubectl("wait", "-n", shop, "--for=jsonpath={.status.phase}=Succeeded", "pod/r",
                    "--timeout=50s")
    uid = cluster.get("pod", "-n", shop, "r")["metadata"]["uid"]
    with open(f"{node.run_dir}/{uid}.log", encoding="ascii") as log:
        assert log.read() == "sesame"


def test_api_server_restarts(cluster, shop):
    """While the API server is away pods serve on; what is asked of it afterwards happens."""
    cluster.apply(workloads.deployment(shop, "web", cluster.nodes[0]),
                  workloads.service(shop, "web"))
    addrs = settled(cluster, shop, "web", 1)
    cluster.kill("kube-apiserver")
    assert cluster.kubectl("get", "nodes", check=False).returncode != 0
    assert names(cluster, addrs, 6)
    cluster.start_server()
    cluster.kubectl("scale", "-n", shop, "deployment/web", "--replicas=2")
    assert addrs[4] < settled(cluster, shop, "web", 2)[4]


def test_compaction_forgets_the_past(cluster, shop):
    """A watch goes on from a version of yesterday until history is compacted; then it is 410."""
    path = f"/api/v1/namespaces/{shop}/secrets?limit=1"

    def first_event():
        return next(cluster.server.events(path, version, 20))

    version = cluster.server.call("GET", path)[1]["metadata"]["resourceVersion"]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": shop}}
    cluster.apply(secret)
    assert first_event()[0] == "ADDED"
    cluster.compact()
    # The server's own cache remembers what etcd forgets, as long as it lives.
    cluster.kill("kube-apiserver")
    cluster.start_server()
    kind, status = first_event()
    assert (kind, status["code"]) == ("ERROR", 410)


def test_foreign_kinds(cluster, shop):
    """The kinds of others that naru reads are known, and checked by their own schemas."""
    cluster.install_crds()
    meta = {"name": "a", "namespace": shop}
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta,
             "spec": {"parentRefs": [{"name": "g"}]}}
    rule = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": meta,
            "spec": {"host": "web", "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}}
    cluster.apply(route, rule)
    assert cluster.get("httproutes", "-n", shop)["items"]
    rule["spec"]["trafficPolicy"]["loadBalancer"]["simple"] = "BEST"
    with pytest.raises(Exception, match="Unsupported value"):
        cluster.apply(rule)


def test_control_plane_has_no_privilege(cluster):
    """Its programs may read files of others, and no more."""
    for process in cluster.running.values():
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status)
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            assert int(fields[kind], 16) == DAC_READ_SEARCH
        assert fields["NoNewPrivs"].strip() == "1"


def test_cache_is_whole_or_missing(tmp_path):
    """Half a program, or one of another version, counts as missing."""
    os.mkdir(tmp_path / "bin")
    whole = control.program("etcd")
    place = tmp_path / "bin" / os.path.basename(whole)

    def missing():
        return subprocess.run([BUILD, "-n", "etcd"], env={**os.environ, "NARU_CACHE": tmp_path},
                              check=True, capture_output=True, text=True).stdout

    assert missing() == "etcd\n"
    shutil.copy(whole, place)
    assert missing() == ""
    os.truncate(place, os.path.getsize(place) // 2)
    assert missing() == "etcd\n"
    shutil.copy("/bin/true", place)
    assert missing() == "etcd\n"
