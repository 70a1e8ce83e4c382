# SPDX-License-Identifier: Apache-2.0
"""A Service of a cluster as a client at one place sees it."""
from proc import eventually


class Front:
    """A Service as its clients see it."""

    def __init__(self, cluster, namespace, name, place):
        self.cluster = cluster
        self.namespace = namespace
        self.name = name
        self.place = place
        told = cluster.get("service", "-n", namespace, name)
        self.node_port = told["spec"]["ports"][0].get("nodePort")
        self.addrs = {6 if ":" in addr else 4: addr for addr in told["spec"]["clusterIPs"]}

    def pods(self):
        """The pods that live, by name: their nodes."""
        found = self.cluster.get("pods", "-n", self.namespace, "-l", f"app={self.name}")["items"]
        return {pod["metadata"]["name"]: pod["spec"].get("nodeName") for pod in found
                if "deletionTimestamp" not in pod["metadata"]}

    def ask(self, family, n=1):
        """The counts of a client."""
        return self.place.ask(self.addrs[family], 80, "-t", 300, n=n)

    def served_by(self, pods):
        """True when these and no others answer, in both families."""
        return all(set(self.ask(family, 20)["by"]) == pods for family in self.addrs)

    def settled(self):
        """Waits until all pods that live answer, and returns them."""
        def settle():
            pods = set(self.pods())
            return len(pods) > 0 and self.served_by(pods) and pods

        return eventually(settle, seconds=60, pause=0.2)

    def refused(self):
        """True when nobody answers any more."""
        return all(self.ask(family)["failed"] for family in self.addrs)
