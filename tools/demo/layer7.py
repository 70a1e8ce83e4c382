# SPDX-License-Identifier: Apache-2.0
"""The demo's second screen: a Gateway with its routes, through the proxy."""
import gateway as gw
from proc import eventually

HOST = "shop.example.com"
DOOR = {4: "203.0.113.80", 6: "2001:db8:1::80"}
MESH = {4: "10.96.0.21", 6: "fd96::21"}
PORT = 9090
REQUESTS = 200


class Layer7:
    """Shows one thing after the other; `failures` counts what went wrong."""

    def __init__(self, rig, manifests):
        self.rig = rig
        self.manifests = manifests
        self.failures = 0

    def start(self):
        """Starts the web servers in the pods and writes the certificate."""
        for node in self.rig.nodes:
            for name, pod in node.pods.items():
                if name.startswith("web-"):
                    pod.serve_web(PORT, "v1" if name == "web-1" else "v2")
        chain, key = gw.make_certificate(self.rig.directory, "shop", HOST)
        self.rig.manifests.put("shop-tls.yaml", gw.secret_of("shop-tls", chain, key))
        self.chain = chain

    def settle(self):
        """Waits until the gateway answers in both families, with TLS, and inside the cluster."""
        for family in DOOR:
            eventually(lambda f=family: self.ask("-t", 1, family=f)["failed"] == 0)
        eventually(lambda: self.secure("-t", 1)["failed"] == 0)
        eventually(lambda: self.inside("-t", 1, "--path", "/v2")["by"] == {"v2": 1})

    def ask(self, *options, family=4, port=80):
        """Requests from the client outside."""
        return self.rig.client.ask_web(DOOR[family], port, "--host", HOST, *options)

    def secure(self, *options):
        """The same over TLS."""
        return self.ask("--tls", "--ca", self.chain, *options, port=443)

    def inside(self, *options, family=4):
        """Requests from a pod to the ClusterIP of v1."""
        return self.rig.nodes[0].pods["caller"].ask_web(MESH[family], 80, *options)

    def row(self, what, counts, allowed=("200",)):
        """One line; failed requests and statuses that are not allowed are failures."""
        wrong = counts["failed"] + sum(n for s, n in counts["statuses"].items() if s not in allowed)
        self.failures += wrong
        by = "  ".join(f"{name} {n}" for name, n in sorted(counts["by"].items()))
        seen = "  ".join(f"{n} x {s}" for s, n in sorted(counts["statuses"].items()))
        print(f"  {what:<54} {seen:<19} {by:<14} {counts['failed']} failed")
        return counts

    def edit(self, first, second):
        """Edits the weights of the canary in its file."""
        with open(f"{self.manifests}/canary.yaml", encoding="utf-8") as source:
            text = source.read()
        text = text.replace("weight: 90", f"weight: {first}").replace("weight: 10",
                                                                      f"weight: {second}")
        self.rig.manifests.write("canary.yaml", text)

    def canary(self):
        """Ten percent, then fifty, under load; then TLS."""
        for family in DOOR:
            self.row(f"canary 90:10, [{DOOR[family]}]:80", self.ask("-n", REQUESTS, "-k",
                                                                    family=family))
        load = self.rig.client.start_web(DOOR[6], 80, "--host", HOST, "-n", 0, "-c", 2, "-k",
                                         "-i", 1).wait_up()
        self.edit(50, 50)
        eventually(lambda: self.ask("-n", 20, "-k")["by"].get("v2", 0) >= 9)
        self.row("load over the edit", load.stop())
        self.row("the file is edited to 50:50", self.ask("-n", REQUESTS, "-k"))
        self.row("HTTPS, certificate from a Secret", self.secure("-n", REQUESTS, "-k"))

    def resilience(self):
        """Retries and the breaker."""
        flaky = ("-H", "x-do: every=2 status=503", "-n", 60)
        self.row("every second answer is 503, no retries",
                 self.ask("--path", "/bare", *flaky), allowed=("200", "503"))
        self.row("every second answer is 503, up to 4 retries",
                 self.ask("--path", "/retried", *flaky))
        self.edit(1, 0)
        eventually(lambda: set(self.ask("-n", 10, "-k")["by"]) == {"v1"})
        counts = self.row("20 slow ones at once, breaker at 4 connections + 1",
                          self.ask("-n", 20, "-c", 20, "-H", "x-do: delay=700"),
                          allowed=("200", "503"))
        self.failures += "503" not in counts["statuses"]
        self.row("one after the other: it has closed again", self.ask("-n", 20))

    def mesh(self):
        """A Service with a route of its own."""
        for family in MESH:
            self.row(f"pod to ClusterIP {MESH[family]}, /", self.inside("-n", 40, family=family))
            self.row(f"pod to ClusterIP {MESH[family]}, /v2",
                     self.inside("-n", 40, "--path", "/v2", family=family))

    def show(self):
        """The whole screen."""
        self.settle()
        print("\nThe gateway: HTTP requests from the client outside, and from a pod, by answers")
        self.canary()
        self.resilience()
        self.mesh()
