/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses and ports are the proxy's: `steer`, and the proxy's listening sockets:
 * `steer_sock`, `steer_workers`.
 *
 * A port that a program of the host listens on is not taken from it: the bind waits, which is a
 * diagnostic on its listeners, until the port is free. Once in force it stays.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "dataplane/load.h"
#include "dataplane/vips.h"
#include "plan/l7.h"

struct steer_bind {
	struct addr addr; /* all zero bytes: any */
	uint16_t port;
	bool tls;
	const char **names; /* of its listeners, owned, as the strings are */
	size_t n_names;
	bool wanted;
	bool listed;  /* in the map */
	char *reason; /* why not in force, or NULL */
	bool blocked; /* reason: the port is in use */
};

struct steer {
	const struct load *load; /* this and the next one are set by the caller */
	const struct vips *vips;
	struct steer_bind *binds; /* sorted by address, port */
	size_t n, cap;
	uint64_t look_ms; /* when to look at blocked ports again */
	uint32_t slots;	  /* as in the map */
};

/* Takes over the entries of an earlier process. */
void steer_restore(struct steer *steer);
void steer_fini(struct steer *steer);

/* Puts in what the plan wants and the host leaves free. 0 or the first -errno. */
int steer_apply(struct steer *steer, const struct plan_l7 *l7, struct diag_list *ret_diags);
/* Takes out what the last plan did not want. */
int steer_release(struct steer *steer);

/* Every second or two: true when a port that was in use is free, so that an apply would help. */
bool steer_tick(struct steer *steer, uint64_t now_ms);

/* Sockets by worker; -1: the worker has none now. 0 or -errno. */
int steer_set_listeners(struct steer *steer, const int *fds, size_t n);
/* As the map has it. */
struct naru_steer_key steer_key(const struct steer_bind *bind);
/* How many there are. */
size_t steer_listeners(const struct steer *steer);
