# SPDX-License-Identifier: Apache-2.0
"""A small cluster in network namespaces: client, nodes, pods, one segment between client and nodes.

    client  -+
    node 1  -+- segment (a bridge in a namespace    pods hang on their node: "ptp" gives each a
    node 2  -+  of its own)                         routed veth, "bridge" puts them behind cni0;
                                                    between nodes they are routed, directly or
                                                    over VXLAN.

Everything is dual stack and carries the rig's id in its name; nothing outside is touched. remove()
takes all of it away, leaks() tells what is left. Each node forwards with connection tracking that
drops what it finds invalid, and with strict reverse path filtering.
"""
import atexit
import contextlib
import glob
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

import objects
from fakeapi import FakeAPI
from proc import Place, RigError, built, entered, eventually, kill_all, run, start_time

BPFFS = "/sys/fs/bpf"
CLIENT = {4: "192.168.77.100", 6: "fd77::100"}
SERVICE_CIDR = {4: "10.96.0.0/16", 6: "fd96::/112"}
BALANCER_CIDR = {4: "203.0.112.0/20", 6: "2001:db8:1::/112"}
LENGTH = {4: 32, 6: 128}

# Connection tracking as a CNI or a firewall has it: one rule that drops what does not fit.
NFT_RULES = """
table inet rig {
    counter invalid { }
    counter established { }
    chain forward {
        type filter hook forward priority 0; policy accept;
        ct state invalid counter name invalid drop
        ct state established counter name established
    }
    chain input {
        type filter hook input priority 0; policy accept;
        ct state invalid counter name invalid drop
    }
}
"""

# What flannel does beside its overlay: pods speak to the world with the address of their node.
NFT_MASQUERADE = """
table inet rig {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade
        ip6 saddr fd44::/32 ip6 daddr != fd44::/32 masquerade
    }
}
"""


def cgroup_root():
    """Where the cgroup2 tree is mounted."""
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    raise RigError("no cgroup2 tree is mounted")


def sysctl(netns, **values):
    """Sets net.* values, dots written as double underscores."""
    with entered(netns):
        for name, value in values.items():
            with open(f"/proc/sys/net/{name.replace('__', '/')}", "w", encoding="ascii") as out:
                out.write(str(value))


def ip(netns, *lines):
    """Runs lines of ip(8) in a namespace, as one batch."""
    run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")


class Node:
    """One machine of the cluster: host, pods, and its narud."""

    def __init__(self, rig, index):
        self.rig = rig
        self.index = index
        self.name = f"node{index}"
        self.netns = rig.netns(self.name)
        self.addr = {4: f"192.168.77.{10 + index}", 6: f"fd77::{10 + index}"}
        self.gateway = {4: f"10.244.{index}.1", 6: f"fd44:0:0:{index}::1"}
        self.pod_cidr = {4: f"10.244.{index}.0/24", 6: f"fd44:0:0:{index}::/64"}
        self.cgroup = rig.make_cgroup(self.name)
        self.bpffs = f"{rig.bpffs}/{self.name}"
        self.run_dir = f"{rig.directory}/{self.name}"
        self.log_path = f"{self.run_dir}.log"
        self.pods = {}
        self.narud = None
        os.mkdir(self.bpffs)
        os.mkdir(self.run_dir)
        self.host = Place(rig, self.name, self.netns, f"{self.cgroup}/host", self.addr)

    def pod(self, name):
        """Makes a pod of that name here and returns its place; .outside is the same pod with its
        processes outside the node's cgroup, so that only packets tell of them."""
        rig = self.rig
        number = len(self.pods) + 2
        netns = rig.make_netns(name)
        addr = {4: f"10.244.{self.index}.{number}", 6: f"fd44:0:0:{self.index}::{number:x}"}
        host_dev = f"veth{name}"
        mtu = 1450 if rig.overlay else 1500
        ip(self.netns, f"link add {host_dev} mtu {mtu} type veth peer name eth0 mtu {mtu} "
                       f"netns {netns}", f"link set {host_dev} up")
        if rig.pods == "bridge":
            ip(self.netns, f"link set {host_dev} master cni0")
            own = {4: f"{addr[4]}/24", 6: f"{addr[6]}/64"}
            onlink = []
        else:
            own = {f: f"{addr[f]}/{LENGTH[f]}" for f in addr}
            onlink = [f"route add {self.gateway[f]} dev eth0" for f in addr]
            ip(self.netns, *(f"addr add {self.gateway[f]}/{LENGTH[f]} dev {host_dev} "
                             f"{'nodad' if f == 6 else ''}" for f in addr),
               *(f"route add {addr[f]} dev {host_dev}" for f in addr))
        ip(netns, "link set eth0 up", f"addr add {own[4]} dev eth0",
           f"addr add {own[6]} dev eth0 nodad", *onlink,
           *(f"route add default via {self.gateway[f]}" for f in addr))
        pod = Place(rig, name, netns, f"{self.cgroup}/pods", addr)
        pod.outside = Place(rig, name, netns, None, addr)
        pod.node = self
        self.pods[name] = pod
        return pod

    def narud_argv(self, *extra):
        """The command line of this node's narud, with production's capabilities and no more."""
        devices = ["--device", "eth0"]
        if self.rig.overlay:
            devices += ["--device", "flannel.1"]
        return ["setpriv", "--bounding-set", "-all,+bpf,+net_admin,+perfmon,+setuid,+setgid,+kill",
                built("narud"),
                *self.rig.source(self), "--node-name", self.name,
                "--bpffs", self.bpffs, "--cgroup", self.cgroup, "--run-dir", self.run_dir,
                "--xdp", self.rig.xdp, *devices, *self.rig.narud_options, *extra]

    def start_narud(self, *extra):
        """Starts narud and waits until it answers naructl."""
        with open(self.log_path, "ab") as log:
            place = Place(self.rig, f"narud@{self.name}", self.netns)
            self.narud = place.popen(self.narud_argv(*extra), stdout=log, stderr=log)
        # Its programs cost the verifier a second of a processor that the clients of a test share.
        eventually(self.answers, seconds=60)

    def answers(self):
        """True when narud answers naructl; an error when it has ended."""
        if self.narud.poll() is not None:
            raise RigError(f"narud of {self.name} ended, {self.narud.returncode}:\n{self.log()}")
        # 1 also stands for "no narud there"; only a living one has something to tell.
        return self.naructl("status", "-o", "json", check=False).stdout.startswith("{")

    def stop_narud(self, sig=signal.SIGTERM):
        """Ends narud and returns its exit status; the kernel's state stays."""
        self.narud.send_signal(sig)
        return self.narud.wait(timeout=20)

    def log(self):
        """What narud has logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def naructl(self, *args, check=True):
        """Runs naructl against this node's narud."""
        return run([built("naructl"), "--run-dir", self.run_dir, *args], check=check)

    def naructl_json(self, *args):
        """What naructl prints with -o json, decoded. A found problem (1) is no failure here."""
        done = self.naructl(*args, "-o", "json", check=False)
        if done.returncode not in (0, 1):
            raise AssertionError(f"naructl {args}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def pinned(self, name):
        """Path of a pinned map."""
        return f"{self.bpffs}/naru/{name}"

    def dump(self, name):
        """A pinned map as bpftool reads it, sorted: what an administrator sees."""
        done = run(["bpftool", "-j", "map", "dump", "pinned", self.pinned(name)])
        rows = [row.get("formatted", row) for row in json.loads(done.stdout)]
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))

    def look_up(self, name, index):
        """One element of a pinned array."""
        key = [str(byte) for byte in index.to_bytes(4, sys.byteorder)]
        done = run(["bpftool", "-j", "map", "lookup", "pinned", self.pinned(name), "key", *key])
        return json.loads(done.stdout)["value"]

    def is_watched(self):
        """Whether the packet path writes events now, as narud's switch says."""
        return self.dump("state")[0]["value"]["watched"] != 0

    def ct_count(self, name):
        """Packets counted by a rule of NFT_RULES."""
        with entered(self.netns):
            done = run(["nft", "-j", "list", "counter", "inet", "rig", name])
        return [o["counter"]["packets"] for o in json.loads(done.stdout)["nftables"]
                if "counter" in o][0]


class Rig:
    """The whole of it. Use it in a with statement, or call remove()."""

    def __init__(self, nodes=2, pods="ptp", overlay=False, xdp="off", narud_options=(), keep=False,
                 api=False):
        self.id = f"naru-{os.getpid()}-{secrets.token_hex(2)}"
        self.pods = pods
        self.overlay = overlay
        self.xdp = xdp
        self.narud_options = narud_options
        self.keep = keep
        self.api = api  # objects come from an API server, which stands where the client does
        self.processes = []
        self.children = []
        self.namespaces = []
        self.cgroups = []
        self.services = {}
        self.bpffs = f"{BPFFS}/{self.id}"
        self.directory = f"{tempfile.gettempdir()}/{self.id}"
        self.nodes = []
        atexit.register(self.remove)
        try:
            self._build(nodes)
        except BaseException:
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()

    # ---- building ----

    def netns(self, name):
        """The full name of one of this rig's namespaces."""
        return f"{self.id}-{name}"

    def make_netns(self, name):
        """Makes a namespace with loopback up and addresses usable at once."""
        full = self.netns(name)
        self.namespaces.append(full)
        run(["ip", "netns", "add", full])
        sysctl(full, ipv6__conf__default__accept_dad=0, ipv6__conf__default__accept_ra=0,
               ipv6__conf__all__accept_dad=0)
        ip(full, "link set lo up")
        return full

    def make_cgroup(self, name):
        """Makes a node's cgroup with a child for pods and one for the host."""
        path = f"{cgroup_root()}/{self.id}-{name}"
        for directory in (path, f"{path}/pods", f"{path}/host"):
            os.mkdir(directory)
            self.cgroups.append(directory)
        return path

    def remember(self, process):
        """Notes a process that is to be gone at the end."""
        born = start_time(process.pid)
        if born is not None:
            self.processes.append((process.pid, born))
        self.children.append(process)

    def _build(self, n):
        os.mkdir(self.bpffs)
        os.mkdir(self.directory, mode=0o755)
        os.mkdir(f"{self.directory}/manifests")
        self.manifests = (FakeAPI(self.directory, CLIENT[4]) if self.api else
                          objects.Manifests(f"{self.directory}/manifests"))
        switch = self.switch = self.make_netns("segment")
        ip(switch, "link add br0 type bridge mcast_snooping 0", "link set br0 up")
        self._build_client(switch)
        if self.api:
            self.start_api()
        for index in range(1, n + 1):
            self.nodes.append(self._build_node(switch, index))
        for node in self.nodes:
            for peer in self.nodes:
                if peer is not node:
                    self._route_pods(node, peer)
        for family in (4, 6):
            via = self.nodes[0].addr[family]
            ip(self.client.netns, f"route add {SERVICE_CIDR[family]} via {via}",
               f"route add {BALANCER_CIDR[family]} via {via}")
        self.manifests.put("cluster.yaml", objects.namespace(),
                           *(objects.node(n.name, n.addr.values(), list(n.pod_cidr.values()))
                             for n in self.nodes))

    def plug(self, switch, netns, port, addr):
        """Connects eth0 of a namespace to the segment."""
        ip(switch, f"link add {port} type veth peer name eth0 netns {netns}",
           f"link set {port} master br0 up")
        ip(netns, "link set eth0 up", f"addr add {addr[4]}/24 dev eth0",
           f"addr add {addr[6]}/64 dev eth0 nodad")
        if self.xdp == "off":
            return
        # XDP sees no checksum that hardware was to fill in, and veth delivers a frame from XDP
        # only to an end that runs XDP itself.
        with entered(netns):
            run(["ethtool", "-K", "eth0", "tx", "off"])
        ip(switch, f"link set dev {port} xdpdrv obj {built('bpf/xdp_pass.bpf.o')} sec xdp")

    def _build_client(self, switch):
        netns = self.make_netns("client")
        self.plug(switch, netns, "client", CLIENT)
        self.client = Place(self, "client", netns, None, CLIENT)

    def _build_node(self, switch, index):
        node = Node(self, index)
        self.make_netns(node.name)
        sysctl(node.netns, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1,
               ipv6__conf__default__forwarding=1, ipv4__conf__all__rp_filter=1,
               ipv4__conf__default__rp_filter=1)
        self.plug(switch, node.netns, node.name, node.addr)
        ip(node.netns, *(f"route add default via {CLIENT[f]}" for f in CLIENT))
        if self.pods == "bridge":
            ip(node.netns, "link add cni0 type bridge", "link set cni0 up",
               f"addr add {node.gateway[4]}/24 dev cni0",
               f"addr add {node.gateway[6]}/64 dev cni0 nodad")
        if self.overlay:
            ip(node.netns, f"link add flannel.1 mtu 1450 address {self._vtep_mac(index)} "
                           f"type vxlan id 1 local {node.addr[4]} dev eth0 dstport 8472 nolearning",
               "link set flannel.1 up", f"addr add {self.vtep(index)[4]}/32 dev flannel.1",
               f"addr add {self.vtep(index)[6]}/128 dev flannel.1 nodad")
        with entered(node.netns):
            run(["nft", "-f", "-"], stdin=NFT_RULES + (NFT_MASQUERADE if self.overlay else ""))
        return node

    @staticmethod
    def vtep(index):
        """The addresses of a node's overlay device."""
        return {4: f"10.244.{index}.0", 6: f"fd44:0:0:{index}::"}

    @staticmethod
    def _vtep_mac(index):
        return f"02:00:00:00:08:{index:02x}"

    def _route_pods(self, node, peer):
        """Routes a peer's pods from a node, as flannel does: by host gateway or by VXLAN."""
        for family in (4, 6):
            if not self.overlay:
                ip(node.netns, f"route add {peer.pod_cidr[family]} via {peer.addr[family]}")
                continue
            vtep = self.vtep(peer.index)[family]
            ip(node.netns, f"neigh add {vtep} lladdr {self._vtep_mac(peer.index)} dev flannel.1",
               f"route add {peer.pod_cidr[family]} via {vtep} dev flannel.1 onlink")
        if self.overlay:
            run(["bridge", "-n", node.netns, "fdb", "add", self._vtep_mac(peer.index), "dev",
                 "flannel.1", "dst", peer.addr[4]])

    # ---- using ----

    def start_api(self):
        """Lets the API server listen."""
        with entered(self.client.netns):
            self.manifests.start()

    def source(self, _node):
        """The options of a node's narud that say where objects come from."""
        if self.api:
            return ["--kubeconfig", self.manifests.kubeconfig()]
        return ["--manifests", self.manifests.directory]

    def service(self, name, *endpoints, kind="ClusterIP", **policy):
        """Makes a Service with its own addresses and these pods or endpoints."""
        service = objects.Service(self.manifests, name, len(self.services) + 1, kind, **policy)
        self.services[name] = service
        service.set(*(self.endpoint(e) for e in endpoints))
        return service.write()

    @staticmethod
    def endpoint(pod, **conditions):
        """A pod as an endpoint; endpoints pass through."""
        if isinstance(pod, objects.Endpoint):
            return pod
        return objects.Endpoint(pod, pod.node.name, **conditions)

    def start_narud(self):
        """Starts narud on every node."""
        for node in self.nodes:
            node.start_narud()

    # ---- removing ----

    def leave(self):
        """Lets the rig outlive its maker, and writes down what remove_saved() needs."""
        atexit.unregister(self.remove)
        with open(f"{self.directory}/rig.json", "w", encoding="ascii") as out:
            json.dump({"id": self.id, "directory": self.directory, "processes": self.processes,
                       "namespaces": self.namespaces, "cgroups": self.cgroups}, out)

    def remove(self):
        """Takes everything away. May be called twice."""
        atexit.unregister(self.remove)
        if self.api and hasattr(self, "manifests"):
            self.manifests.stop()
        remove(self.id, self.directory, self.processes, self.namespaces, self.cgroups)
        for child in self.children:
            child.wait()
            if child.stdout:
                child.stdout.close()

    def leaks(self):
        """What of this rig is still there."""
        return ([f"process {pid}" for pid, born in self.processes if start_time(pid) == born] +
                [f"process {pid}" for pid, _ in strays(self.directory)] +
                [path for path in (self.bpffs, self.directory) if os.path.exists(path)] +
                [path for path in self.cgroups if os.path.exists(path)] +
                glob.glob(f"/run/netns/{self.id}-*"))


def strays(directory):
    """Processes that were given a rig's folder: a naru-proxy outlives its narud."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if f"\0{directory}/".encode() in file.read():
                pid = int(path.split("/")[2])
                found.append((pid, start_time(pid)))
    return [process for process in found if process[1] is not None]


def remove(rig_id, directory, processes, namespaces, cgroups):
    """Ends the processes, then removes pins, namespaces, cgroups and files of a rig."""
    kill_all([tuple(p) for p in processes])
    kill_all(strays(directory))
    shutil.rmtree(f"{BPFFS}/{rig_id}", ignore_errors=True)
    for netns in namespaces:
        if os.path.exists(f"/run/netns/{netns}"):
            subprocess.run(["ip", "netns", "delete", netns], check=False)
    for path in reversed(cgroups):
        if os.path.isdir(path):
            eventually(lambda path=path: _rmdir(path))
    shutil.rmtree(directory, ignore_errors=True)


def remove_saved(directory):
    """Removes a rig that was kept."""
    with open(f"{directory}/rig.json", encoding="ascii") as saved:
        state = json.load(saved)
    remove(state["id"], state["directory"], state["processes"], state["namespaces"],
           state["cgroups"])


def _rmdir(path):
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def raise_on_signals():
    """Lets SIGTERM and SIGHUP unwind like Ctrl-C, so that every rig is removed."""
    def stop(signum, _frame):
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
