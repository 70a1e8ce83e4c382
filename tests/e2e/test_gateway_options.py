# SPDX-License-Identifier: Apache-2.0
"""Options of the gateway: where its access log goes, also after narud was restarted, and which
addresses and ports Gateways may use."""
import os

import gateway as gw
from edge import edge_made
from proc import eventually


def lines(path, target):
    """How often a file has that path of a request; 0 without a file."""
    if not os.path.exists(path):
        return 0
    with open(path, encoding="utf-8") as file:
        return file.read().count(f'"path":"{target}"')


def test_access_log():
    """A file; the same one moved away and made anew by the next narud, which adopts the proxy;
    standard output, that of the next narud; nowhere."""
    with edge_made(nodes=1) as edge:
        node, path = edge.node, f"{edge.rig.directory}/access.log"

        def restart(where):
            node.stop_narud(9)
            node.log_path += "+"
            node.start_narud("--access-log", where)
            edge.settled("--path", "/settled")

        def ask(target):
            assert edge.ask("--path", target, "-n", 3)["ok"] == 3

        restart(path)
        pid = node.naructl_json("status")["l7"]["proxy"]["pid"]
        ask("/file")
        eventually(lambda: lines(path, "/file") == 3)
        os.rename(path, f"{path}.old")
        restart(path)
        ask("/anew")
        eventually(lambda: lines(path, "/anew") == 3)
        restart("-")
        ask("/standard")
        eventually(lambda: lines(node.log_path, "/standard") == 3)
        assert node.naructl_json("status")["l7"]["proxy"]["pid"] == pid
        assert not lines(f"{path}.old", "/anew") and not lines(path, "/standard")
        restart("off")
        ask("/nowhere")
        node.stop_narud()
        assert not lines(path, "/nowhere") and not lines(node.log_path, "/nowhere")


def test_allowed_addresses_and_ports(family):
    """What --gateway-cidrs and --gateway-node-ports do not allow is told and not served; the rest
    of the same Gateway is."""
    options = ("--gateway-cidrs", "203.0.113.0/24,2001:db8:1::/64",
               "--gateway-node-ports", "80,8443")
    with edge_made(nodes=1, narud_options=options) as edge:
        node, client = edge.node, edge.rig.client
        outside = {4: "198.51.100.7", 6: "2001:db8:2::7"}
        edge.put_gateway(gw.listener("a", 80), gw.listener("b", 22), gw.listener("c", 8443),
                         addresses=(outside[family], node.addr[family]), name="node")
        edge.put_route(gw.rule(edge.v2), name="node-route", parent="node")
        for port in (80, 8443):
            eventually(lambda p=port: client.ask_web(node.addr[family], p, "-t", 1)["by"] ==
                       {"v2": 1})
        assert client.ask_web(node.addr[family], 22, "-t", 1)["ok"] == 0
        told = {(found["field"], option) for found in node.naructl_json("status")["diagnostics"]
                for option in options[::2] if option in found["reason"]}
        assert told == {("spec.addresses[0].value", options[0]),
                        ("spec.listeners[1].port", options[2])}, told
        shown = node.host.run(["ip", f"-{family}", "route", "show", "table", "local"]).stdout
        assert outside[family] not in shown
        edge.rig.manifests.remove("edge.yaml")
        eventually(lambda: "proto 110" not in
                   node.host.run(["ip", f"-{family}", "route", "show", "table", "local"]).stdout)
