# SPDX-License-Identifier: Apache-2.0
"""Objects of the Gateway API and what goes with them, as dictionaries for Manifests.put()."""
import base64
import re

from objects import NAMESPACE
from proc import run

API = "gateway.networking.k8s.io/v1"
CLASS = {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": "naru"},
         "spec": {"controllerName": "naru.io/gateway"}}


def listener(name, port, protocol="HTTP", hostname=None, secret=None):
    """One listener; with a Secret's name it terminates TLS."""
    made = {"name": name, "port": port, "protocol": protocol}
    if hostname:
        made["hostname"] = hostname
    if secret:
        made["tls"] = {"mode": "Terminate", "certificateRefs": [{"name": secret}]}
    return made


def gateway(name, listeners, addresses=(), **spec):
    """A Gateway of class naru."""
    spec = {"gatewayClassName": "naru", "listeners": listeners, **spec}
    if addresses:
        spec["addresses"] = [{"type": "IPAddress", "value": a} for a in addresses]
    return {"apiVersion": API, "kind": "Gateway",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def backend(service, weight=1, port=80):
    """A reference to a Service's port."""
    return {"name": getattr(service, "name", service), "port": port, "weight": weight}


def rule(*backends, path=None, kind="PathPrefix", match=None, **rest):
    """A rule: backends are Services, or what backend() made."""
    made = dict(rest)
    matches = dict(match or {})
    if path:
        matches["path"] = {"type": kind, "value": path}
    if matches:
        made["matches"] = [matches]
    if backends:
        made["backendRefs"] = [b if isinstance(b, dict) else backend(b) for b in backends]
    return made


def route(name, *rules, parent="edge", section=None, hostnames=(), service=None):
    """An HTTPRoute whose parent is a Gateway, or with service= a Service."""
    parent_ref = {"name": parent}
    if section:
        parent_ref["sectionName"] = section
    if service:
        parent_ref = {"group": "", "kind": "Service", "name": service.name, "port": service.port}
    spec = {"parentRefs": [parent_ref], "rules": list(rules)}
    if hostnames:
        spec["hostnames"] = list(hostnames)
    return {"apiVersion": API, "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def destination_rule(service, **policy):
    """A DestinationRule for a Service."""
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": service.name, "namespace": NAMESPACE},
            "spec": {"host": service.name, "trafficPolicy": policy}}


def make_certificate(directory, name, *hosts, key="ec"):
    """A self-signed certificate: paths of chain and key."""
    chain, secret = f"{directory}/{name}.crt", f"{directory}/{name}.key"
    kind = (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec"
            else ["-newkey", "rsa:2048"])
    names = (f"{'IP' if re.fullmatch('[0-9.]+', h) else 'DNS'}:{h}" for h in hosts)
    run(["openssl", "req", "-x509", *kind, "-nodes", "-days", "30", "-keyout", secret,
         "-out", chain, "-subj", f"/CN={hosts[0]}",
         "-addext", "subjectAltName=" + ",".join(names)])
    return chain, secret


def secret_of(name, chain, key):
    """A TLS Secret of these files."""
    def encoded(path):
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()

    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {"tls.crt": encoded(chain), "tls.key": encoded(key)}}
