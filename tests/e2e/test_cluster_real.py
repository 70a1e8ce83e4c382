# SPDX-License-Identifier: Apache-2.0
"""narud on nodes with upstream's kubelet, containerd and runc, and no kube-proxy."""
import pytest
from cluster import dns, workloads
from cluster.control import Cluster
from cluster.front import Front
from conftest import made
from proc import eventually

pytestmark = pytest.mark.slow
SHOP = "shop"


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes, each with narud."""
    with made(narud=False, kind=Cluster, nodes=2, real=True, scheduler=True) as cluster:
        cluster.install_naru()
        cluster.start_dns()
        cluster.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=50s")
        cluster.apply(workloads.namespace(SHOP))
        cluster.start_narud()
        yield cluster


@pytest.fixture(name="service")
def fixture_service(cluster):
    """A Service with pods on both nodes, asked from the first node."""
    cluster.apply(workloads.deployment(SHOP, "web", None, 4),
                  workloads.service(SHOP, "web", type="NodePort"))
    yield Front(cluster, SHOP, "web", cluster.nodes[0].host)
    cluster.kubectl("delete", "-n", SHOP, "deployment/web", "service/web")


def many(service, n):
    """Waits until so many pods serve and returns them with their nodes."""
    eventually(lambda: len(service.settled()) == n, seconds=120)
    return service.pods()


def test_containers_serve_scale_and_roll(cluster, service):
    """Containers on both nodes answer sockets of a node, and packets from outside at a node's port;
    who serves follows each change of the Deployment."""
    pods = many(service, 4)
    assert set(pods.values()) == {node.name for node in cluster.nodes}
    for node in cluster.nodes:
        for family in (4, 6):
            counts = cluster.client.ask(node.addr[family], service.node_port, "-t", 300, n=40)
            assert counts["failed"] == 0 and set(counts["by"]) <= set(pods)
    cluster.kubectl("scale", "-n", SHOP, "deployment/web", "--replicas=2")
    assert set(many(service, 2)) < set(pods)
    before = set(service.pods())
    cluster.kubectl("rollout", "restart", "-n", SHOP, "deployment/web")
    cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/web", "--timeout=50s")
    assert not set(many(service, 2)) & before


def test_logs_of_a_container(cluster, service):
    """The API server reaches the kubelets, as for kubectl logs."""
    name = min(many(service, 4))
    assert cluster.kubectl("logs", "-n", SHOP, name).stdout == "ready\n"


def test_names_resolve(cluster, service):
    """A node asks the Service of DNS in either family, a container as its kubelet told it."""
    name = f"{service.name}.{SHOP}.svc.cluster.local"

    def resolves(text):
        return all(addr in text for addr in service.addrs.values())

    for server in dns.SERVICE.values():
        eventually(lambda server=server: resolves(cluster.nodes[1].host.run(
            ["busybox", "nslookup", name, server], check=False).stdout), seconds=60, pause=0.2)
    cluster.apply(workloads.once(SHOP, "asks", "nslookup", name))
    cluster.kubectl("wait", "-n", SHOP, "--for=jsonpath={.status.phase}=Succeeded", "pod/asks",
                    "--timeout=50s")
    assert resolves(cluster.kubectl("logs", "-n", SHOP, "asks").stdout)
