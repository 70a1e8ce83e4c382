# SPDX-License-Identifier: Apache-2.0
"""A rig with a real control plane: etcd, API server and controller manager in a namespace of their
own on the segment, and a kubelet for each node.

The control plane has no privilege but to read files. Addresses and ports are fixed, for no other
process is in that namespace. The programs are made by `make cluster-bins`; see build.
"""
import json
import os
import shlex
import urllib.request

import yaml
from cluster import dns
from cluster.api import Api
from cluster.binaries import HERE, cached, program, versions
from cluster.certs import Certs
from cluster.kubelet import Kubelet
from cluster.machine import Machine
from proc import Place, RigError, entered, eventually
from rig import SERVICE_CIDR, Rig, ip, sysctl

DEPLOYMENT = os.path.normpath(f"{HERE}/../../../tools/deploy/naru.yaml")
ADDR = {4: "192.168.77.1", 6: "fd77::1"}
PORT = 6443
ETCD = "http://127.0.0.1:2379"
PEER = "http://127.0.0.1:2380"
URL = f"https://{ADDR[4]}:{PORT}"
# Of the address of the Service "kubernetes", the first of its range.
NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
CONTROL = ["setpriv", "--bounding-set", "-all,+dac_read_search", "--no-new-privs"]
CRDS = "crds-{GATEWAY_API}-{ISTIO_API}"


class Cluster(Rig):
    """The rig. Its objects are those of the API server: see kubectl()."""

    def __init__(self, nodes=1, real=False, scheduler=False, **shape):
        """With real nodes, kubelets, containerd and runc are upstream's; without a scheduler, pods
        name their node."""
        self.real = real
        self.scheduler = scheduler
        self.running = {}
        self.certs = None
        self.control = None
        self.server = None
        self.kubelets = []
        super().__init__(nodes, **shape)

    def _build(self, n):
        super()._build(n)
        netns = self.make_netns("control")
        self.plug(self.switch, netns, "control", ADDR)
        # Without privilege to CoreDNS, too.
        sysctl(netns, ipv4__ip_unprivileged_port_start=0)
        ip(netns, *(f"route add {node.pod_cidr[f]} via {node.addr[f]}"
                    for node in self.nodes for f in ADDR))
        self.control = Place(self, "control", netns, None, ADDR)
        self._make_certs()
        self.start_etcd()
        self.start_server()
        self._start_manager()
        eventually(self._has_accounts, seconds=120)
        if self.scheduler:
            self._start_client("kube-scheduler")
        for node in self.nodes:
            self.kubelets.append(self._kubelet(node))
            self.kubelets[-1].start()
        self._write_kubectl()

    def _kubelet(self, node):
        if self.real:
            return Machine(node, program("kubelet"))
        return Kubelet(node, Api(node.netns, ADDR[4], PORT, self.certs, node.name))

    def _make_certs(self):
        certs = self.certs = Certs(f"{self.directory}/pki")
        first = (SERVICE_CIDR[4].replace(".0/16", ".1"), SERVICE_CIDR[6].replace("::/112", "::1"))
        certs.serving("api", (*ADDR.values(), *first, "127.0.0.1"), NAMES)
        certs.user("admin", URL, "admin", "system:masters")
        certs.user("to-kubelet", URL, "api", "system:masters")
        for name in ("kube-controller-manager", "kube-scheduler"):
            certs.user(name, URL, f"system:{name}")
        for node in self.nodes:
            certs.user(node.name, URL, f"system:node:{node.name}", "system:nodes")
        self.server = Api(self.control.netns, ADDR[4], PORT, certs, "admin")

    # ---- the control plane ----

    def _start(self, name, *options):
        path = self.log_path(name)
        with open(path, "ab") as log:
            self.running[name] = self.control.popen(
                [*CONTROL, program(name), *options], stdout=log, stderr=log,
                cwd=self.directory, env={"PATH": os.environ["PATH"], "HOME": self.directory,
                                         "TMPDIR": self.directory})

    def kill(self, name):
        """Ends one program of the control plane as a crash would; what it listened on is free."""
        self.running[name].kill()
        self.running.pop(name).wait()

    def log_path(self, name):
        """Where a program of the control plane logs."""
        return f"{self.directory}/{name}.log"

    def _alive(self, name, check):
        """check(), as long as the program runs; an error with its last words when it does not."""
        if self.running[name].poll() is not None:
            with open(self.log_path(name), encoding="utf-8", errors="replace") as log:
                raise RigError(f"{name} ended, {self.running[name].returncode}:\n"
                               f"{log.read()[-4000:]}")
        return check()

    def start_etcd(self):
        """Starts etcd on the data that it left, and waits until it answers."""
        self._start("etcd", "--name", "rig", "--data-dir", f"{self.directory}/etcd",
                    "--unsafe-no-fsync", "--log-level", "warn", "--listen-client-urls", ETCD,
                    "--advertise-client-urls", ETCD, "--listen-peer-urls", PEER,
                    "--initial-advertise-peer-urls", PEER, "--initial-cluster", f"rig={PEER}")
        eventually(lambda: self._alive("etcd", self._etcd_answers), seconds=60)

    def start_server(self):
        """Starts the API server and waits until it is ready."""
        path = self.certs.path
        self._start(
            "kube-apiserver", f"--etcd-servers={ETCD}", "--bind-address=::",
            f"--secure-port={PORT}", f"--advertise-address={ADDR[4]}",
            f"--service-cluster-ip-range={SERVICE_CIDR[4]},{SERVICE_CIDR[6]}",
            f"--client-ca-file={path('ca.crt')}", f"--tls-cert-file={path('api.crt')}",
            f"--tls-private-key-file={path('api.key')}", "--profiling=false",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={path('accounts.pub')}",
            f"--service-account-signing-key-file={path('accounts.key')}",
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={path('to-kubelet.crt')}",
            f"--kubelet-client-key={path('to-kubelet.key')}")
        eventually(lambda: self._alive("kube-apiserver", self.server.is_ready), seconds=120)

    def _start_client(self, name, *options):
        """Starts a program that only acts on the API server."""
        kubeconfig = self.certs.path(f"{name}.kubeconfig")
        self._start(name, f"--kubeconfig={kubeconfig}",
                    f"--authentication-kubeconfig={kubeconfig}",
                    f"--authorization-kubeconfig={kubeconfig}", "--leader-elect=false", *options)

    def _start_manager(self):
        path = self.certs.path
        self._start_client("kube-controller-manager", "--use-service-account-credentials",
                           f"--root-ca-file={path('ca.crt')}", "--allocate-node-cidrs=false",
                           f"--service-account-private-key-file={path('accounts.key')}")

    def start_dns(self):
        """Starts CoreDNS and publishes it; names resolve once both are known to each other."""
        path = f"{self.directory}/Corefile"
        with open(path, "w", encoding="ascii") as out:
            out.write(dns.COREFILE.format(addrs=" ".join(ADDR.values()),
                                          kubeconfig=self.certs.path("admin.kubeconfig")))
        self._start("coredns", "-conf", path)
        self.apply(*dns.objects(ADDR))

    def _has_accounts(self):
        """The first thing that a controller does for others."""
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        return self._alive("kube-controller-manager",
                           lambda: self.server.call("GET", path)[0] == 200)

    # ---- etcd ----

    def _etcd(self, path, body):
        """One call of etcd's JSON gateway."""
        request = urllib.request.Request(f"{ETCD}/v3/{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with entered(self.control.netns), direct.open(request, timeout=20) as answer:
            return json.load(answer)

    def _etcd_answers(self):
        try:
            return self._etcd("maintenance/status", {})
        except OSError:
            return None

    def compact(self):
        """Forgets all history of objects, so that a watch from the past is refused with 410.
        Returns the revision of now."""
        revision = int(self._etcd("maintenance/status", {})["header"]["revision"])
        self._etcd("kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    # ---- using ----

    def source(self, node):
        """The options of narud that say where objects come from; see install_naru()."""
        return ["--kubeconfig", self.certs.path(f"naru-{node.name}.kubeconfig")]

    def _kubectl_argv(self):
        return [program("kubectl"), "--kubeconfig", self.certs.path("admin.kubeconfig"),
                "--cache-dir", f"{self.directory}/kubectl"]

    def kubectl(self, *args, stdin=None, check=True):
        """Runs kubectl as an administrator and returns what it did."""
        return self.control.run([*self._kubectl_argv(), *args], check=check, stdin=stdin)

    def get(self, *args):
        """What kubectl get answers, decoded."""
        return json.loads(self.kubectl("get", *args, "-o", "json").stdout)

    def apply(self, *told):
        """Applies objects given as dictionaries."""
        body = {"apiVersion": "v1", "kind": "List", "items": list(told)}
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def install_crds(self, channel=None):
        """Makes the kinds of Gateway API, of its standard or the named channel, and DestinationRule
        known."""
        folder = CRDS.format(**versions()) + (f"-{channel}" if channel else "")
        self.kubectl("apply", "--server-side", "-f", cached(folder))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=50s")

    def install_naru(self, channel=None):
        """Gives narud the account and rights of its deployment, and no more. Its pods are not made:
        the tests start narud themselves."""
        self.install_crds(channel)
        with open(DEPLOYMENT, encoding="utf-8") as told:
            objects = [o for o in yaml.safe_load_all(told) if o and o["kind"] != "DaemonSet"]
        self.apply(*objects)
        for node in self.nodes:
            # As a pod of that node has one.
            token = self.kubectl("create", "token", "naru", "-n", "naru-system",
                                 "--bound-object-kind=Node",
                                 f"--bound-object-name={node.name}").stdout.strip()
            self.certs.kubeconfig(f"naru-{node.name}", URL, {"token": token}, "naru-system")

    def _write_kubectl(self):
        """A program for people that does what kubectl() does."""
        path = f"{self.directory}/kubectl.sh"
        enter = ["nsenter", f"--net=/run/netns/{self.control.netns}"]
        with open(path, "w", encoding="ascii") as out:
            out.write(f"#!/bin/sh\nexec {shlex.join(enter + self._kubectl_argv())} \"$@\"\n")
        os.chmod(path, 0o755)

    def remove(self):
        """Takes everything away. May be called twice."""
        while self.kubelets:
            self.kubelets.pop().stop()
        super().remove()
