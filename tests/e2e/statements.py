# SPDX-License-Identifier: Apache-2.0
"""What kube-proxy promises, statement by statement, on every path a client can take.

Each test of a statement has it in its name and in a marker, and is run for the paths that it names;
the end of a run prints the table of statements and paths. A statement that naru keeps in another
way than kube-proxy says how in the marker (`differs`).

    path           client
    node           a socket of the node, translated at connect or sendmsg
    pod            a socket of a pod, translated there too
    pod-packets    a pod whose sockets nobody sees: its packets are translated where they come in
    outside-tc     another machine, by TC at the node's device
    outside-xdp    another machine, by XDP there
    narud          no packet: what narud itself does
"""
import collections
import contextlib

import pytest
from proc import eventually
from rig import Rig, ip

PATHS = ("node", "pod", "pod-packets", "outside-tc", "outside-xdp")
INSIDE = PATHS[:3]
OUTSIDE = PATHS[3:]
COLUMNS = (*PATHS, "narud")
UDP = ("-u",)
# Where external IPs may lie.
EXTERNAL_CIDR = {4: "198.51.100.0/24", 6: "2001:db8:2::/112"}
# Routed to node 1, which may not serve it.
UNSERVED_CIDR = {4: "198.18.0.0/24", 6: "2001:db8:3::/64"}
KINDS = ("ClusterIP", "NodePort", "LoadBalancer")
PROTOS = pytest.mark.parametrize("proto", ((), UDP), ids=("tcp", "udp"))


def statement(name, title, paths=PATHS, differs=None):
    """Decorates a test of one statement, which takes `path` unless the path is narud."""
    def decorate(test):
        test = pytest.mark.statement(name, title, differs)(test)
        if paths == ("narud",):
            return test
        return pytest.mark.parametrize("path", paths, indirect=True)(test)
    return decorate


class Path:
    """One way to the services of node 1, on a rig with two nodes and two pods on each."""

    def __init__(self, name, rig):
        self.name = name
        self.rig = rig
        self.node, self.other = rig.nodes
        self.near, self.far = rig.near, rig.far
        self.place = {"node": self.node.host, "pod": rig.caller,
                      "pod-packets": rig.bare.outside}.get(name, rig.client)
        self.inside = name in INSIDE
        self.mine = []

    def service(self, *endpoints, kind="LoadBalancer", **policy):
        """A Service of the test's own."""
        name = f"s{len(self.rig.services)}"
        self.mine.append(self.rig.service(name, *endpoints, kind=kind, **policy))
        return self.mine[-1]

    def set(self, service, *endpoints):
        """Makes these pods or endpoints the Service's."""
        service.set(*(self.rig.endpoint(e) for e in endpoints))

    def front(self, service, kind, family):
        """Address and port of a frontend; NodePorts are those of node 1."""
        return service.front(kind, family, self.node.addr)

    def ask(self, service, kind, family, *options, n=1):
        """The counts of n new flows."""
        return self.place.ask(*self.front(service, kind, family), "-t", 3000, *options, n=n)

    def servers(self, service, kind, family, *options, n=24):
        """Who answers many new flows; None when one of them failed."""
        counts = self.ask(service, kind, family, *options, n=n)
        return set(counts["by"]) if not counts["failed"] else None

    def becomes(self, names, service, kind, family, *options):
        """Waits until these, and nobody else, answer: one of them first, which is soon asked."""
        names = {getattr(name, "name", name) for name in names}
        eventually(lambda: set(self.ask(service, kind, family, *options, "-t", 300)["by"]) & names
                   and self.servers(service, kind, family, *options) == names)

    def errors(self, service, kind, family, *options):
        """What one new flow fails with."""
        return set(self.ask(service, kind, family, "-t", 300, *options)["errors"])

    def refused(self, service, kind, family, *options):
        """Waits until new flows are refused."""
        eventually(lambda: self.errors(service, kind, family, *options) == {"ECONNREFUSED"})

    def dropped(self, service, kind, family, *options, sockets=("node", "pod")):
        """Waits until new flows get no answer; a socket that is translated is told that there is no
        way."""
        wanted = {"EHOSTUNREACH"} if self.name in sockets else {"timeout"}
        eventually(lambda: self.errors(service, kind, family, *options) == wanted)

    def address(self, place, family):
        """An address as the servers tell it."""
        addr = place if isinstance(place, str) else place.addr[family]
        return addr if family == 4 else f"[{addr}]"

    def drops(self, reason):
        """Node 1's counter of drops for a reason."""
        rows = self.node.naructl_json("drops")
        rows = rows["drops"] if isinstance(rows, dict) else rows
        return {row["reason"]: row["packets"] for row in rows}[reason]

    def end(self):
        """Takes the test's Services away."""
        for service in self.mine:
            service.remove()


def leaving(pod, serving=True):
    """A pod that terminates."""
    return Rig.endpoint(pod, ready=False, serving=serving, terminating=True)


def unready(pod):
    """A pod that is not ready."""
    return Rig.endpoint(pod, ready=False)


class Rigs:
    """The rigs of all paths, made when first asked for."""

    def __init__(self):
        self.made = {}
        self.stack = contextlib.ExitStack()

    def get(self, xdp):
        """The rig whose node 1 has XDP, or has not."""
        if xdp not in self.made:
            from conftest import made
            rig = self.stack.enter_context(made(
                xdp="native" if xdp else "off",
                narud_options=("--external-ip-cidrs", ",".join(EXTERNAL_CIDR.values()))))
            first, second = rig.nodes
            for family in (4, 6):
                ip(rig.client.netns,
                   f"route add {EXTERNAL_CIDR[family]} via {first.addr[family]}",
                   f"route add {UNSERVED_CIDR[family]} via {first.addr[family]}",
                   *(f"route add {n.pod_cidr[family]} via {n.addr[family]}" for n in rig.nodes))
            rig.near = [first.pod("near1"), first.pod("near2")]
            rig.far = [second.pod("far1"), second.pod("far2")]
            rig.caller, rig.bare = first.pod("caller"), first.pod("bare")
            first.host.node = first
            for place in (*rig.near, *rig.far, rig.caller, rig.bare, first.host):
                place.serve(8080)
            probe = rig.service("probe", *rig.near, *rig.far, kind="LoadBalancer")
            for place in (first.host, rig.caller, rig.bare.outside, rig.client):
                for family in (4, 6):
                    path = Path("probe", rig)
                    path.place = place
                    path.becomes((*rig.near, *rig.far), probe, "NodePort", family)
            self.made[xdp] = rig
        return self.made[xdp]


@pytest.fixture(scope="session", name="rigs")
def fixture_rigs():
    """The rigs that statements share."""
    rigs = Rigs()
    with rigs.stack:
        yield rigs


@pytest.fixture(name="path")
def fixture_path(request, rigs):
    """The path of the test."""
    path = Path(request.param, rigs.get(request.param == "outside-xdp"))
    yield path
    path.end()


# ---- the table -----------------------------------------------------------------------------------

class Table:
    """Counts what came of each statement on each path."""

    def __init__(self):
        self.titles = {}
        self.cells = collections.defaultdict(collections.Counter)
        self.differs = {}

    def note(self, statement, outcome):
        """One test of a statement has ended."""
        name, title, differs, path = statement
        self.titles[name] = title
        if differs:
            self.differs[name] = differs
        self.cells[name, path][outcome] += 1

    def cell(self, name, column):
        """How many passed, or how many of how many did not."""
        counts = self.cells.get((name, column))
        if not counts:
            return "-"
        bad = counts.total() - counts["passed"]
        return f"FAIL {bad}/{counts.total()}" if bad else f"ok {counts['passed']}"

    def lines(self):
        """The table as text."""
        def key(name):
            return name[0], int(name[1:])
        yield f"{'':4}" + "".join(f"{column:12}" for column in COLUMNS)
        for name in sorted(self.titles, key=key):
            mark = "*" if name in self.differs else ""
            cells = "".join(f"{self.cell(name, column):12}" for column in COLUMNS)
            yield f"{name:4}{cells}{self.titles[name]}{mark}"
        for name in sorted(self.differs, key=key):
            yield f"* {name}: {self.differs[name]}"


TABLE = Table()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Says in a test's report what it is about: who prints the table may be another process."""
    report = (yield).get_result()
    marker = item.get_closest_marker("statement")
    if marker:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        report.statement = [*marker.args, params.get("path", "narud")]


def pytest_runtest_logreport(report):
    """Notes what came of a statement: of its call, or of a set-up that failed."""
    if hasattr(report, "statement") and (report.when == "call" or report.outcome != "passed"):
        TABLE.note(report.statement, report.outcome)


def pytest_terminal_summary(terminalreporter):
    """Prints the table of statements."""
    if TABLE.titles:
        terminalreporter.section("what kube-proxy promises, statement by path")
        for line in TABLE.lines():
            terminalreporter.line(line)
