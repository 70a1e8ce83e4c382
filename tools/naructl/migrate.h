/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration of another program becomes with naru: told, never done. */
#pragma once
#include <stdbool.h>

/*
 * kube-proxy's configuration: a KubeProxyConfiguration, the ConfigMap that kubeadm keeps it in, or
 * options as on its command line. NULL: from standard input. Returns the exit status: 1 when a
 * setting has no counterpart, or nothing could be read.
 */
int migrate_kube_proxy(const char *file, bool json);
