# SPDX-License-Identifier: Apache-2.0
"""Statements E: which endpoints a client may get. See statements.py."""
import pytest
from objects import NAMESPACE
from proc import built, eventually, run
from statements import INSIDE, KINDS, PROTOS, UDP, leaving, statement, unready

EXTERNAL_LOCAL = {"externalTrafficPolicy": "Local"}
INTERNAL_LOCAL = {"internalTrafficPolicy": "Local"}
EXTERNAL_KINDS = ("NodePort", "LoadBalancer")


@statement("E1", "Cluster policy: all ready endpoints, else all that serve while terminating")
@PROTOS
def test_e1_cluster_policy(path, family, proto):
    """Ready ones wherever they are; a terminating one only when nothing is ready, anywhere."""
    service = path.service(*path.near, *path.far)
    path.becomes((*path.near, *path.far), service, "ClusterIP", family, *proto)
    for kind in KINDS:
        assert path.servers(service, kind, family, *proto, n=64) == {"near1", "near2", "far1",
                                                                     "far2"}
    path.set(service, leaving(path.near[0]), path.far[0])
    path.becomes({"far1"}, service, "ClusterIP", family, *proto)
    path.set(service, leaving(path.near[0]), leaving(path.far[0]),
             leaving(path.far[1], serving=False))
    path.becomes({"near1", "far1"}, service, "ClusterIP", family, *proto)


@statement("E2", "Local policy: ready endpoints of this node, else its terminating ones")
@PROTOS
def test_e2_local_policy(path, family, proto):
    """The Local set falls back by itself, whatever is ready elsewhere."""
    kind = "ClusterIP" if path.inside else "LoadBalancer"
    policy = INTERNAL_LOCAL if path.inside else EXTERNAL_LOCAL
    service = path.service(*path.near, *path.far, **policy)
    path.becomes(path.near, service, kind, family, *proto)
    path.set(service, leaving(path.near[0]), path.near[1], *path.far)
    path.becomes({"near2"}, service, kind, family, *proto)
    path.set(service, leaving(path.near[0]), leaving(path.near[1], serving=False), *path.far)
    path.becomes({"near1"}, service, kind, family, *proto)


@statement("E3", "never an endpoint that neither is ready nor serves")
@PROTOS
def test_e3_unready(path, family, proto):
    """Not even when there is nothing else; one that slices call ready counts, ready or not
    (publishNotReadyAddresses)."""
    service = path.service(unready(path.near[0]), path.far[0])
    path.becomes({"far1"}, service, "ClusterIP", family, *proto)
    path.set(service, unready(path.near[0]), leaving(path.far[0], serving=False))
    path.refused(service, "ClusterIP", family, *proto)
    unready_but_published = path.rig.endpoint(path.near[0])
    unready_but_published.conditions.update(ready=True, serving=False)
    path.set(service, unready_but_published)
    path.becomes({"near1"}, service, "ClusterIP", family, *proto)


@statement("E4", "hints: of this node, else of its zone, if every ready endpoint has one")
@PROTOS
def test_e4_hints(path, family, proto):
    """All or nothing, for each kind of hint."""
    def hinted(pod, *nodes, zones=()):
        return path.rig.endpoint(pod).hint([n.name for n in nodes],
                                           [f"zone-{n.name}" for n in zones])
    near, far, node, other = path.near, path.far, path.node, path.other
    service = path.service(hinted(near[0], other), hinted(far[0], node), hinted(far[1], other))
    for kind in KINDS:
        path.becomes({"far1"}, service, kind, family, *proto)
    path.set(service, hinted(near[0], other, zones=[node, other]), hinted(far[0], zones=[other]))
    path.becomes({"near1"}, service, "ClusterIP", family, *proto)
    path.set(service, hinted(near[0], zones=[node]), far[0])
    path.becomes({"near1", "far1"}, service, "ClusterIP", family, *proto)
    path.set(service, hinted(near[0], zones=[node]), leaving(far[0]), hinted(far[1], zones=[other]))
    path.becomes({"near1"}, service, "ClusterIP", family, *proto)
    path.set(service, hinted(near[0], zones=[other]), hinted(far[0], zones=[other]))
    path.becomes({"near1", "far1"}, service, "ClusterIP", family, *proto)


@statement("E5", "the Cluster set for inside clients of an external Local service and the reverse")
@PROTOS
def test_e5_each_its_set(path, family, proto):
    """Each kind of traffic uses its own policy."""
    everyone = (*path.near, *path.far)
    internal = path.service(*everyone, **INTERNAL_LOCAL)
    external = path.service(*everyone, **EXTERNAL_LOCAL)
    path.becomes(path.near, internal, "ClusterIP", family, *proto)
    path.becomes(everyone, external, "ClusterIP", family, *proto)
    for kind in EXTERNAL_KINDS:
        path.becomes(everyone, internal, kind, family, *proto)
        path.becomes(everyone if path.inside else path.near, external, kind, family, *proto)


@statement("E6", "Local without local endpoint: dropped; without any endpoint: refused",
           differs="sockets of the node and of pods are told EHOSTUNREACH instead of a drop")
@PROTOS
def test_e6_drop_or_refuse(path, family, proto):
    """Both policies, all frontends; established connections go on."""
    internal = path.service(*path.far, **INTERNAL_LOCAL)
    # Connected datagram sockets of pods are left to their packets.
    sockets = ("node",) if proto == UDP else ("node", "pod")
    path.dropped(internal, "ClusterIP", family, *proto, sockets=sockets)
    external = path.service(*path.far, **EXTERNAL_LOCAL)
    for kind in () if path.inside else EXTERNAL_KINDS:
        path.dropped(external, kind, family, *proto)
    path.becomes(path.far, external, "ClusterIP", family, *proto)
    hold = path.place.start("hold", *path.front(external, "ClusterIP", family),
                            "-i", 2000).wait_up()
    path.set(external, unready(path.far[0]), unready(path.far[1]))
    for kind in KINDS:
        path.refused(external, kind, family, *proto)
    counts = hold.stop()
    assert counts["failed"] == 0 and counts["ok"] > 0, counts


@statement("E7", "pods and node get the Cluster set of an external Local service", INSIDE)
@pytest.mark.parametrize("kind", EXTERNAL_KINDS)
@PROTOS
def test_e7_inside_clients(path, kind, family, proto):
    """Also when nothing of it is on this node; a pod's address is kept."""
    service = path.service(*path.far, **EXTERNAL_LOCAL)
    path.becomes(path.far, service, kind, family, *proto)
    counts = path.ask(service, kind, family, *proto, n=8)
    assert set(counts["peers"]) == {path.address(path.place, family)}


@statement("E8", "endpoints of several slices are merged; foreign slices and null ports ignored")
@PROTOS
def test_e8_slices(path, family, proto):
    """The same pod twice counts once; slices of other services, families and types do not."""
    service = path.service(path.near[0])
    path.becomes({"near1"}, service, "ClusterIP", family, *proto)

    def more(name, pod, **changes):
        extra = {**service.slice(family), "endpoints": [
            {"addresses": [pod.addr[family]], "conditions": {"ready": True}}], **changes}
        extra["metadata"] = {"name": name, "namespace": NAMESPACE, "labels": {
            "kubernetes.io/service-name": changes.pop("service", service.name)}}
        return extra

    other = more("other", path.near[1])
    other["metadata"]["labels"]["kubernetes.io/service-name"] = "somebody-else"
    null = more("null", path.near[1], ports=[{"name": f"web-{p}", "protocol": p.upper()}
                                             for p in ("tcp", "udp")])
    named = more("named", path.near[1],
                 ports=[{"name": "no-such", "protocol": "TCP", "port": 8080}])
    path.rig.manifests.put("more.yaml", more("again", path.near[0]), more("new", path.far[0]),
                           other, null, named)
    try:
        path.becomes({"near1", "far1"}, service, "ClusterIP", family, *proto)
        counts = path.ask(service, "ClusterIP", family, *proto, n=600)
        # Twice the weight would make it 400 of 600; six standard deviations are 74.
        assert counts["failed"] == 0 and 226 < counts["by"]["near1"] < 374, counts
    finally:
        path.rig.manifests.remove("more.yaml")
    path.becomes({"near1"}, service, "ClusterIP", family, *proto)


@statement("E9", "another proxy's Services are skipped, and headless and ExternalName ones")
def test_e9_not_ours(path, family):
    """The label given later takes the service away, without it it is back; as ClusterIP None and
    ExternalName do."""
    service = path.service(path.near[0], path.far[0])

    def changed(**spec):
        made = service.service()
        made["spec"].update(spec)
        return made

    labelled = service.service()
    labelled["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "other"}
    others = (labelled, changed(clusterIP="None", clusterIPs=["None"]),
              changed(type="ExternalName", externalName="a.example", clusterIP="",
                      clusterIPs=[]))
    for other in others:
        other["spec"].pop("externalTrafficPolicy", None)
        path.becomes({"near1", "far1"}, service, "ClusterIP", family)
        path.rig.manifests.put(f"{service.name}.yaml", other)
        for kind in KINDS:
            eventually(lambda k=kind: path.ask(service, k, family, "-t", 200)["ok"] == 0)
        service.write()


@statement("E10", "nothing is programmed before Services and slices are both known",
           (*INSIDE, "outside-tc"))
def test_e10_first_sync(path, family):
    """A narud that starts anew, with or without what it had left, never refuses or misleads a new
    flow of a service that has endpoints."""
    service = path.service(*path.near)
    path.becomes(path.near, service, "ClusterIP", family)
    load = path.place.start("who", *path.front(service, "ClusterIP", family), "-i", 2000).wait_up()
    for _ in range(3):
        path.node.stop_narud()
        path.node.start_narud()
    counts = load.stop()
    assert counts["failed"] == 0 and set(counts["by"]) <= {"near1", "near2"}, counts


@statement("E10", "nothing is programmed before Services and slices are both known",
           (*INSIDE, "outside-tc"))
def test_e10_fresh_start(path, family):
    """A narud that finds nothing on the node lets no service be refused as one without endpoints,
    however early a client asks."""
    service, node = path.service(*path.near), path.node
    path.becomes(path.near, service, "ClusterIP", family)
    node.stop_narud()
    run([built("naructl"), "cleanup", "--bpffs", node.bpffs])
    front = path.front(service, "ClusterIP", family)
    load = path.place.start("who", *front, "-t", 200, "-i", 2000)
    try:
        load.wait_failed()
        node.start_narud()
        load.wait_up()
    finally:
        counts = load.stop()
    assert set(counts["by"]) <= {"near1", "near2"}, counts
    assert "ECONNREFUSED" not in counts["errors"], counts


