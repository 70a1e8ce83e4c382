# SPDX-License-Identifier: Apache-2.0
"""Gateway API's conformance suite against naru; see tests/conformance/README.md."""
import os
import shutil

import gateway as gw
import pytest
import yaml
from cluster import conformance
from cluster.control import Cluster
from conftest import made
from rig import BALANCER_CIDR

pytestmark = pytest.mark.slow
HOME = os.path.join(os.path.dirname(__file__), "../conformance")
# By channel of the API: what naru has that the other channel has no fields for.
CHANNELS = {"standard": (), "experimental": ("HTTPRouteRetry",)}
USABLE, UNUSABLE = "203.0.113.200", "198.51.100.1"
POOL = {"apiVersion": "naru.io/v1alpha1", "kind": "AddressPool", "metadata": {"name": "gateways"},
        "spec": {"addresses": [{"cidr": "203.0.112.0/24"}]}}


def outcome(report):
    """By level of support: how many tests have passed, and which have not."""
    [profile] = report["profiles"]
    return {level: (profile[level]["statistics"]["Passed"],
                    set(profile[level].get("failedTests", ())) |
                    set(profile[level].get("skippedTests", ())))
            for level in ("core", "extended")}


@pytest.fixture(scope="module", name="cluster", params=CHANNELS)
def fixture_cluster(request):
    """Two nodes, each with narud; the suite's pods are on both."""
    options = ["--namespace", "naru-system", "--gateway-cidrs", BALANCER_CIDR[4]]
    with made(narud=False, kind=Cluster, nodes=2, scheduler=True,
              narud_options=options) as cluster:
        cluster.channel = request.param
        cluster.install_naru(None if request.param == "standard" else request.param)
        cluster.apply(gw.CLASS, POOL, *conformance.access())
        cluster.start_narud()
        cluster.kubectl("wait", "--for=condition=Accepted", "gatewayclass/naru", "--timeout=50s")
        yield cluster


def test_suite_finds_what_the_report_says(cluster):
    """Every test passes that passed when the report was recorded."""
    suite = conformance.Suite(cluster, gw.CLASS["metadata"]["name"], USABLE, UNUSABLE,
                              CHANNELS[cluster.channel])
    path = f"{HOME}/{cluster.channel}.yaml"
    found = outcome(suite.run())
    if os.environ.get("NARU_RECORD"):
        shutil.copyfile(suite.report_path, path)
    with open(path, encoding="utf-8") as report:
        kept = outcome(yaml.safe_load(report))
    for level, (passed, others) in found.items():
        assert others <= kept[level][1] and passed >= kept[level][0], suite.failures()
