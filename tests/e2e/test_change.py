# SPDX-License-Identifier: Apache-2.0
"""Changes under load: endpoints, services, devices and files come and go, and nobody notices."""
import os

import pytest
from conftest import PATIENT, answers, made, settled
from proc import eventually
from statements import statement


@pytest.fixture(scope="module")
def cluster():
    """Three pods behind one service on two nodes, and a client of every kind."""
    with made() as rig:
        first, second = rig.nodes
        rig.pods_of_web = [first.pod("web1"), second.pod("web2"), second.pod("web3")]
        caller, bare = first.pod("caller"), first.pod("bare")
        for pod in rig.pods_of_web:
            pod.serve(8080)
        rig.web = rig.service("web", *rig.pods_of_web, kind="LoadBalancer")
        settled(rig, rig.web)
        rig.clients = {"host": first.host, "pod": caller, "pod-tc": bare.outside,
                       "outside": rig.client}
        for place in rig.clients.values():
            eventually(lambda p=place: answers(p, rig.web, 4))
        yield rig


CLIENTS = pytest.mark.parametrize("client", ("host", "pod", "pod-tc", "outside"))


@CLIENTS
@pytest.mark.parametrize("options", ((), ("-u",)), ids=("tcp", "udp"))
def test_endpoint_leaves_and_returns(cluster, client, family, options):
    """A pod is taken out of the slice, gets no new request, comes back: not one request fails."""
    place = cluster.clients[client]
    front = cluster.web.front("LoadBalancer", family)
    load = place.start("who", *front, *options, "-c", 2, "-i", 1000).wait_up()
    stay = [cluster.endpoint(pod) for pod in cluster.pods_of_web[:2]]
    cluster.web.set(*stay)
    eventually(lambda: "web3" not in place.ask(*front, *options, n=40)["by"])
    cluster.web.set(*stay, cluster.endpoint(cluster.pods_of_web[2]))
    eventually(lambda: "web3" in place.ask(*front, *options, n=40)["by"])
    counts = load.stop()
    assert counts["failed"] == 0, counts
    assert set(counts["by"]) == {"web1", "web2", "web3"}


@CLIENTS
def test_connection_survives_removal_of_its_endpoint(cluster, client, family):
    """A TCP connection stays with its pod although the pod has left the service."""
    place = cluster.clients[client]
    front = cluster.web.front("ClusterIP", family)
    hold = place.start("hold", *front, "-i", 1000).wait_up()
    cluster.web.set(cluster.endpoint(cluster.pods_of_web[0]))
    eventually(lambda: set(place.ask(*front, n=20)["by"]) == {"web1"})
    others = [cluster.endpoint(pod) for pod in cluster.pods_of_web]
    cluster.web.set(*others[1:])
    eventually(lambda: set(place.ask(*front, n=20)["by"]) == {"web2", "web3"})
    counts = hold.stop()
    cluster.web.set(*others)
    assert counts["failed"] == 0, counts
    assert len(counts["by"]) == 1


@pytest.mark.parametrize("client", ("pod-tc", "outside"))
@pytest.mark.parametrize("backend", (0, 1), ids=("local", "remote"))
def test_udp_moves_to_a_live_endpoint(cluster, client, backend, family):
    """A UDP socket that talks through the service is led to another pod when its own leaves."""
    place = cluster.clients[client]
    pods = cluster.pods_of_web
    moving = cluster.services.get("moving") or cluster.service("moving", kind="LoadBalancer")
    moving.set(cluster.endpoint(pods[backend]))
    front = moving.front("ClusterIP", family)
    eventually(lambda: set(place.ask(*front, "-u", "-t", 300, n=3)["by"]) == {pods[backend].name})
    hold = place.start("hold", *front, "-u", "-t", 300, "-i", 20000).wait_up()
    moving.set(cluster.endpoint(pods[2]))
    eventually(lambda: set(place.ask(*front, "-u", n=5)["by"]) == {"web3"})
    assert set(hold.wait_from("web3").stop()["by"]) == {pods[backend].name, "web3"}


@pytest.mark.parametrize("backend", (0, 1), ids=("local", "remote"))
def test_direct_connection_after_one_by_service(cluster, backend, family):
    """A client that has just closed a connection through a service dials the same endpoint itself
    from the same port: the finished flow does not touch the answers."""
    place, pod = cluster.clients["pod-tc"], cluster.pods_of_web[backend]
    service = cluster.service(f"direct{family}{backend}", pod)
    eventually(lambda: answers(place, service, family))
    source = ("-s", place.addr[family], "-p", 45000 + backend)
    assert place.ask(*service.front("ClusterIP", family), *source)["failed"] == 0
    counts = place.ask(pod.addr[family], 8080, *source, mode="hold", n=5)
    assert counts["failed"] == 0, counts
    # And the other way round.
    assert place.ask(*service.front("ClusterIP", family), *source)["failed"] == 0
    service.remove()


@statement("V3", "an unchanged service is never missing, at changes, starts and ends", ("narud",))
def test_load_over_every_file_change(cluster, family):
    """While other services come and go, requests to an untouched one do not fail."""
    front = cluster.web.front("ClusterIP", family)
    loads = [place.start("who", *front, "-i", 500).wait_up() for place in cluster.clients.values()]
    for i in range(8):
        extra = cluster.service(f"extra{family}{i}", cluster.pods_of_web[0])
        eventually(lambda s=extra: answers(cluster.nodes[0].host, s, family))
        extra.remove()
        eventually(lambda s=extra: not answers(cluster.nodes[0].host, s, family, "-t", "100"))
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0, counts


def test_pod_device_appears_later(cluster, family):
    """A pod that is made long after narud has started is served by packets too, as client and as
    endpoint; its device is found by itself."""
    late = cluster.nodes[0].pod(f"late{family}")
    late.serve(8080)
    service = cluster.service(f"late{family}", late, kind="NodePort")
    addr, port = cluster.web.front("ClusterIP", family)
    eventually(lambda: late.outside.ask(addr, port, "-t", 300)["failed"] == 0)
    for place in cluster.clients.values():
        eventually(lambda p=place: answers(p, service, family, kind="NodePort",
                                           node=cluster.nodes[0]))


def test_address_of_node_appears_later(cluster):
    """A NodePort answers on an address that the node gets while narud runs."""
    node = cluster.nodes[0]
    node.host.run(["ip", "addr", "add", "192.168.77.77/24", "dev", "eth0"])
    try:
        port = cluster.web.node_port
        eventually(lambda: cluster.client.ask("192.168.77.77", port, "-t", 300)["failed"] == 0)
    finally:
        node.host.run(["ip", "addr", "del", "192.168.77.77/24", "dev", "eth0"])


def test_broken_file_keeps_the_last_good_version(cluster, family):
    """A broken manifest is reported with its place, what it said before stays in force, and the
    report goes when the file is mended."""
    node = cluster.nodes[0]
    name = f"fragile{family}"
    service = cluster.service(name, cluster.pods_of_web[0])
    eventually(lambda: answers(node.host, service, family))
    good = service.service()
    cluster.manifests.write(f"{name}.yaml", "kind: Service\nspec: {ports: [unclosed\n")
    eventually(lambda: f"{name}.yaml" in node.naructl("status", check=False).stdout)
    assert node.naructl("status", check=False).returncode == 1
    assert answers(node.host, service, family, *PATIENT)
    good["spec"]["ports"][0]["port"] = "eighty"
    cluster.manifests.put(f"{name}.yaml", good)
    eventually(lambda: "spec.ports[0].port" in node.naructl("status", check=False).stdout)
    assert f"shop/{name}" in node.naructl("status", check=False).stdout
    assert answers(node.host, service, family, *PATIENT)
    service.write()
    eventually(lambda: f"{name}.yaml" not in node.naructl("status", check=False).stdout)
    assert node.naructl("status", check=False).returncode == 0
    assert answers(node.host, service, family, *PATIENT)


@pytest.mark.parametrize("suffix", ("yaml", "yml", "json"))
def test_files_in_subdirectories(cluster, suffix):
    """Manifests of every suffix below the folder count, also in a directory made later."""
    sub = cluster.manifests.path(f"team-{suffix}")
    os.mkdir(sub)
    service = cluster.service(f"sub{suffix}", cluster.pods_of_web[0])
    eventually(lambda: answers(cluster.nodes[0].host, service, 4))
    os.rename(cluster.manifests.path(f"{service.name}.yaml"), f"{sub}/service.{suffix}")
    os.rename(cluster.manifests.path(f"{service.name}-slices.yaml"), f"{sub}/slices.{suffix}"
              .replace(".json", ".yaml"))
    eventually(lambda: cluster.nodes[0].naructl_json("status") is not None)
    settled(cluster, service)
    os.unlink(f"{sub}/service.{suffix}")
    eventually(lambda: not answers(cluster.nodes[0].host, service, 4))
