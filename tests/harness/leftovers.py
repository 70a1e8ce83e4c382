# SPDX-License-Identifier: Apache-2.0
"""What kube-proxy leaves on a node, and what of others stands beside it.

Rules in the shape and under the names of kube-proxy 1.3x (iptables and nftables modes) for one
Service with two endpoints, and rules of a kubelet, CNI plugins and people on the same node.
"""
import os
import re

from proc import entered, run

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "leftovers")
VARIANTS = ("legacy", "nft")
TOOL = {4: "iptables", 6: "ip6tables"}
TABLE = {4: "ip", 6: "ip6"}
MODES = ("legacy", "nft", "nftables")


def _read(name):
    with open(os.path.join(HERE, name), encoding="ascii") as file:
        return file.read()


def _fill(text, service, pods, family):
    """A template for a Service and two pods."""
    length = {4: 32, 6: 128}[family]
    values = {"NODEPORT": str(service.node_port), "CLUSTERIP": service.cluster[family],
              "BALANCER": service.balancer[family]}
    for number, pod in enumerate(pods, 1):
        addr = pod.addr[family]
        values[f"POD{number}"] = f"{addr}/{length}"
        values[f"TO{number}"] = addr if family == 4 else f"[{addr}]"
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def restore(netns, variant, family, text):
    """Adds rules of iptables to those of a namespace."""
    with entered(netns):
        run([f"{TOOL[family]}-{variant}-restore", "--noflush"], stdin=text)


def saved(netns):
    """Every rule of the namespace as the tools print it, but for their comments and counters."""
    def lines(text):
        text = re.sub(r"\[\d+:\d+\]|packets \d+ bytes \d+", "", text)
        return [line for line in text.splitlines() if not line.startswith("#")]

    texts = {}
    with entered(netns):
        for variant in VARIANTS:
            for tool in TOOL.values():
                texts[f"{tool}-{variant}"] = lines(run([f"{tool}-{variant}-save"]).stdout)
        texts["nft"] = lines(run(["nft", "list", "ruleset"]).stdout)
    return texts


def foreign(netns, variant):
    """Rules of others, for both families."""
    for family in (4, 6):
        restore(netns, variant, family, _read("foreign.rules"))


def kube_proxy(netns, mode, service, pods):
    """What kube-proxy would have written for a Service, for both families."""
    for family in (4, 6):
        if mode == "nftables":
            with entered(netns):
                run(["nft", "-f", "-"], stdin=_fill(_read(f"kube-proxy.{TABLE[family]}.nft"),
                                                    service, pods, family))
        else:
            restore(netns, mode, family, _fill(_read("kube-proxy.rules"), service, pods, family))


def broken_tools(folder):
    """Programs by the names of those that list rules, to be found in place of them: all fail."""
    for name in ("nft", "tc", *(f"{tool}-{variant}-save" for tool in TOOL.values()
                                for variant in VARIANTS)):
        path = folder / name
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
