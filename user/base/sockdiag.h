/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets of this network namespace, whoever's they are (sock_diag). Addresses are v4-mapped.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct sockdiag_listener {
	struct addr addr; /* of no meaning when any4 or any6 is set */
	uint16_t port;
	bool any4, any6; /* takes every IPv4, every IPv6 address */
	uint64_t cookie; /* as SO_COOKIE */
};

/* What listens, to be freed by the caller. 0 or -errno. */
int sockdiag_listeners(struct sockdiag_listener **ret_listeners, size_t *ret_n);

/* Whether a connection is open whose local address this is: 0, 1 or -errno. */
int sockdiag_connected(const struct addr *addr);
