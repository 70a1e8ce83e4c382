# SPDX-License-Identifier: Apache-2.0
"""What a real API server says (tests/golden/market): what is wrong in it is told and answered so,
what belongs to others is left to them, and the rest is served."""
import base64
import os
import shutil
import ssl

import pytest
from conftest import made
from edge import statuses
from proc import eventually
from rig import ip

MARKET = os.path.join(os.path.dirname(__file__), "..", "golden", "market", "market.yaml")
EDGE = "203.0.113.20"
# Endpoints as the slices have them, by what they belong to.
ENDPOINTS = {"storefront": ("10.244.1.10", "10.244.2.11", "10.244.3.12"),
             "catalog": ("10.244.1.13", "10.244.2.14", "10.244.2.16", "10.244.3.15"),
             "v2": ("10.244.3.17",)}


@pytest.fixture(scope="module", name="market")
def fixture_market():
    """One node; pods that stand for all endpoints."""
    with made(narud=False, nodes=1) as rig:
        node = rig.nodes[0]
        for name, addresses in ENDPOINTS.items():
            pod = node.pod(name)
            for addr in addresses:
                ip(pod.netns, f"addr add {addr}/32 dev eth0")
                ip(node.netns, f"route add {addr} dev veth{name}")
            pod.serve_web(8080, name)
        shutil.copy(MARKET, rig.manifests.path("market.yaml"))
        node.start_narud("--access-log", "off")
        eventually(lambda: ask(rig)["by"] == {"storefront": 1})
        yield rig


def ask(rig, *options, addr=EDGE, port=80, place=None):
    """Requests to the Gateway, or somewhere else."""
    return (place or rig.client).ask_web(addr, port, "-t", 3, *options)


def test_what_is_wrong_is_told(market):
    """Each finding names object, field and reason; of somebody else's Gateway nothing is said."""
    status = market.nodes[0].naructl_json("status")
    told = {(d["object"], d["field"]): d["reason"] for d in status["diagnostics"]
            if d["level"] == "error"}
    assert set(told) == {("HTTPRoute market/broken", "spec.rules[0].backendRefs[0]"),
                         ("HTTPRoute market/broken", "spec.rules[1].backendRefs[0]")}, told
    missing, forbidden = told.values()
    assert "no-such-service" in missing and "ReferenceGrant" in forbidden, told
    assert all(d["object"] and d["field"] and d["reason"] for d in status["diagnostics"])
    assert "not-ours" not in str(status)
    l7 = status["l7"]
    assert (l7["gateways"], l7["listeners"], l7["routes"], l7["certificates"]) == (2, 3, 4, 1), l7


def test_what_is_wrong_is_answered(market):
    """500 for a reference that leads nowhere and for one that is not permitted; nothing else."""
    for path in ("/", "/forbidden"):
        assert statuses(ask(market, "--host", "broken.example.com", "--path", path)) == {500}, path
    assert statuses(ask(market, "--path", "/catalog")) == {200}


def test_the_rest_is_served(market):
    """Canary by header and by weight, redirect, a header changed, TLS, a Service as the parent."""
    always = ("-H", "x-canary: always", "--path", "/catalog")
    assert ask(market, *always, "-n", 5)["by"] == {"v2": 5}
    counts = ask(market, "--path", "/catalog/x", "-n", 3000, "-k")
    # A tenth, and a fifth of the rest: the Service with weight 90 has five endpoints, one of them
    # v2's. Five standard deviations are left by chance once in a million runs; without the tenth,
    # or with equal weights, the count would be 5 and more of them away.
    share = 0.1 + 0.9 / 5
    assert counts["ok"] == 3000, counts
    assert abs(counts["by"]["v2"] - 3000 * share) < 5 * (3000 * share * (1 - share)) ** 0.5, counts
    answer = ask(market, "--path", "/old", "--show")["answer"]
    assert answer["status"] == 301
    assert answer["headers"]["location"] == "http://shop.example.com/catalog"
    body = ask(market, "--host", "else.example.com", "-H", "x-debug: 1", "--show")["answer"]["body"]
    assert '["x-edge", "naru"]' in body and "x-debug" not in body
    for place in (market.nodes[0].host, market.nodes[0].pods["storefront"]):
        # Each thread of the proxy takes the five endpoints by turns.
        n = 10 * len(os.sched_getaffinity(0))
        counts = ask(market, "-n", n, addr="10.96.199.142", port=8080, place=place)
        assert counts["ok"] == n and set(counts["by"]) == {"catalog", "v2"}, counts


def test_certificate(market):
    """Clients of the second listener see the certificate of the Secret that kubectl printed."""
    with open(MARKET, encoding="utf-8") as file:
        encoded = file.read().split("tls.crt: ")[1].split()[0]
    expected = ssl.PEM_cert_to_DER_cert(base64.b64decode(encoded).decode())
    shown = market.client.run(["openssl", "s_client", "-connect", f"{EDGE}:443", "-servername",
                               "a.shop.example.com"], check=False, stdin="").stdout
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    shown = shown[shown.index(begin):shown.index(end) + len(end)]
    assert ssl.PEM_cert_to_DER_cert(shown) == expected
