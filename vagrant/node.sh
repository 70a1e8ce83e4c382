#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every machine: container runtime, Kubernetes' tools, and a plain CNI: a bridge with the node's own
# prefix, and a static route to that of each other node. Vagrant runs it as root, perhaps again.
set -euo pipefail
kubernetes=v1.33

# ours N: the prefix of the pods of node N, as the control plane hands them out in order.
ours() {
	echo "10.244.$1.0/24"
}

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends ca-certificates curl gpg containerd \
	containernetworking-plugins bpftool iproute2 >/dev/null
if [ ! -e /etc/apt/keyrings/kubernetes.gpg ]; then
	mkdir -p /etc/apt/keyrings
	curl -fsSL "https://pkgs.k8s.io/core:/stable:/$kubernetes/deb/Release.key" |
		gpg --dearmor -o /etc/apt/keyrings/kubernetes.gpg
fi
echo "deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/$kubernetes/deb/ /" \
	>/etc/apt/sources.list.d/kubernetes.list
apt-get -qq update
apt-get -qq install -y --no-install-recommends kubeadm kubelet kubectl cri-tools >/dev/null
apt-mark -q hold kubeadm kubelet kubectl >/dev/null

swapoff -a
sed -i '/\sswap\s/d' /etc/fstab
cat >/etc/sysctl.d/50-naru.conf <<END
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
END
sysctl -q --system

mkdir -p /etc/containerd /etc/cni/net.d
containerd config default |
	sed 's/SystemdCgroup = false/SystemdCgroup = true/; s|bin_dir = .*|bin_dir = "/usr/lib/cni"|' \
		>/etc/containerd/config.toml
cat >/etc/cni/net.d/10-bridge.conflist <<END
{
  "cniVersion": "1.0.0",
  "name": "plain",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "ranges": [[{ "subnet": "$(ours "$INDEX")" }]],
        "routes": [{ "dst": "0.0.0.0/0" }]
      }
    },
    { "type": "loopback" }
  ]
}
END
systemctl restart containerd

# Routes between the nodes, and a masquerade for pods that speak to the world.
cat >/usr/local/sbin/pod-routes <<END
#!/bin/sh
set -eu
$(for ((n = 0; n < NODES; n++)); do
	[ "$n" = "$INDEX" ] || echo "ip route replace $(ours "$n") via $PREFIX.$((FIRST + n))"
done)
nft -f - <<RULES
table ip pods
delete table ip pods
table ip pods {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr 10.244.0.0/16 ip daddr != { 10.244.0.0/16, $PREFIX.0/24 } masquerade
	}
}
RULES
END
chmod 0755 /usr/local/sbin/pod-routes
apt-get -qq install -y --no-install-recommends nftables >/dev/null
cat >/etc/systemd/system/pod-routes.service <<END
[Unit]
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/pod-routes
[Install]
WantedBy=multi-user.target
END
echo "KUBELET_EXTRA_ARGS=--node-ip=$PREFIX.$((FIRST + INDEX))" >/etc/default/kubelet
systemctl daemon-reload
systemctl -q enable pod-routes
systemctl restart pod-routes
