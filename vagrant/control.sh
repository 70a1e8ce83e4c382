#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The control plane, without kube-proxy. Vagrant runs it as root, perhaps again.
set -euo pipefail
address=$PREFIX.$((FIRST + INDEX))

if [ ! -e /etc/kubernetes/admin.conf ]; then
	kubeadm init --skip-phases=addon/kube-proxy --apiserver-advertise-address="$address" \
		--control-plane-endpoint="$address:6443" --pod-network-cidr=10.244.0.0/16 \
		--token="$TOKEN" --token-ttl=0
fi
mkdir -p /root/.kube
cp /etc/kubernetes/admin.conf /root/.kube/config
export KUBECONFIG=/root/.kube/config

# The bridge has this node's prefix by its number; so must the node object.
for _ in {1..60}; do
	pods=$(kubectl get node control -o jsonpath='{.spec.podCIDR}')
	[ -n "$pods" ] && break
	sleep 1
done
[ "$pods" = "10.244.$INDEX.0/24" ] || { echo "control has the pods of $pods" >&2; exit 1; }
