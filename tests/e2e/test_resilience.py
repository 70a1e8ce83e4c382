# SPDX-License-Identifier: Apache-2.0
"""Timeouts, retries, the circuit breaker and ejection: what the client sees, what the backends saw
and what the access log says agree."""
import json
import socket
import struct

import gateway as gw
import pytest
from edge import HOST, VIP, edge_made, statuses
from proc import entered, eventually


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """One rig for all; narud's standard output is the access log."""
    with edge_made(nodes=1) as edge:
        yield edge


@pytest.fixture(autouse=True)
def plain(edge):
    """No policy is left from the test before."""
    yield
    edge.put("policy.yaml", gw.CLASS)
    edge.put_route(gw.rule(edge.v1))
    edge.settled("--path", "/")


def logged(edge, path):
    """Access log entries of a path."""
    entries = []
    # The last line may not be written whole yet.
    for line in edge.node.log().split("\n")[:-1]:
        if line.startswith("{") and f'"path":"{path}' in line.replace('": "', '":"'):
            entries.append(json.loads(line))
    return entries


def test_request_timeout(edge):
    """timeouts.request: 504, flag UT."""
    edge.put_route(gw.rule(edge.v1, path="/slow", timeouts={"request": "200ms"}))
    edge.settled("--path", "/slow/warm")
    counts = edge.ask("--path", "/slow/1", "-H", "x-do: delay=3000")
    assert statuses(counts) == {504}, counts
    entry = eventually(lambda: logged(edge, "/slow/1"))[0]
    assert entry["response_code"] == 504 and entry["response_flags"] == "UT", entry


def test_backend_timeout_and_retry(edge):
    """timeouts.backendRequest bounds one try; a retry goes on within the request's time."""
    edge.put_route(gw.rule(edge.v1, path="/try",
                           timeouts={"request": "5s", "backendRequest": "300ms"},
                           retry={"codes": [503], "attempts": 3, "backoff": "10ms"}))
    edge.settled("--path", "/try/warm")
    counts = edge.ask("--path", "/try/1", "-H", "x-do: every=2 delay=3000", "-n", 6)
    assert statuses(counts) == {200}, counts


def test_retry_hides_a_flaky_backend(edge):
    """Every second answer of each pod is a 503: with retries nobody sees one, without everybody
    does."""
    edge.put_route(gw.rule(edge.v1, path="/kept", retry={"codes": [503], "attempts": 4,
                                                         "backoff": "5ms"}),
                   gw.rule(edge.v1, path="/bare"))
    edge.settled("--path", "/bare")
    flaky = ("-H", "x-do: every=2 status=503")
    assert 503 in statuses(edge.ask("--path", "/bare", "-n", 20, *flaky))
    counts = edge.ask("--path", "/kept/1", "-n", 40, *flaky)
    assert statuses(counts) == {200}, counts
    entries = eventually(lambda: len(logged(edge, "/kept/1")) == 40 and logged(edge, "/kept/1"))
    assert max(entry["attempts"] for entry in entries) > 1
    assert {entry["response_code"] for entry in entries} == {200}


def test_retries_run_out(edge):
    """The last answer is delivered, with flag URX and as many tries as allowed."""
    edge.put_route(gw.rule(edge.v1, path="/bad", retry={"codes": [500], "attempts": 2,
                                                        "backoff": "5ms"}))
    edge.settled("--path", "/bad/warm")
    counts = edge.ask("--path", "/bad/1", "-H", "x-do: status=500")
    assert statuses(counts) == {500}, counts
    entry = eventually(lambda: logged(edge, "/bad/1"))[0]
    assert entry["attempts"] == 3 and "URX" in entry["response_flags"], entry


def alone(edge, *rules):
    """Routes to the one pod of v2, in force; the number of the request that it got last."""
    edge.put_route(*rules, gw.rule(edge.v2, path="/count"))
    edge.settled("--path", "/count")
    return edge.told("--path", "/count")["request"]


def tries(edge, before):
    """How many requests v2's pod got since, but the one that asks."""
    return edge.told("--path", "/count")["request"] - before - 1


def only(edge, path):
    """The one access log entry of a path."""
    [entry] = eventually(lambda: logged(edge, path))
    return entry


def test_tries_are_counted_alike(edge):
    """The backend sees as many requests as the access log says, for what is listed and what not."""
    policy = {"codes": [503, 500], "attempts": 3, "backoff": "20ms"}
    before = alone(edge, gw.rule(edge.v2, path="/alike", retry=policy))
    for name, status, options, expected, flags in (
            ("listed", 500, (), 4, "URX"), ("other", 502, (), 1, "-"),
            ("put", 503, ("--method", "PUT", "--body", 10), 4, "URX"),
            ("post", 503, ("--method", "POST", "--body", 10), 1, "-")):
        path = f"/alike/{name}"
        counts = edge.ask("--path", path, "-H", f"x-do: status={status}", *options)
        assert statuses(counts) == {status}, (name, counts)
        entry = only(edge, path)
        assert (entry["attempts"], entry["response_flags"]) == (expected, flags), entry
        assert tries(edge, before) == expected, name
        before += expected + 1


def test_time_limit_of_each_try(edge):
    """timeouts.backendRequest cuts every try of its own: the backend sees them all, the client the
    504 of the last one."""
    before = alone(edge, gw.rule(edge.v2, path="/each", timeouts={"backendRequest": "200ms"},
                                 retry={"attempts": 2, "backoff": "5ms"}))
    counts = edge.ask("--path", "/each/1", "-H", "x-do: delay=2000")
    assert statuses(counts) == {504}, counts
    entry = only(edge, "/each/1")
    assert entry["attempts"] == 3 and "UT" in entry["response_flags"].split(","), entry
    assert entry["duration"] + 3 >= 600, entry
    assert tries(edge, before) == 3


def test_wait_between_tries(edge):
    """retry.backoff is the least time between tries, twice as long each time."""
    before = alone(edge, gw.rule(edge.v2, path="/wait", retry={"codes": [503], "attempts": 2,
                                                               "backoff": "150ms"}))
    counts = edge.ask("--path", "/wait/1", "-H", "x-do: status=503")
    assert statuses(counts) == {503}, counts
    entry = only(edge, "/wait/1")
    assert entry["attempts"] == 3 and entry["duration"] + 3 >= 450, entry
    assert tries(edge, before) == 3


def test_request_timeout_spans_tries(edge):
    """timeouts.request covers all tries and the waits between them; no try begins after it."""
    policy = {"codes": [503], "attempts": 50, "backoff": "100ms"}
    before = alone(edge, gw.rule(edge.v2, path="/span", retry=policy,
                                 timeouts={"request": "700ms"}))
    counts = edge.ask("--path", "/span/1", "-H", "x-do: status=503")
    assert statuses(counts) == {504}, counts
    entry = only(edge, "/span/1")
    assert entry["response_flags"] == "UT" and 700 <= entry["duration"] + 2, entry
    assert 2 <= entry["attempts"] < 7 and tries(edge, before) == entry["attempts"], entry


def test_no_connection(edge):
    """Endpoints that refuse: 503, flag UF; a retry finds the one that lives."""
    edge.put_route(gw.rule(edge.v1, path="/half", retry={"attempts": 2, "backoff": "5ms"}))
    server = edge.servers["v1a"]
    server.kill()
    server.wait()
    try:
        edge.settled("--path", "/half/warm")
        counts = edge.ask("--path", "/half/1", "-n", 20)
        assert statuses(counts) == {200}, counts
    finally:
        edge.servers["v1a"] = edge.pods["v1"][0].serve_web(8080, "v1")


def test_flags_of_failures(edge):
    """What the proxy answers by itself has a flag that says why: no route, no endpoint, no
    connection; and so has a request whose client went away."""
    edge.put_route(gw.rule(edge.v1, path="/flags"), gw.rule(edge.v2, path="/bare"),
                   gw.rule(edge.v1, path="/"), hostnames=[HOST])
    edge.settled("--path", "/bare")
    assert statuses(edge.ask("--path", "/flags/nr", "--host", "no.example.com")) == {404}
    with entered(edge.rig.client.netns):
        sock = socket.create_connection((VIP[4], 80), timeout=10)
    with sock:
        sock.sendall(f"GET /flags/dc HTTP/1.1\r\nhost: {HOST}\r\nx-do: delay=8000\r\n\r\n"
                     .encode())
        eventually(lambda: edge.under_way() == 1)
        # A reset, not the end of a client that still waits for its answer.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    edge.servers["v2"].kill()
    edge.servers["v2"].wait()
    try:
        assert statuses(edge.ask("--path", "/bare/uf")) == {503}
        edge.v2.set()
        eventually(lambda: statuses(edge.ask("--path", "/bare/uh")) == {503} and
                   any(e["response_flags"] == "UH" for e in logged(edge, "/bare/uh")))
    finally:
        edge.servers["v2"] = edge.pods["v2"][0].serve_web(8080, "v2")
        edge.v2.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v2"]))
    for path, code, flags in (("/flags/nr", 404, "NR"), ("/bare/uf", 503, "UF"),
                              ("/flags/dc", 0, "DC")):
        entry = only(edge, path)
        assert (entry["response_code"], entry["response_flags"]) == (code, flags), entry


def test_breaker(edge):
    """connectionPool: what is beyond the limits is refused at once with 503 and flag UO, and what
    is within is served; afterwards everything is."""
    edge.put("policy.yaml", gw.destination_rule(edge.v1, connectionPool={
        "tcp": {"maxConnections": 2}, "http": {"http1MaxPendingRequests": 1}}))
    edge.put_route(gw.rule(edge.v1, path="/few"))
    edge.settled("--path", "/few/warm")
    counts = edge.ask("--path", "/few/1", "-n", 8, "-c", 8, "-H", "x-do: delay=1500")
    assert statuses(counts) == {200, 503}, counts
    entries = eventually(lambda: len(logged(edge, "/few/1")) == 8 and logged(edge, "/few/1"))
    assert counts["statuses"]["200"] == 3 and counts["statuses"]["503"] == 5, entries
    assert sum(entry["response_flags"] == "UO" for entry in entries) == 5
    assert statuses(edge.ask("--path", "/few/2", "-n", 10)) == {200}
    [row] = edge.node.naructl_json("backends")["backends"]
    assert row["cluster"].startswith("shop/v1:"), row
    assert row["connections"]["limit"] == 2 and row["pending"]["limit"] == 1, row
    assert row["overflows"] == 5, row


def test_request_limit(edge):
    """http2MaxRequests bounds requests under way, in HTTP/1.1 too."""
    edge.put("policy.yaml", gw.destination_rule(edge.v1, connectionPool={
        "http": {"http2MaxRequests": 3}}))
    edge.put_route(gw.rule(edge.v1, path="/busy"))
    edge.settled("--path", "/busy/warm")
    counts = edge.ask("--path", "/busy/1", "-n", 8, "-c", 8, "-H", "x-do: delay=1500")
    assert counts["statuses"] == {"200": 3, "503": 5}, counts
    entries = eventually(lambda: len(logged(edge, "/busy/1")) == 8 and logged(edge, "/busy/1"))
    assert sum(entry["response_flags"] == "UO" for entry in entries) == 5, entries


def test_retry_limit(edge):
    """maxRetries bounds retries under way: beyond it the answer of the first try is passed on."""
    edge.put("policy.yaml", gw.destination_rule(edge.v1, connectionPool={
        "http": {"maxRetries": 1}}))
    edge.put_route(gw.rule(edge.v1, path="/once", retry={"codes": [503], "attempts": 1,
                                                         "backoff": "1s"}))
    edge.settled("--path", "/once/warm")
    counts = edge.ask("--path", "/once/1", "-n", 6, "-c", 6, "-H", "x-do: status=503 delay=300")
    assert statuses(counts) == {503}, counts
    entries = eventually(lambda: len(logged(edge, "/once/1")) == 6 and logged(edge, "/once/1"))
    told = sorted((entry["attempts"], entry["response_flags"]) for entry in entries)
    assert told == [(1, "UO")] * 5 + [(2, "URX")], told


def test_requests_of_a_connection(edge):
    """maxRequestsPerConnection: then another one is opened, and no request fails by that."""
    edge.put("policy.yaml", gw.destination_rule(edge.v2, connectionPool={
        "http": {"maxRequestsPerConnection": 3}}))
    alone(edge)
    told = [edge.told("--path", "/count") for _ in range(20)]
    assert max(answer["nth"] for answer in told) == 3, told
    assert len({answer["connection"] for answer in told}) >= 20 // 3, told


def test_expression_at_its_limit(edge):
    """A pattern that runs out of steps is a 500 with a flag, not a request that does not match."""
    edge.put_route(gw.rule(edge.v2, path="/x(a+)+$", kind="RegularExpression"), gw.rule(edge.v1))
    edge.settled()
    path = f"/x{'a' * 60}!"
    assert statuses(edge.ask("--path", path)) == {500}
    assert only(edge, path)["response_flags"] == "RLX"


def test_outlier(edge):
    """Consecutive errors eject an endpoint, the others take over, it returns after its time."""
    edge.put("policy.yaml", gw.destination_rule(edge.v1, outlierDetection={
        "consecutive5xxErrors": 3, "interval": "1s", "baseEjectionTime": "5s",
        "maxEjectionPercent": 50}))
    edge.servers["v1a"].kill()
    edge.servers["v1a"].wait()
    edge.servers["v1a"] = edge.pods["v1"][0].serve_web(8080, "bad")
    try:
        edge.put_route(gw.rule(edge.v1, path="/ill"))
        edge.settled("--path", "/ill/warm")
        edge.ask("--path", "/ill/1", "-n", 12, "-H", "x-do: bad:status=500")
        counts = edge.ask("--path", "/ill/2", "-n", 10)
        assert counts["by"] == {"v1": 10}, counts
        ejected = eventually(lambda: [e for c in edge.node.naructl_json("backends")["backends"]
                                      for e in c["endpoints"] if e["ejected_ms"]])
        assert len(ejected) == 1
        eventually(lambda: "bad" in edge.ask("--path", "/ill/3", "-n", 4)["by"])
    finally:
        edge.servers["v1a"].kill()
        edge.servers["v1a"].wait()
        edge.servers["v1a"] = edge.pods["v1"][0].serve_web(8080, "v1")


def test_answers_cut_short(edge):
    """A backend that closes in the middle of a body: the client sees a cut answer, never a whole
    one, and the connection is not used again."""
    edge.put_route(gw.rule(edge.v1, path="/cut"))
    edge.settled("--path", "/cut/warm")
    for how in ("cut bytes=100000", "cut bytes=100000 chunked"):
        counts = edge.ask("--path", "/cut/1", "-n", 3, "-k", "-H", f"x-do: {how}")
        assert counts["failed"] == 3 and counts["ok"] == 0, counts
    entries = eventually(lambda: len(logged(edge, "/cut/1")) == 6 and logged(edge, "/cut/1"))
    assert {entry["response_flags"] for entry in entries} == {"UC"}, entries


def test_surplus_bytes(edge):
    """Bytes beyond an answer never become somebody's answer."""
    edge.put_route(gw.rule(edge.v1, path="/more"))
    edge.settled("--path", "/more/warm")
    counts = edge.ask("--path", "/more/1", "-n", 50, "-c", 4, "-k", "-H", "x-do: surplus")
    assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts
    assert counts["by"] == {"v1": 50}, counts


@pytest.mark.parametrize("options", (("--body", 300000), ("--body", 300000, "--chunked"),
                                     ("-H", "expect: 100-continue", "--body", 5000)),
                         ids=("length", "chunked", "expect"))
@pytest.mark.parametrize("answer", ("bytes=3000000", "bytes=3000000 chunked"),
                         ids=("length", "chunked"))
def test_bodies(edge, options, answer):
    """Bodies of every framing pass both ways."""
    edge.put_route(gw.rule(edge.v1, path="/body"))
    edge.settled("--path", "/body")
    counts = edge.ask("--path", "/body", "--method", "POST", *options, "-n", 4, "-c", 2, "-k",
                      "--show", "-H", f"x-do: {answer}")
    assert counts["failed"] == 0 and counts["ok"] == 4, {**counts, "answer": None}
    assert len(counts["answer"]["body"]) == 3000000


def test_ejection_outlasts_changes(edge):
    """An endpoint that refuses connections is ejected, and no change of routes and endpoints, nor
    a new narud, lets it back before its time. (Last here: it is out for minutes.)"""
    def shown():
        return {e["address"]: e for row in edge.node.naructl_json("backends")["backends"]
                for e in row["endpoints"] if row["cluster"].startswith("shop/v1:")}

    edge.put("policy.yaml", gw.destination_rule(edge.v1, outlierDetection={
        "consecutiveGatewayErrors": 2, "baseEjectionTime": "60s", "maxEjectionPercent": 50}))
    edge.put_route(gw.rule(edge.v1, path="/out"))
    edge.settled("--path", "/out/warm")
    gone = edge.pods["v1"][0].addr[4]
    edge.servers["v1a"].kill()
    edge.servers["v1a"].wait()
    try:
        counts = edge.ask("--path", "/out/1", "-n", 12)
        assert counts["statuses"].get("503", 0) <= 2, counts
        edge.servers["v1a"] = edge.pods["v1"][0].serve_web(8080, "back")
        times = eventually(lambda: shown()[gone]["ejected_ms"] and shown()[gone]["ejections"])
        edge.put_route(gw.rule(edge.v1, path="/out"), gw.rule(edge.v2, path="/more"))
        edge.v1.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v1"] + edge.pods["v2"]))
        edge.node.stop_narud(9)
        edge.node.start_narud()
        edge.settled("--path", "/more")
        eventually(lambda: len(shown()) == 3 and shown()[gone]["ejected_ms"])
        counts = edge.ask("--path", "/out/2", "-n", 12)
        assert set(counts["by"]) == {"v1", "v2"} and counts["ok"] == 12, counts
        assert shown()[gone]["ejections"] == times
    finally:
        edge.v1.set(*(edge.rig.endpoint(pod) for pod in edge.pods["v1"]))
