#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A worker joins. Vagrant runs it as root, perhaps again.
set -euo pipefail

if [ ! -e /etc/kubernetes/kubelet.conf ]; then
	# Nobody else is on this network; elsewhere, give the hash of the CA.
	kubeadm join "$PREFIX.$FIRST:6443" --token="$TOKEN" --discovery-token-unsafe-skip-ca-verification
fi
for _ in {1..60}; do
	pods=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node "$(hostname)" \
		-o jsonpath='{.spec.podCIDR}')
	[ -n "$pods" ] && break
	sleep 1
done
[ "$pods" = "10.244.$INDEX.0/24" ] || { echo "$(hostname) has the pods of $pods" >&2; exit 1; }
