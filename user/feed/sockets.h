/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets of the proxy, which narud holds, too: whoever of the two dies, no
 * connection that waits in a queue is lost. Either one a worker thread, bound to a port that nobody
 * knows, to which BPF leads connections; or one a bind of the plan, as any server has them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "plan/l7.h"

struct sockets_item {
	uint32_t id;
	int worker; /* -1: all */
	int fd;
	struct addr addr; /* what it is bound to, for ordinary ones */
	uint16_t port;
};

struct sockets {
	struct sockets_item *items;
	size_t n, cap;
	uint32_t next_id;
};

/* Makes those that are missing of one a worker, drops all others. -errno. */
int sockets_steer(struct sockets *sockets, unsigned workers);

/*
 * Makes those that are missing of one a bind, drops those without a bind. What cannot be bound is
 * reported, and tried again with the next call. A bind to every address covers the others on its
 * port.
 */
void sockets_bind(struct sockets *sockets, const struct plan_l7 *l7, struct diag_list *ret_diags);

/*
 * Takes over a socket that a proxy holds, under its id, unless there is one for the same purpose.
 * False: fd stays the caller's, and so does the socket.
 */
bool sockets_adopt(struct sockets *sockets, uint32_t id, int worker, int fd);

/* Is there one of that id? */
bool sockets_has(const struct sockets *sockets, uint32_t id);

/* Gives up all of them. */
void sockets_fini(struct sockets *sockets);
