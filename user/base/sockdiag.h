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
	uint32_t inode;	 /* as its links in /proc/PID/fd have it */
	uint64_t cookie; /* as SO_COOKIE */
};

/* What listens, to be freed by the caller. 0 or -errno. */
int sockdiag_listeners(struct sockdiag_listener **ret_listeners, size_t *ret_n);

/* Whether a connection is open whose local address this is: 0, 1 or -errno. */
int sockdiag_connected(const struct addr *addr);

/* A datagram socket with a peer. */
struct sockdiag_datagram {
	struct addr peer;
	uint16_t peer_port;
	uint8_t family;	 /* the socket's, AF_INET or AF_INET6 */
	uint8_t id[48];	 /* the kernel's name of it */
	uint64_t cookie; /* as SO_COOKIE */
};

/* One call each. 0 or -errno: -ENOENT when the kernel cannot list them. */
typedef void (*sockdiag_datagram_fn)(void *arg, const struct sockdiag_datagram *socket);
int sockdiag_datagrams(sockdiag_datagram_fn fn, void *arg);

/* Takes the peers of n sockets away: what receives is told ECONNABORTED, what sends EDESTADDRREQ.
 * One that has gone is no error. Returns 0 or the last -errno. Needs CAP_NET_ADMIN. */
int sockdiag_abort(const struct sockdiag_datagram *sockets, size_t n);
/* Whether the kernel can do that, for those who may: 0, -EOPNOTSUPP. */
int sockdiag_probe_abort(void);
