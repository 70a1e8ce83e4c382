# SPDX-License-Identifier: Apache-2.0
"""Gateway API's own conformance suite, run from outside against the Gateways of a cluster.

The suite is a program of upstream's; which features it tests it learns from the status of the
GatewayClass, and what it finds it writes into a report of its own.
"""
import os
import re
import subprocess

import yaml
from cluster.binaries import program
from proc import RigError, built, run

PROFILE = "GATEWAY-HTTP"
SECONDS = 1800
# What the suite logs of a failure.
TELLING = re.compile(r"^\s*(--- FAIL|Messages:|\S+\.go:\d+: \S+ timeout while waiting)")
ACCOUNT = "system:serviceaccount:naru-system:naru"
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}


def access():
    """What lets naru read the Secrets that the suite makes, in namespaces of its own."""
    group = "rbac.authorization.k8s.io"
    meta = {"name": "read-secrets"}
    return [{"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": meta,
             "rules": [SECRETS]},
            {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": meta,
             "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": meta["name"]},
             "subjects": [{"apiGroup": group, "kind": "User", "name": ACCOUNT}]}]


class Suite:
    """The suite for one GatewayClass. Its objects are gone after a run."""

    def __init__(self, cluster, gateway_class, usable, unusable, more=()):
        """usable: an address that a Gateway may ask for; unusable: one that it may not; more:
        features beside those that the GatewayClass names."""
        self.cluster = cluster
        self.options = ["-gateway-class", gateway_class, "-conformance-profiles", PROFILE,
                        "-usable-address", usable, "-unusable-address", unusable]
        if more:
            named = cluster.get("gatewayclass", gateway_class)["status"]["supportedFeatures"]
            features = [feature["name"] for feature in named] + list(more)
            self.options += ["-supported-features", ",".join(features)]
        self.report_path = f"{cluster.directory}/conformance.yaml"
        self.log_path = f"{cluster.directory}/conformance.log"

    def run(self):
        """Runs all of it and returns the decoded report."""
        version = run([built("narud"), "--version"]).stdout.split()[1]
        argv = [program("gateway-conformance"), "-test.run=^TestConformance$", "-test.v",
                f"-test.timeout={SECONDS}s", "-report-output", self.report_path,
                "-organization", "naru", "-project", "naru", "-url", "README.md",
                "-version", version, "-contact", "CONTRIBUTING.md", *self.options]
        env = {"PATH": os.environ["PATH"], "HOME": self.cluster.directory,
               "KUBECONFIG": self.cluster.certs.path("admin.kubeconfig")}
        with open(self.log_path, "ab") as log:
            process = self.cluster.client.popen(argv, stdout=log, stderr=subprocess.STDOUT,
                                                env=env)
        # The exit status says no more than the report.
        process.wait(timeout=SECONDS + 60)
        if not os.path.exists(self.report_path):
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise RigError(f"there is no report:\n{log.read()[-4000:]}")
        with open(self.report_path, encoding="utf-8") as report:
            return yaml.safe_load(report)

    def failures(self):
        """What the suite's log says of failures."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(line for line in log if TELLING.match(line))
