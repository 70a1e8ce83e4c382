# SPDX-License-Identifier: Apache-2.0
"""What all end-to-end tests share: the rig's modules on the path, and the making of rigs.

A rig is made once per module or variant, with a narud on each node, and must leave nothing behind.
"""
import contextlib
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import rig as rigs  # noqa: E402  pylint: disable=wrong-import-position
from proc import eventually  # noqa: E402  pylint: disable=wrong-import-position

rigs.raise_on_signals()
pytest_plugins = ["statements"]

def pytest_configure(config):
    """What make check leaves to make check-slow, and what the table of statements is made of."""
    config.addinivalue_line("markers", "slow: takes minutes; run by make check-slow only")
    config.addinivalue_line("markers", "statement(name, title, differs): see statements.py")


# What no test provokes. A proxy that has crashed is replaced at once: clients may not see it.
CRASH = re.compile(r"Sanitizer|runtime error:|Assertion|naru-proxy pid=\d+ ended with status|"
                   r"was ended by signal (?!9$)")

# For what has to answer now: longer than a lost packet takes to be sent again.
PATIENT = ("-t", 3000)

# A protocol of the matrix: options of the client program.
PROTOS = {"tcp": (), "udp": ("-u",), "udp-unconnected": ("-x",)}


@contextlib.contextmanager
def made(narud=True, kind=rigs.Rig, **shape):
    """A rig for the time of the with statement: with narud on each node, and nothing left after."""
    rig = kind(**shape)
    try:
        if narud:
            rig.start_narud()
        yield rig
    finally:
        logs = "".join(node.log() for node in rig.nodes if os.path.exists(node.log_path))
        rig.remove()
        # Shown by pytest with a failing test.
        sys.stderr.write(logs)
    assert not rig.leaks()
    assert not crashes(logs)


def crashes(logs):
    """The lines that tell of one."""
    return [line for line in logs.splitlines() if CRASH.search(line)]


def answers(place, service, family, *options, kind="ClusterIP", node=None):
    """True as soon as a service answers from a place; who asks once only is PATIENT."""
    addr, port = service.front(kind, family, node and node.addr)
    return place.ask(addr, port, "-t", 300, *options)["failed"] == 0


def settled(rig, *services):
    """Waits until every node's sockets reach these services in both families."""
    for service in services:
        for node in rig.nodes:
            for family in (4, 6):
                for proto in ((), ("-u",)):
                    eventually(lambda n=node, s=service, f=family, p=proto:
                               answers(n.host, s, f, *p))


@pytest.fixture(params=(4, 6), ids=("v4", "v6"))
def family(request):
    """The test is run for both families."""
    return request.param


@pytest.fixture(params=PROTOS.values(), ids=PROTOS.keys())
def proto(request):
    """The test is run for TCP and for UDP with both kinds of socket."""
    return request.param
