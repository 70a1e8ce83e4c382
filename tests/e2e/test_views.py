# SPDX-License-Identifier: Apache-2.0
"""What an administrator sees of layer 7: naructl routes, backends, listeners and status, and the
metrics, agree with what clients have counted."""
import http.client
import re
import socket

import gateway as gw
import pytest
from edge import HOST, edge_made
from proc import eventually


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """Known requests: 30 and a redirect by one route, 3 retried ones, and 2 that no route takes."""
    with edge_made(nodes=1, narud_options=("--access-log", "off")) as edge:
        edge.put_gateway(gw.listener("http", 80, hostname=HOST),
                         gw.listener("secure", 443, "HTTPS", HOST, "absent"))
        edge.put_route(
            gw.rule(gw.backend(edge.v1, 2), gw.backend(edge.v2, 1), path="/split"),
            gw.rule(edge.v2, path="/retried",
                    retry={"codes": [503], "attempts": 2, "backoff": "5ms"}),
            gw.rule(gw.backend("absent"), path="/broken"),
            gw.rule(path="/gone", filters=[{"type": "RequestRedirect", "requestRedirect": {
                "hostname": "other.example.com"}}]), name="seen", hostnames=[HOST])
        edge.rig.manifests.remove("route.yaml")
        edge.settled("--path", "/gone", status=302)
        # What came before this is counted when the redirect is.
        eventually(lambda: totals(edge).get('naru_l7_requests_total{class="3xx"}'))
        edge.before, edge.ok_before = totals(edge), ok_of_v1(edge)
        assert edge.ask("--path", "/split", "-n", 30, "-k")["ok"] == 30
        assert edge.ask("--path", "/retried", "-n", 3, "-H", "x-do: status=503")["failed"] == 0
        assert edge.ask("--path", "/broken")["statuses"] == {"500": 1}
        assert edge.ask("--path", "/nothing", "-n", 2)["statuses"] == {"404": 2}
        eventually(lambda: since(edge, "naru_l7_requests_total", "2xx") == 30 and
                   since(edge, "naru_l7_requests_total", "5xx") == 4)
        yield edge


def metrics(edge):
    """The text of /metrics, by the socket of naructl."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"{edge.node.run_dir}/narud.sock")
        sock.sendall(b"GET /metrics HTTP/1.1\r\nhost: narud\r\n\r\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.status == 200 and "version=0.0.4" in answer.headers["content-type"]
        return answer.read().decode()


def totals(edge):
    """Every sample by its name and labels."""
    lines = [line for line in metrics(edge).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def since(edge, name, label=None):
    """How much a counter has grown by the requests of this module."""
    key = f'{name}{{class="{label}"}}' if label else name
    return totals(edge)[key] - edge.before[key]


def ok_of_v1(edge):
    """Requests that endpoints of v1 have answered well."""
    return sum(endpoint["ok"] for row in edge.node.naructl_json("backends")["backends"]
               if row["cluster"] == "shop/v1:web-tcp" for endpoint in row["endpoints"])


def test_metrics(edge):
    """Every sample has help and type; what is counted is what clients have counted."""
    text = metrics(edge)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name in {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line[0] != "#"}:
        if name not in types:
            name = re.sub(r"_(bucket|sum|count)$", "", name)
            assert types[name] == "histogram", name
        elif name.startswith("naru_"):
            assert types[name] == ("counter" if name.endswith("_total") else "gauge"), name
        assert f"# HELP {name} " in text, name
    assert since(edge, "naru_l7_retries_total") == 6
    now = totals(edge)
    assert (now["naru_proxy_up"], now["naru_proxy_starts_total"], now["naru_l7_listeners"]) == \
        (1, 1, 1), now
    assert now['naru_diagnostics{level="error"}'] == 2, now


def test_routes(edge):
    """Each match with its rule, counts, shares, and what is broken, as JSON and as a table."""
    rows = {row["path"]: row for row in edge.node.naructl_json("routes")["routes"]}
    assert set(rows) == {"/split", "/retried", "/broken", "/gone"}
    assert {row["host"] for row in rows.values()} == {HOST}
    assert rows["/split"]["requests"] == 30, rows
    assert [b["requests"] for b in rows["/split"]["backends"]] == [20, 10], rows
    assert rows["/retried"]["requests"] == 3 and rows["/retried"]["retries"] == 2, rows
    table = edge.node.naructl("routes", check=False).stdout
    for words in ("shop/v1:web-tcp weight 2 got 66.7%", "(broken reference)", "redirects 302",
                  "shop/seen/0"):
        assert words in table, table


def test_backends(edge):
    """Each cluster with its endpoints, tries and retries."""
    rows = {row["cluster"]: row for row in edge.node.naructl_json("backends")["backends"]}
    assert set(rows) == {"shop/v1:web-tcp", "shop/v2:web-tcp"}
    assert rows["shop/v2:web-tcp"]["retried"] == 6, rows
    assert len(rows["shop/v1:web-tcp"]["endpoints"]) == 2, rows
    assert ok_of_v1(edge) - edge.ok_before == 20, rows
    table = edge.node.naructl("backends", check=False).stdout
    assert f"{edge.pods['v2'][0].addr[4]}:8080" in table and "shop/v2:web-tcp" in table, table


def test_listeners(edge):
    """What is served where, and how many requests no route took."""
    rows = edge.node.naructl_json("listeners")["listeners"]
    assert {(row["listener"], row["port"]) for row in rows} == {("shop/edge/http", 80)}
    assert len(rows) == 2, rows
    table = edge.node.naructl("listeners", check=False).stdout
    assert table.count(" served") == 2 and HOST in table, table


def test_status(edge):
    """What is served is counted; what is not is named with its reason."""
    status = edge.node.naructl_json("status")
    l7 = status["l7"]
    assert (l7["gateways"], l7["listeners"], l7["addresses"], l7["routes"], l7["rules"],
            l7["backends"], l7["certificates"]) == (1, 1, 2, 1, 4, 2, 0), l7
    found = {(d["object"], d["field"]): d["reason"] for d in status["diagnostics"]}
    assert set(found) == {
        ("Gateway shop/edge", "spec.listeners[1].tls.certificateRefs[0]"),
        ("HTTPRoute shop/seen", "spec.rules[2].backendRefs[0]")}, found
    table = edge.node.naructl("status", check=False).stdout
    assert all(reason in table for reason in found.values()), table
    assert status["problems"] == ["2 errors in the objects"], status["problems"]
