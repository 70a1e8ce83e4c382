# SPDX-License-Identifier: Apache-2.0
"""narud in front of a real API server, with the rights of its deployment."""
import pytest
from cluster import workloads
from cluster.control import DEPLOYMENT, Cluster
from cluster.front import Front
from conftest import made
from proc import eventually

SHOP = "shop"


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """One node with narud, and a pod to ask from."""
    with made(narud=False, kind=Cluster, nodes=1) as cluster:
        cluster.install_naru()
        cluster.apply(workloads.namespace(SHOP))
        cluster.asker = cluster.nodes[0].pod("asker")
        cluster.start_narud()
        yield cluster


@pytest.fixture(name="service")
def fixture_service(cluster, request):
    """A Service and its pods, each named after the test."""
    name = request.node.name.partition("[")[0].replace("_", "-")
    cluster.apply(workloads.deployment(SHOP, name, cluster.nodes[0], 2),
                  workloads.service(SHOP, name))
    yield Front(cluster, SHOP, name, cluster.asker)
    cluster.kubectl("delete", "-n", SHOP, "--ignore-not-found", f"deployment/{name}",
                    f"service/{name}")


def test_objects_serve_traffic_until_deleted(cluster, service):
    """What kubectl makes serves in both families, follows its scale, and ends with its Service."""
    assert len(service.settled()) == 2
    cluster.kubectl("scale", "-n", SHOP, f"deployment/{service.name}", "--replicas=3")
    eventually(lambda: len(service.settled()) == 3, seconds=60)
    cluster.kubectl("delete", "-n", SHOP, f"service/{service.name}")
    eventually(service.refused, seconds=60, pause=0.2)


def test_api_server_restarts(cluster, service):
    """Services go on without an API server; what changes after its return is followed."""
    pods = service.settled()
    cluster.kill("kube-apiserver")
    assert service.served_by(pods)
    cluster.start_server()
    cluster.kubectl("scale", "-n", SHOP, f"deployment/{service.name}", "--replicas=1")
    eventually(lambda: len(service.pods()) == 1, seconds=60, pause=0.2)
    assert service.settled() < pods


def test_compaction_during_an_outage(cluster, service):
    """Versions that narud knows are forgotten while the API server is away: it lists again, and
    what was deleted before that is gone."""
    pods = service.settled()
    cluster.kill("kube-apiserver")
    cluster.compact()
    cluster.start_server()
    assert service.served_by(pods)
    cluster.kubectl("delete", "-n", SHOP, f"service/{service.name}")
    eventually(service.refused, seconds=60, pause=0.2)


def test_deployment_is_taken(cluster):
    """The API server takes every object of the manifest that people install."""
    taken = cluster.kubectl("apply", "--dry-run=server", "-f", DEPLOYMENT).stdout
    with open(DEPLOYMENT, encoding="utf-8") as told:
        assert len(taken.splitlines()) == told.read().count("\nkind: ")
