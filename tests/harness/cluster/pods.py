# SPDX-License-Identifier: Apache-2.0
"""Pods as processes: each has a network namespace and a cgroup on its node, as with a runtime.

An image is the name of a program of the harness. There are no root file systems and no hooks, and
volumes are what volumes.py makes of them; every container starts again when it ends, if its pod
says so. Only the kubelet's thread of the node calls this.
"""
import contextlib
import datetime
import http.client
import os
import signal
import socket
import subprocess
import time

from cluster import binaries, volumes
from proc import HERE, Place, built, entered

SANDBOX = ["setpriv", "--bounding-set", "-all,+net_bind_service,+dac_read_search",
           "--no-new-privs"]


def program(image):
    """The command of an image, None if there is no such: web of naru.test/web:1."""
    name = image.rpartition("/")[2].partition(":")[0]
    commands = {"echo": lambda: [built("harness/echo")],
                "web": lambda: ["/usr/bin/python3", f"{HERE}/web.py"],
                # Of the conformance suite. None of its tests that are run asks for a name.
                "echo-basic": lambda: [binaries.program("echo-basic")],
                "coredns": lambda: ["/bin/sh", "-c", "exec sleep infinity"]}
    return commands[name]() if name in commands else None


def now():
    """The time as objects have it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind, holds):
    """A condition of a Node or Pod."""
    return {"type": kind, "status": "True" if holds else "False", "reason": "Rig",
            "lastTransitionTime": now()}


class Container:
    """One process of a pod, again and again."""

    def __init__(self, pod, spec):
        self.pod = pod
        self.spec = spec
        self.process = None
        self.restarts = 0
        self.failures = 0
        self.ready = False

    def argv(self):
        """Command and arguments with variables replaced; None without such an image."""
        command = self.spec.get("command") or program(self.spec["image"])
        if command is None:
            return None
        argv = command + self.spec.get("args", [])
        for name, value in self.env().items():
            argv = [word.replace(f"$({name})", value) for word in argv]
        return [self._moved(word) for word in argv]

    def _moved(self, text):
        return volumes.moved(text, self.spec.get("volumeMounts", ()), self.pod.folders)

    def env(self):
        """Variables, also those that stand for fields of the pod."""
        fields = {"metadata.name": self.pod.name, "metadata.namespace": self.pod.namespace,
                  "metadata.uid": self.pod.uid, "spec.nodeName": self.pod.node.name,
                  "status.podIP": self.pod.place.addr[4],
                  "status.hostIP": self.pod.node.addr[4]}
        env = {"PATH": os.environ["PATH"]}
        for variable in self.spec.get("env", []):
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            env[variable["name"]] = (fields[field] if field else
                                     self._moved(variable.get("value", "")))
        return env

    def start(self):
        """Starts the process, if there is one to start."""
        argv = self.argv()
        if argv is None:
            return
        with open(self.pod.log_path, "ab") as log:
            self.process = self.pod.place.popen(SANDBOX + argv, env=self.env(), stdout=log,
                                                stderr=log, start_new_session=True)

    def runs(self):
        """True while the process does."""
        return self.process is not None and self.process.poll() is None

    def step(self):
        """Starts what ended and probes what runs."""
        ended = self.process is not None and not self.runs()
        policy = self.pod.told["spec"].get("restartPolicy", "Always")
        if ended and (policy == "Always" or policy == "OnFailure" and self.process.returncode):
            self.restarts += 1
            self.start()
        probe = self.spec.get("readinessProbe")
        if not self.runs():
            self.ready = False
        elif probe is None or self._answers(probe):
            self.ready = True
            self.failures = 0
        else:
            self.failures += 1
            self.ready = self.ready and self.failures < probe.get("failureThreshold", 3)

    def _answers(self, probe):
        """Probes as a kubelet does: from its node."""
        timeout = probe.get("timeoutSeconds", 1)
        addr = self.pod.place.addr[4]
        with entered(self.pod.node.netns), contextlib.suppress(OSError, http.client.HTTPException):
            if "tcpSocket" in probe:
                socket.create_connection((addr, probe["tcpSocket"]["port"]), timeout).close()
                return True
            if "httpGet" in probe:
                get = probe["httpGet"]
                asked = http.client.HTTPConnection(addr, get["port"], timeout=timeout)
                with contextlib.closing(asked):
                    asked.request("GET", get.get("path", "/"))
                    return 200 <= asked.getresponse().status < 400
        return False

    def state(self):
        """The container's part of the pod's status."""
        if self.process is None:
            what = {"waiting": {"reason": "ErrImageNeverPull"}}
        elif self.runs():
            what = {"running": {}}
        else:
            code = self.process.returncode
            what = {"terminated": {"exitCode": code if code >= 0 else 128 - code,
                                   "reason": "Error" if code else "Completed"}}
        return {"name": self.spec["name"], "image": self.spec["image"], "imageID": "",
                "ready": self.ready, "started": self.runs(), "restartCount": self.restarts,
                "state": what}


class Pod:
    """A pod of a node, from its first sight to its last process."""

    def __init__(self, node, told, api):
        meta = told["metadata"]
        self.node = node
        self.api = api
        self.told = told
        self.name = meta["name"]
        self.namespace = meta["namespace"]
        self.uid = meta["uid"]
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.log_path = f"{node.run_dir}/{self.uid}.log"
        self.deadline = None
        self.written = None
        self.folders = None
        self.since = now()
        self.own_network = not told["spec"].get("hostNetwork")
        if self.own_network:
            self.place = node.pod(f"p{self.uid[:8]}")
            self.place.cgroup = f"{node.cgroup}/pods/pod{self.uid}"
            os.mkdir(self.place.cgroup)
            node.rig.cgroups.append(self.place.cgroup)
        else:
            self.place = Place(node.rig, self.name, node.netns, f"{node.cgroup}/host", node.addr)
        self.containers = [Container(self, spec) for spec in told["spec"]["containers"]]

    def _begin(self):
        """Starts the containers, once all their volumes are there."""
        self.folders = volumes.fetch(self.api, self.namespace, self.told["spec"].get("volumes", ()),
                                     f"{self.node.run_dir}/{self.uid}.volumes")
        if self.folders is not None:
            for container in self.containers:
                container.start()

    def terminate(self, grace):
        """Tells the processes to end, and when they will be ended. A shorter grace counts."""
        if self.deadline is None:
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        self.deadline = min(self.deadline or deadline, deadline)

    def step(self):
        """Looks after the processes; True when the pod is over."""
        if self.deadline is None and self.folders is None:
            self._begin()
        elif self.deadline is None:
            for container in self.containers:
                container.step()
        if self.deadline is None:
            return False
        if any(container.runs() for container in self.containers):
            if time.monotonic() < self.deadline:
                return False
            self._signal(signal.SIGKILL)
            for container in self.containers:
                if container.process:
                    container.process.wait()
        self._remove_network()
        return True

    def _signal(self, number):
        for container in self.containers:
            if container.runs():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(container.process.pid, number)

    def _remove_network(self):
        if not os.path.exists(f"/run/netns/{self.place.netns}") or not self.own_network:
            return
        subprocess.run(["ip", "netns", "delete", self.place.netns], check=False)
        self.node.rig.namespaces.remove(self.place.netns)
        with contextlib.suppress(OSError):
            os.rmdir(self.place.cgroup)

    def status(self):
        """The status as the API server is to have it."""
        states = [container.state() for container in self.containers]
        ready = all(state["ready"] for state in states)
        codes = [state["state"].get("terminated", {}).get("exitCode") for state in states]
        phase = "Running"
        if all(code is not None for code in codes):
            phase = "Failed" if any(codes) else "Succeeded"
        elif any("waiting" in state["state"] for state in states):
            phase = "Pending"
        addrs = self.place.addr
        return {"phase": phase, "hostIP": self.node.addr[4], "podIP": addrs[4],
                "hostIPs": [{"ip": addr} for addr in self.node.addr.values()],
                "podIPs": [{"ip": addr} for addr in addrs.values()], "startTime": self.since,
                "containerStatuses": states,
                "conditions": [condition("Initialized", True),
                               condition("ContainersReady", ready), condition("Ready", ready)]}
