# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboards ask for what narud has: each metric, label and drop reason in them is in an
answer of a narud that serves a Service and a Gateway."""
import glob
import json
import os
import re

import pytest
import yaml
from edge import edge_made
from proc import eventually
from test_probes import get

CHART = os.path.join(os.path.dirname(__file__), "..", "..", "tools/deploy/helm/naru")
NAME = re.compile(r"\b((?:naru|kubeproxy)_[a-z0-9_]+)(\{[^}]*\})?")
# What Prometheus adds to each series that it scrapes.
SCRAPED = {"instance"}


def metrics(edge):
    """What Prometheus gets."""
    return get(edge.node.host, "127.0.0.1", 10249, "/metrics")[2]


@pytest.fixture(scope="module", name="series")
def fixture_series():
    """Names with the sets of their labels, and all pairs of label and value, of a busy node."""
    with edge_made(nodes=1, api=True, narud_options=("--admin", "[::]:10249")) as edge:
        shut = edge.rig.service("shut", edge.caller, kind="LoadBalancer",
                                loadBalancerSourceRanges=["192.0.2.0/24"])
        refused = shut.front("LoadBalancer", 4)
        eventually(lambda: edge.rig.client.ask(*refused, "-t", 100)["ok"] == 0 and
                   "naru_service_drops_total{" in metrics(edge))
        addr, port = edge.v1.front("ClusterIP", 4)
        eventually(lambda: edge.caller.outside.ask_web(addr, port, "-t", 1)["ok"])
        eventually(lambda: "naru_service_flows_total{" in metrics(edge))
        body = metrics(edge)
    found, pairs = {}, set()
    for line in body.splitlines():
        if line.startswith("# TYPE "):
            found.setdefault(line.split()[2], set())
        elif not line.startswith("#"):
            name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line).groups()
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
            found.setdefault(name, set()).update(labels)
            pairs.update((name, *item) for item in labels.items())
    return found, pairs


def expressions():
    """Where each one is, and what it asks."""
    with open(f"{CHART}/alerts.yaml", encoding="utf-8") as file:
        for alert in yaml.safe_load(file)["alerts"]:
            yield alert["alert"], alert["expr"]
    for path in sorted(glob.glob(f"{CHART}/dashboards/*.json")):
        with open(path, encoding="utf-8") as file:
            board = json.load(file)
        for variable in board["templating"]["list"]:
            yield f"{os.path.basename(path)} {variable['name']}", variable["query"]
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{os.path.basename(path)} {panel['title']}", target["expr"]


def test_metrics_exist(series):
    """A misspelt metric is an alert that never comes."""
    found, pairs = series
    asked = 0
    for where, text in expressions():
        for name, labels in NAME.findall(text):
            asked += 1
            assert name in found, (where, name)
            for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', labels):
                assert label in found[name] | SCRAPED, (where, name, label)
                if value.startswith("$"):
                    continue
                for one in value.split("|") if operator == "=~" else [value]:
                    assert (name, label, one) in pairs, (where, name, label, one)
    assert asked > 60


def test_brackets(series):
    """Each expression is whole."""
    assert series
    for where, text in expressions():
        for pair in ("()", "{}", "[]"):
            assert text.count(pair[0]) == text.count(pair[1]), where
