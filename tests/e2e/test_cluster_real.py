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
            counts = cluster.client.ask(node.addr[family], service.node_port, n=40)
            assert counts["failed"] == 0 and set(counts["by"]) <= set(pods)
    cluster.kubectl("scale", "-n", SHOP, "deployment/web", "--replicas=2")
    assert set(many(service, 2)) < set(pods)
    before = set(service.pods())
    cluster.kubectl("rollout", "restart", "-n", SHOP, "deployment/web")
    cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/web", "--timeout=50s")
    assert not set(many(service, 2)) & before


def clients(cluster, service):
    """New connections all the time: from outside to each node's port, and from the nodes' own
    sockets, in both families."""
    fronts = [(cluster.client, node.addr[family], service.node_port)
              for node in cluster.nodes for family in (4, 6)]
    fronts += [(node.host, addr, 80) for node in cluster.nodes for addr in service.addrs.values()]
    return [place.start("who", addr, port, "-i", 10000).wait_up() for place, addr, port in fronts]


def ended(running):
    """The counts of the clients, who end now."""
    return [client.stop() for client in running]


def test_nothing_is_lost_by_scale_and_roll(cluster, service):
    """A Deployment scales up and down and rolls under traffic: not one connection fails. Its pods
    end as they should, some time after they were told."""
    told = workloads.deployment(SHOP, service.name, None, 4)
    told["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = {
        "preStop": {"sleep": {"seconds": 3}}}
    cluster.apply(told)
    cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/web", "--timeout=50s")
    before = set(many(service, 4))
    running = clients(cluster, service)
    for replicas in (6, 2, 4):
        cluster.kubectl("scale", "-n", SHOP, "deployment/web", f"--replicas={replicas}")
        many(service, replicas)
    cluster.kubectl("rollout", "restart", "-n", SHOP, "deployment/web")
    cluster.kubectl("rollout", "status", "-n", SHOP, "deployment/web", "--timeout=50s")
    assert not set(many(service, 4)) & before
    for counts in ended(running):
        assert counts["failed"] == 0 and counts["ok"], counts


def test_pods_die(cluster, service):
    """All pods of one node end without a word under traffic, again and again: clients go on with
    the others, and with those that come in their place."""
    running = clients(cluster, service)
    for node in cluster.nodes:
        pods = many(service, 4)
        victims = [name for name, place in pods.items() if place == node.name]
        assert 0 < len(victims) < 4
        cluster.kubectl("delete", "pod", "-n", SHOP, "--force", "--grace-period=0", *victims)
        after = many(service, 4)
        assert not after.keys() & set(victims)
        for client in running:
            for name in after.keys() - pods.keys():
                eventually(lambda c=client, n=name: c.heard(n), seconds=60)
    assert all(counts["ok"] for counts in ended(running))


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
