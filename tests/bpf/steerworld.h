/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On top of dpworld: plans with addresses of the proxy, sockets that stand for the proxy's workers
 * and for programs of the host, and clients.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dataplane.h"
#include "plan/plan.h"

#define WORKERS 3

/* A plan of layer 7 alone. Not for plan_free(): nothing in it is on the heap. */
struct steerworld {
	struct plan plan;
	struct plan_listener listener;
	uint32_t index;
	struct plan_bind binds[8];
	struct plan_vip vips[8];
};

void steerworld_init(struct steerworld *w);
void steerworld_bind(struct steerworld *w, const char *addr, uint16_t port);
void steerworld_vip(struct steerworld *w, const char *addr, bool announce, bool service);

/* Listening sockets that nobody can dial, for both families: bound to ::ffff:127.0.0.1, since the
 * kernel makes an IPv6 socket with any other address but :: one of IPv6 alone. */
void steerworld_workers(int fds[static WORKERS]);
void steerworld_close(int fds[static WORKERS]);

/* A socket of the host; text "::" takes IPv4 as well. type: SOCK_STREAM, SOCK_DGRAM. */
int steerworld_socket(const char *addr, uint16_t port, int type);

/* Dials. Returns a descriptor or -errno. */
int steerworld_dial(const char *addr, uint16_t port);
/* Dials and tells who accepts: the index of the worker, -errno, or WORKERS: somebody else. The
 * accepted socket's own address must be what was dialled. */
int steerworld_reach(const int fds[static WORKERS], const char *addr, uint16_t port);

/* Both ends of a connection to the first worker that accepts; fails the test otherwise. */
void steerworld_connect(const int fds[static WORKERS], const char *addr, uint16_t port,
			int ret_ends[static 2]);
