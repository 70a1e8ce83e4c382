#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# On the control plane: the Gateway API, naru, and the sample application. Vagrant runs it as root,
# perhaps again.
set -euo pipefail
export KUBECONFIG=/root/.kube/config
gateway_api=v1.6.3

kubectl apply -f "https://github.com/kubernetes-sigs/gateway-api/releases/download/$gateway_api/standard-install.yaml"
kubectl wait --for=condition=Established --timeout=60s crd/gatewayclasses.gateway.networking.k8s.io
kubectl apply --server-side -f /naru/tools/deploy/naru.yaml
# No Service leads to the API server before naru does.
kubectl -n naru-system set env daemonset/naru -c narud \
	"KUBERNETES_SERVICE_HOST=$PREFIX.$FIRST" KUBERNETES_SERVICE_PORT=6443
# The control plane's node answers for the sample application: let its pods run there, too.
kubectl taint nodes control node-role.kubernetes.io/control-plane:NoSchedule- || true
sed "s/GATEWAY-ADDRESS/$PREFIX.$FIRST/" /naru/vagrant/app.yaml | kubectl apply -f -
