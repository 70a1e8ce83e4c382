# SPDX-License-Identifier: Apache-2.0
"""What the tests of layer 7 share: a rig with web servers behind two services, and a Gateway."""
import contextlib
import json

import gateway as gw
import objects
from conftest import made
from proc import eventually

VIP = {4: "203.0.113.200", 6: "2001:db8:1::c8"}
HOST = "shop.example.com"


class Edge:
    """A rig with services v1 (one pod on each node) and v2, and what a test writes into it."""

    def __init__(self, rig):
        self.rig = rig
        self.node = rig.nodes[0]
        self.caller = self.node.pod("caller")
        self.pods = {"v1": [self.node.pod("v1a"), rig.nodes[-1].pod("v1b")],
                     "v2": [rig.nodes[-1].pod("v2")]}
        self.servers = {}
        self.marks = 0
        for name, pods in self.pods.items():
            for pod in pods:
                self.servers[pod.name] = pod.serve_web(8080, name)
        self.v1, self.v2 = (rig.service(name, *pods) for name, pods in self.pods.items())

    def put(self, name, *objects):
        """Writes a file of manifests."""
        self.rig.manifests.put(name, *objects)

    def put_gateway(self, *listeners, addresses=tuple(VIP.values()), name="edge"):
        """The Gateway; without listeners one for HTTP at port 80."""
        listeners = listeners or (gw.listener("http", 80),)
        self.put(f"{name}.yaml", gw.CLASS, gw.gateway(name, list(listeners), addresses))

    def put_route(self, *rules, name="route", **where):
        """One HTTPRoute in a file of its own."""
        self.put(f"{name}.yaml", gw.route(name, *rules, **where))

    def ask(self, *options, place=None, family=4, port=80):
        """Counts of requests from the client outside, or from a place."""
        return (place or self.rig.client).ask_web(VIP[family], port, *options)

    def answer(self, *options, **where):
        """Status, fields and body of one request's answer."""
        counts = self.ask("--show", *options, **where)
        assert counts["failed"] == 0, counts
        return counts["answer"]

    def told(self, *options, **where):
        """What the backend was asked: the JSON of its answer."""
        answer = self.answer(*options, **where)
        assert answer["status"] == 200, answer
        return json.loads(answer["body"])

    def load(self, *options, place=None, family=4, port=80):
        """Requests until stop(), begun."""
        return (place or self.rig.client).start_web(VIP[family], port, "-n", 0, *options).wait_up()

    def read(self):
        """Waits until every node has read what was put so far: of a folder's files the last one
        that was written is read last. It has one Namespace or two by turns."""
        self.marks = 3 - max(self.marks, 1)
        self.put("marks.yaml", *(objects.namespace(f"mark{n}") for n in range(self.marks)))
        for node in self.rig.nodes:
            eventually(lambda n=node: n.naructl_json("status")["sources"][0]["objects"]["Namespace"]
                       == 1 + self.marks)

    def settled(self, *options, status=200, **where):
        """Waits until what was put is read, an answer with that status comes and all workers have
        what is newest."""
        if not self.rig.api:
            self.read()
        eventually(lambda: status in statuses(self.ask("-t", 2, *options, **where)))
        for node in self.rig.nodes:
            eventually(lambda n=node: newest(n))

    def under_way(self):
        """How many requests backends have not answered yet; the proxy tells once a second."""
        return sum(row["requests"]["used"]
                   for row in self.node.naructl_json("backends")["backends"])


def newest(node):
    """True when the proxy of a node serves the newest plan in all its threads."""
    state = node.naructl_json("status")
    return state["l7"]["proxy"]["generation"] == state["generation"]


def statuses(counts):
    """The set of statuses that were seen."""
    return {int(s) for s in counts["statuses"]}


@contextlib.contextmanager
def edge_made(**shape):
    """An Edge for the time of the with statement, with a Gateway and a route to v1."""
    with made(narud=False, **shape) as rig:
        edge = Edge(rig)
        edge.put_gateway()
        edge.put_route(gw.rule(edge.v1))
        rig.start_narud()
        for family in VIP:
            edge.settled(family=family)
        yield edge
