# SPDX-License-Identifier: Apache-2.0
"""CoreDNS beside the control plane, published as clusters do: Service kube-dns of kube-system.

It needs no pod: an EndpointSlice of each family names where it is.
"""
from rig import SERVICE_CIDR

SERVICE = {4: SERVICE_CIDR[4].replace(".0/16", ".10"), 6: SERVICE_CIDR[6].replace("::/112", "::a")}
COREFILE = """
.:53 {{
    bind {addrs}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        ttl 0
    }}
}}
"""


def _slice(family, addr, ports):
    """The endpoints of one family."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"kube-dns-{family}", "namespace": "kube-system",
                         "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": f"IPv{family}", "ports": ports,
            "endpoints": [{"addresses": [addr], "conditions": {"ready": True}}]}


def objects(addrs):
    """What publishes a server at these addresses by family."""
    ports = [{"name": name, "port": 53, "protocol": protocol}
             for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    service = {"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": "kube-dns", "namespace": "kube-system"},
               "spec": {"clusterIP": SERVICE[4], "clusterIPs": list(SERVICE.values()),
                        "ipFamilyPolicy": "RequireDualStack", "ports": ports}}
    return [service, *(_slice(family, addr, ports) for family, addr in addrs.items())]
