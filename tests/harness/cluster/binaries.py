# SPDX-License-Identifier: Apache-2.0
"""What build has put into the cache: programs of the pinned versions."""
import os

from proc import RigError

HERE = os.path.dirname(os.path.abspath(__file__))
# Whose version each program has; all others have Kubernetes'.
PINS = {"etcd": "ETCD", "coredns": "COREDNS", "gateway-conformance": "GATEWAY_API",
        "echo-basic": "GATEWAY_API"}


def versions():
    """What is pinned, by name."""
    with open(f"{HERE}/versions", encoding="ascii") as lines:
        pairs = [line.strip().partition("=") for line in lines if "=" in line.split("#")[0]]
    return {name: value for name, _, value in pairs}


def cached(name):
    """Path of a file or folder that build has made."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(os.environ.get("NARU_CACHE") or f"{base}/naru", name)
    if not os.path.exists(path):
        raise RigError(f"there is no {path}: run make cluster-bins")
    return path


def program(name):
    """Path of a program of the pinned version."""
    return cached(f"bin/{name}-{versions()[PINS.get(name, 'K8S')]}")
