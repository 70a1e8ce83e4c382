#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# naru's image from the tree, into this machine's containerd. The control plane builds it and hands it
# to the workers over their network. Vagrant runs it as root, perhaps again.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
version=$(sed -n 's/^VERSION := //p' /naru/Makefile)
shared=/var/lib/naru-image
port=8099

if [ "$INDEX" = 0 ]; then
	apt-get -qq install -y --no-install-recommends buildah crun python3 >/dev/null
	mkdir -p "$shared"
	buildah build -q -f /naru/tools/deploy/Dockerfile -t "localhost/naru:$version" /naru
	rm -f "$shared/naru.tar"
	buildah push -q "localhost/naru:$version" "docker-archive:$shared/naru.tar:naru:$version"
	cat >/etc/systemd/system/naru-image.service <<-END
		[Service]
		ExecStart=/usr/bin/python3 -m http.server --bind $PREFIX.$FIRST --directory $shared $port
		DynamicUser=yes
		[Install]
		WantedBy=multi-user.target
	END
	systemctl daemon-reload
	systemctl -q enable --now naru-image
	archive=$shared/naru.tar
else
	archive=$(mktemp)
	trap 'rm -f "$archive"' EXIT
	curl -fsS --retry 10 --retry-connrefused -o "$archive" "http://$PREFIX.$FIRST:$port/naru.tar"
fi
ctr -n k8s.io images import "$archive"
