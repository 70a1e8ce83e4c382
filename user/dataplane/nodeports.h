/* SPDX-License-Identifier: Apache-2.0 */
/* Where NodePorts are served: --nodeport-addresses. Pure; topology.c and load.c ask. */
#pragma once
#include "dataplane/dataplane.h"

/* primary: the address is the node's first one of its family. */
bool nodeports_at(const struct dataplane_config *config, const struct addr *addr, bool primary);
/* On the node's own loopback, 127.0.0.0/8 or ::1. family: 4 or 6. */
bool nodeports_on_loopback(const struct dataplane_config *config, int family);
