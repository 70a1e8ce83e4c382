# SPDX-License-Identifier: Apache-2.0
"""A rig's node with upstream's kubelet, containerd and runc, in place of the kubelet of ours.

It has namespaces of its own for mounts, names and processes, too: what these programs write at
fixed places is theirs alone, and all of them end with the first process.
"""
import glob
import json
import os
import shutil

from cluster import dns, image
from cluster.api import MERGE
from proc import Place, RigError, built, eventually

# kubelet sets these for the whole machine unless they have the value already.
SYSCTLS = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10,
           "kernel/panic_on_oops": 1, "kernel/keys/root_maxkeys": 1000000,
           "kernel/keys/root_maxbytes": 25000000}
SANDBOX = "naru.test/sandbox:1"
IMAGES = {SANDBOX: ("/bin/sleep", "infinity"), "naru.test/echo:1": ("harness/echo",),
          "naru.test/busybox:1": ("/bin/busybox",)}
# What tools/deploy/Dockerfile puts where; two names, so that there is something to upgrade to.
NARU = ("naru.test/naru:1", "naru.test/naru:2")
NARU_PROGRAMS = {"/usr/sbin/narud": "narud", "/usr/sbin/naru-proxy": "naru-proxy",
                 "/usr/bin/naructl": "naructl"}
# Of each node, at the same place on all of them: values of the chart.
CGROUP = "/run/cgroup2"
CONTAINERD = """
version = 2
root = "{directory}/containerd"
state = "/run/containerd"
oom_score = 0
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{directory}/cni"
"""
INIT = """#!/bin/sh
# The first process of the node.
set -e
hostname {name}
mount --make-rshared /
for place in /run /var/log /var/lib; do mount -t tmpfs none $place; done
mkdir {cgroup_at}
mount --bind {cgroup} {cgroup_at}
mount --bind {bpffs} /sys/fs/bpf
for file in {directory}/sysctl/*; do
    mount --bind $file /proc/sys/$(basename $file | tr : /)
done
containerd -c {directory}/containerd.toml >{directory}/containerd.log 2>&1 &
until ctr version; do sleep 0.1; done >/dev/null 2>&1
for archive in {directory}/images/*; do ctr -n k8s.io images import $archive; done
cd {directory}
{kubelet} --config kubelet.json --kubeconfig {kubeconfig} --root-dir {directory}/kubelet \\
    --hostname-override {name} --node-ip {addrs} >kubelet.log 2>&1 &
while :; do wait; sleep 1; done
"""


class Machine:
    """The node's programs, from start() to stop()."""

    def __init__(self, node, program):
        self.node = node
        self.program = program
        self.directory = f"{node.run_dir}/machine"
        self.process = None

    def path(self, name):
        """Where a file of the machine lies."""
        return f"{self.directory}/{name}"

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(text)

    def start(self):
        """Starts everything; the node is Ready a few seconds later."""
        node, rig = self.node, self.node.rig
        for name in ("", "cni", "images", "sysctl", "kubelet"):
            os.mkdir(self.path(name))
        for name, (program, *args) in IMAGES.items():
            program = program if program.startswith("/") else built(program)
            image.write(self.path(f"images/{name.split('/')[1]}"), name, program, *args)
        image.write_programs(self.path("images/naru"), NARU,
                             {path: built(name) for path, name in NARU_PROGRAMS.items()},
                             ["/usr/sbin/narud"])
        for name, value in SYSCTLS.items():
            self._write(f"sysctl/{name.replace('/', ':')}", f"{value}\n")
        self._write("containerd.toml", CONTAINERD.format(directory=self.directory, sandbox=SANDBOX))
        self._write("cni/10-rig.conflist", json.dumps(self._network()))
        self._write("resolv.conf", "")
        self._write("kubelet.json", json.dumps(self._settings()))
        self._write("init", INIT.format(
            directory=self.directory, name=node.name, kubelet=self.program,
            kubeconfig=rig.certs.path(f"{node.name}.kubeconfig"), bpffs=node.bpffs,
            cgroup=node.cgroup, cgroup_at=CGROUP,
            addrs=",".join(node.addr.values())))
        for folder in self._cgroups():
            os.makedirs(folder, exist_ok=True)
        self._copy_cpuset()
        place = Place(rig, f"machine@{node.name}", node.netns)
        with open(self.path("init.log"), "ab") as log:
            self.process = place.popen(
                ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", "sh", self.path("init")], stdout=log, stderr=log)
        eventually(self._is_known, seconds=120)

    def inside(self, *argv):
        """A command with the files of the machine, for a process that it does not end itself."""
        return ["nsenter", "--target", str(self.process.pid), "--mount", "--net", *argv]

    def _network(self):
        cidr = self.node.pod_cidr
        ranges = [[{"subnet": subnet}] for subnet in cidr.values()]
        return {"cniVersion": "0.4.0", "name": "rig", "plugins": [
            {"type": "ptp", "mtu": 1500, "ipMasq": False,
             "ipam": {"type": "host-local", "dataDir": self.path("addresses"), "ranges": ranges,
                      "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}

    def _settings(self):
        certs, name = self.node.rig.certs, f"kubelet-{self.node.name}"
        certs.serving(name, self.node.addr.values(), (self.node.name,))
        never = dict.fromkeys(("nodefs.available", "imagefs.available", "nodefs.inodesFree",
                               "imagefs.inodesFree"), "0%")
        return {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                "failCgroupV1": False, "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{os.path.basename(self.node.cgroup)}",
                "enforceNodeAllocatable": ["none"], "failSwapOn": False,
                "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
                "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                                   "x509": {"clientCAFile": certs.path("ca.crt")}},
                "authorization": {"mode": "Webhook"},
                "tlsCertFile": certs.path(f"{name}.crt"),
                "tlsPrivateKeyFile": certs.path(f"{name}.key"),
                "resolvConf": self.path("resolv.conf"), "clusterDomain": "cluster.local",
                "clusterDNS": list(dns.SERVICE.values()),
                "evictionHard": {"memory.available": "1Mi", **never},
                "imageGCHighThresholdPercent": 100, "fileCheckFrequency": "0s"}

    def _cgroups(self):
        """The node's cgroup in each hierarchy; where there is but one, it is made already."""
        name = os.path.basename(self.node.cgroup)
        if os.path.dirname(self.node.cgroup) == "/sys/fs/cgroup":
            return [self.node.cgroup]
        return [f"{hierarchy}{name}" for hierarchy in glob.glob("/sys/fs/cgroup/*/")]

    def _copy_cpuset(self):
        """A new cgroup of version 1 has no processors, and takes no process before it has."""
        for folder in self._cgroups():
            for name in ("cpuset.cpus", "cpuset.mems"):
                parent = f"{os.path.dirname(folder)}/{name}"
                if "/cpuset/" in folder and os.path.exists(parent):
                    shutil.copyfile(parent, f"{folder}/{name}")

    def _is_known(self):
        """True when kubelet has made the Node and knows the range of its pods."""
        if self.process.poll() is not None:
            with open(self.path("init.log"), encoding="utf-8", errors="replace") as log:
                raise RigError(f"{self.node.name} ended:\n{log.read()[-4000:]}")
        cidrs = list(self.node.pod_cidr.values())
        body = {"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}
        path = f"/api/v1/nodes/{self.node.name}"
        return self.node.rig.server.call("PATCH", path, body, MERGE)[0] == 200

    def stop(self):
        """Ends all of it and removes the cgroups that kubelet and runc have made."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for folder in self._cgroups():
            # Programs of the test may be in the node's own cgroup still; the rig ends them.
            for made in [folder] if folder != self.node.cgroup else glob.glob(f"{folder}/kube*"):
                eventually(lambda made=made: _remove_tree(made), seconds=30)


def _remove_tree(folder):
    """Removes a cgroup with all below it; False while processes are in it."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return False
    return True
