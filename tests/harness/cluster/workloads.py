# SPDX-License-Identifier: Apache-2.0
"""Objects for kubectl whose pods a rig's node can run."""

PORT = 8080


def namespace(name):
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _labels(name):
    return {"app": name}


def deployment(namespace_name, name, node, replicas=1, image="echo"):
    """Servers that answer with the name of their pod: all on one node, or where a scheduler wants
    them."""
    container = {"name": "server", "image": f"naru.test/{image}:1",
                 "args": ["--name", "$(POD)", "--port", str(PORT)],
                 "env": [{"name": "POD",
                          "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                 "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1}}
    template = {"metadata": {"labels": _labels(name)},
                "spec": {"automountServiceAccountToken": False, "containers": [container],
                         "terminationGracePeriodSeconds": 5}}
    if node:
        template["spec"]["nodeName"] = node.name
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace_name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": _labels(name)},
                     "template": template}}


def once(namespace_name, name, *args):
    """A Pod that runs a command of busybox to its end."""
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace_name},
            "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False,
                     "containers": [{"name": "once", "image": "naru.test/busybox:1",
                                     "args": list(args)}]}}


def service(namespace_name, name, **spec):
    """A Service in both families for the Deployment of that name."""
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace_name},
            "spec": {"selector": _labels(name), "ipFamilyPolicy": "RequireDualStack",
                     "ports": [{"name": "tcp", "port": 80, "targetPort": PORT}], **spec}}
