# SPDX-License-Identifier: Apache-2.0
"""A kubelet for a rig's node: registers it, renews its Lease, runs the Pods that are bound to it.

Two threads a node: one watches and only passes on what it hears, the other does everything else.
When the API server is away pods go on, as with the real one.
"""
import contextlib
import datetime
import queue
import threading
import time

import objects
from cluster.api import MERGE, STRATEGIC
from cluster.pods import Pod, condition

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
RENEW_S = 10
RETRY_S = 0.2
PAUSE_S = 0.1
WATCH_S = 300


class Kubelet:
    """The two threads, from start() to stop()."""

    def __init__(self, node, api):
        self.node = node
        self.api = api
        self.pods = {}
        self.over = set()
        self.news = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.renewed = None
        self.threads = [threading.Thread(target=work, daemon=True, name=f"kubelet@{node.name}")
                        for work in (self._watch, self._work)]

    def start(self):
        """Registers the node and starts the threads."""
        self._register()
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends the worker, and with it the pods' processes. The watcher ends with its stream."""
        self.stopping.set()
        self.threads[1].join()

    def _register(self):
        node = self.node
        told = objects.node(node.name, node.addr.values(), list(node.pod_cidr.values()))
        told["metadata"]["labels"]["kubernetes.io/hostname"] = node.name
        room = {"cpu": "64", "memory": "64Gi", "pods": "250"}
        told["status"].update(capacity=room, allocatable=room,
                              conditions=[condition("Ready", True)])
        status, answer = self.api.call("POST", "/api/v1/nodes", told)
        assert status in (201, 409), answer

    def _renew(self):
        time_of = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self.node.name, "leaseDurationSeconds": 4 * RENEW_S,
                "renewTime": time_of}
        body = {"metadata": {"name": self.node.name}, "spec": spec}
        status, _ = self.api.call("PATCH", f"{LEASES}/{self.node.name}", body, MERGE)
        if status == 404:
            self.api.call("POST", LEASES, body)

    # ---- watching ----

    def _watch(self):
        """Hears of pods for ever: a list, then what changes after it, then again."""
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, KeyError):
                self._hear()
            self.stopping.wait(RETRY_S)

    def _hear(self):
        path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.node.name}"
        _, found = self.api.call("GET", path)
        self.news.put(("LISTED", found["items"]))
        version = found["metadata"]["resourceVersion"]
        for kind, told in self.api.events(path, version, WATCH_S):
            if kind == "ERROR" or self.stopping.is_set():
                return
            if kind != "BOOKMARK":
                self.news.put((kind, told))

    # ---- working ----

    def _work(self):
        while not self.stopping.is_set():
            with contextlib.suppress(queue.Empty):
                kind, told = self.news.get(timeout=PAUSE_S)
                self._learn(kind, told)
            with contextlib.suppress(OSError):
                self._step()

    def _learn(self, kind, told):
        if kind == "LISTED":
            names = {pod["metadata"]["uid"] for pod in told}
            for uid, pod in self.pods.items():
                if uid not in names:
                    pod.terminate(0)
            for pod in told:
                self._see(pod)
        elif kind == "DELETED":
            pod = self.pods.get(told["metadata"]["uid"])
            if pod:
                pod.terminate(0)
        else:
            self._see(told)

    def _see(self, told):
        meta = told["metadata"]
        pod = self.pods.get(meta["uid"])
        if pod is None:
            # The news of its own end come after it.
            if meta["uid"] in self.over:
                return
            if told.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                return
            pod = self.pods[meta["uid"]] = Pod(self.node, told, self.api)
        if "deletionTimestamp" in meta:
            pod.terminate(meta.get("deletionGracePeriodSeconds", 0))

    def _step(self):
        """One look at everything. OSError: the API server is away; the next look is soon."""
        if self.renewed is None or time.monotonic() - self.renewed > RENEW_S:
            self._renew()
            self.renewed = time.monotonic()
        for uid, pod in list(self.pods.items()):
            if pod.step():
                self._forget(pod)
                self.over.add(uid)
                del self.pods[uid]
            elif pod.deadline is None:
                self._report(pod)

    def _report(self, pod):
        status = pod.status()
        steady = [(c["type"], c["status"]) for c in status["conditions"]]
        digest = (status["phase"], status["containerStatuses"], steady)
        if digest == pod.written:
            return
        body = {"metadata": {"uid": pod.uid}, "status": status}
        code, _ = self.api.call("PATCH", f"{pod.path}/status", body, STRATEGIC)
        if code == 200:
            pod.written = digest

    def _forget(self, pod):
        """The last word about a pod; that it is gone already is as good."""
        self.api.call("DELETE", pod.path, {"kind": "DeleteOptions", "apiVersion": "v1",
                                           "gracePeriodSeconds": 0,
                                           "preconditions": {"uid": pod.uid}})
