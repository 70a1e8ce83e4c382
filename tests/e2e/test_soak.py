# SPDX-License-Identifier: Apache-2.0
"""Everything at once for ten minutes: what is established stays, and nothing is left behind."""
import itertools
import os
import random
import signal
import time

import pytest
from conftest import made, settled
from proc import eventually

SECONDS = int(os.environ.get("NARU_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("NARU_SOAK_SEED", time.time_ns() % 1000000))
KILL_EVERY_S = 2
SPRAY = os.path.join(os.path.dirname(__file__), "..", "harness", "spray.py")
# New flows a second, by service and family: more than the maps forget in the two minutes for which
# a datagram that was answered is remembered. Two services may have 8/9 of a map (see share.h).
SPRAY_RATE = 2000
BRIM = 0.8
KINDS = ("ClusterIP", "NodePort", "LoadBalancer")
FLOWS = ("flow4", "flow6")
# What a service that has come and gone must have given back.
COUNTED = ("svc", "svc_name", "endpoint", "lut", "ep_list", "source_range")


def used(node):
    """How full each map is, by status."""
    return {row["map"]: row["used"] for row in node.naructl_json("status")["maps"]}


def brim(node):
    """How much of the maps of flows is used, by status."""
    return {row["map"]: row["used"] / row["max"] for row in node.naructl_json("status")["maps"]
            if row["map"] in FLOWS}


def churn(rig, steady, pods, turn):
    """One change: a service more, one less, or other endpoints of one."""
    mine = [s for s in rig.services.values() if s.name.startswith("churn") and s.endpoints]
    if turn % 3 == 0 and len(mine) < 20:
        rig.service(f"churn{turn}", *random.sample(pods, 2), kind="LoadBalancer",
                    **random.choice(({}, {"sessionAffinity": "ClientIP"},
                                     {"loadBalancerSourceRanges": ["10.0.0.0/8", "fd00::/8"]})))
    elif turn % 3 == 1 and len(mine) > 5:
        gone = random.choice(mine)
        gone.remove()
        gone.endpoints = []
    elif mine:
        random.choice(mine).set(*(rig.endpoint(p) for p in random.sample(pods, 1 + turn % 4)))
    assert steady.endpoints


@pytest.mark.slow
def test_soak():
    """Services and endpoints come and go, narud is killed every other second, floods keep the flow
    maps full: no established connection is lost, and in the end every entry is gone."""
    print(f"NARU_SOAK_SEED={SEED}")
    random.seed(SEED)
    with made() as rig:
        first, second = rig.nodes
        pods = [node.pod(f"web{node.index}{i}") for node in rig.nodes for i in range(2)]
        caller, bare = first.pod("caller"), first.pod("bare")
        for pod in pods:
            pod.serve(8080)
        steady = rig.service("steady", *pods, kind="LoadBalancer")
        flooded = [rig.service(f"flood{i}", *pods, kind="LoadBalancer") for i in range(2)]
        settled(rig, steady, *flooded)
        before = eventually(lambda: used(first))
        holds = [place.start("hold", *steady.front(kind, family, first.addr), "-i", 20000, "-t",
                             20000, "-c", 4).wait_up()
                 for place, kind, family in itertools.product(
                     (first.host, caller, bare.outside, rig.client), KINDS, (4, 6))]
        floods = [rig.client.popen([SPRAY, *map(str, service.front("NodePort", family, first.addr)),
                                    str(SPRAY_RATE)])
                  for service, family in itertools.product(flooded, (4, 6))]
        end = time.monotonic() + SECONDS
        killed = time.monotonic()
        fullest = dict.fromkeys(FLOWS, 0)
        for turn in itertools.count():
            churn(rig, steady, pods, turn)
            if time.monotonic() - killed > KILL_EVERY_S:
                fullest = {name: max(fullest[name], now) for name, now in brim(first).items()}
                first.stop_narud(signal.SIGKILL)
                first.start_narud()
                killed = time.monotonic()
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        for each in floods:
            each.kill()
        for hold in holds:
            counts = hold.stop()
            assert counts["failed"] == 0 and counts["ok"] > SECONDS, counts
        for service in list(rig.services.values()):
            if service.name.startswith("churn"):
                service.remove()
        eventually(lambda: {k: v for k, v in used(first).items() if k in COUNTED} ==
                   {k: v for k, v in before.items() if k in COUNTED}, seconds=60)
        # Datagrams that were answered are remembered for two minutes.
        eventually(lambda: not used(first)["flow4"] + used(first)["flow6"], seconds=300, pause=1)
        assert second.narud.poll() is None
        assert min(fullest.values()) > BRIM, fullest
