# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects of a rig, written as manifest files by rename, as an editor or kubectl would.

A Service of this module has an address of each family for everything it can be reached by, so that
tests can be written once for both.
"""
import json
import os

NAMESPACE = "shop"


class Manifests:
    """A folder of manifests. A file appears, changes and goes in one step."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        """Where the file of that name lies."""
        return os.path.join(self.directory, name)

    def write(self, name, text):
        """Puts a file in place, whole."""
        draft = os.path.join(self.directory, f".{name}.draft")
        with open(draft, "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(draft, self.path(name))

    def put(self, name, *objects):
        """Writes objects given as dictionaries. JSON is YAML, so the name decides what it is."""
        self.write(name, "\n---\n".join(json.dumps(o, indent=1) for o in objects) + "\n")

    def remove(self, name):
        """Takes a file away."""
        os.unlink(self.path(name))

    def has(self, name):
        """Is there a file of that name?"""
        return os.path.exists(self.path(name))


def namespace(name=NAMESPACE):
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def node(name, addrs, pod_cidrs):
    """A Node with its addresses and pod ranges, in a zone of its own."""
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": f"zone-{name}"}},
            "spec": {"podCIDR": pod_cidrs[0], "podCIDRs": pod_cidrs},
            "status": {"addresses": [{"type": "InternalIP", "address": a} for a in addrs]}}


def pod(place, uid, ports=(), labels=None):
    """A running Pod; ports are those of its container."""
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": place.name, "namespace": NAMESPACE, "uid": uid,
                         "labels": labels or {}},
            "spec": {"nodeName": place.node.name,
                     "containers": [{"name": "c", "ports": list(ports)}]},
            "status": {"phase": "Running", "podIPs": [{"ip": a} for a in place.addr.values()]}}


class Endpoint:
    """One endpoint of a service: a place with its addresses, and its conditions."""

    def __init__(self, place, node_name, ready=True, serving=None, terminating=False):
        self.place = place
        self.node_name = node_name
        self.conditions = {"ready": ready, "serving": ready if serving is None else serving,
                           "terminating": terminating}
        self.hints = {}

    def hint(self, nodes=(), zones=()):
        """Says whose clients the endpoint is meant for."""
        self.hints = {"forNodes": [{"name": n} for n in nodes],
                      "forZones": [{"name": z} for z in zones]}
        return self


class Service:
    """A Service with one port for TCP and UDP and its slices, each in a file of its own."""

    def __init__(self, manifests, name, number, kind="ClusterIP", target=8080, **policy):
        self.manifests = manifests
        self.name = name
        self.kind = kind
        self.port = 80
        self.target = target
        self.node_port = 30000 + number
        high, low = divmod(number, 256)
        self.cluster = {4: f"10.96.{high}.{low}", 6: f"fd96::{number:x}"}
        self.balancer = {4: f"203.0.{113 + high}.{low}", 6: f"2001:db8:1::{number:x}"}
        self.policy = policy
        self.endpoints = []

    def __repr__(self):
        return self.name

    def front(self, kind, family, node_addr=None):
        """Address and port to dial for a kind of frontend."""
        if kind == "NodePort":
            return node_addr[family], self.node_port
        return (self.cluster if kind == "ClusterIP" else self.balancer)[family], self.port

    def service(self):
        """The Service object."""
        ports = [{"name": f"web-{p.lower()}", "protocol": p, "port": self.port,
                  "targetPort": self.target} for p in ("TCP", "UDP")]
        spec = {"type": self.kind, "clusterIP": self.cluster[4],
                "clusterIPs": [self.cluster[4], self.cluster[6]],
                "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack",
                "selector": {"app": self.name}, "ports": ports, **self.policy}
        status = {}
        if self.kind in ("NodePort", "LoadBalancer"):
            for port in ports:
                port["nodePort"] = self.node_port
        if self.kind == "LoadBalancer":
            ingress = [{"ip": a, "ipMode": "VIP"} for a in self.balancer.values()]
            status = {"loadBalancer": {"ingress": ingress}}
        return {"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": self.name, "namespace": NAMESPACE},
                "spec": spec, "status": status}

    def slice(self, family):
        """The EndpointSlice of one family."""
        endpoints = [{"addresses": [e.place.addr[family]], "nodeName": e.node_name,
                      "conditions": e.conditions, "hints": e.hints} for e in self.endpoints]
        ports = [{"name": f"web-{p.lower()}", "protocol": p, "port": self.target}
                 for p in ("TCP", "UDP")]
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": f"{self.name}-ipv{family}", "namespace": NAMESPACE,
                             "labels": {"kubernetes.io/service-name": self.name}},
                "addressType": f"IPv{family}", "endpoints": endpoints, "ports": ports}

    def set(self, *endpoints):
        """Makes these the endpoints: one edited file."""
        self.endpoints = list(endpoints)
        self.manifests.put(f"{self.name}-slices.yaml", self.slice(4), self.slice(6))
        return self

    def write(self):
        """Puts the Service itself in place."""
        self.manifests.put(f"{self.name}.yaml", self.service())
        return self

    def remove(self):
        """Takes the Service and its slices away."""
        for name in (f"{self.name}.yaml", f"{self.name}-slices.yaml"):
            if self.manifests.has(name):
                self.manifests.remove(name)
