/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who of all narud writes statuses: who holds the Lease `naru-leader`. 15 s a Lease, renewed every
 * 2 s, held for 10 s without a renewal, as client-go has it. Only the local monotonic clock counts:
 * times in the Lease tell that it was renewed, not when. Nothing that is served depends on it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "kube/backoff.h"

struct client;
struct leader;

#define LEADER_LEASE	"naru-leader"
#define LEADER_LEASE_MS 15000
#define LEADER_RENEW_MS 10000
#define LEADER_RETRY_MS 2000
#define LEADER_SLOW_MS	30000 /* for who is not among the first, and up to as much again */

struct leader_config {
	struct client *client;
	const struct timing *timing;
	const char *namespace; /* of the Lease; strings are borrowed */
	const char *node;
	/* leader_holds(), leader_due_ms() or leader_status() may be others. */
	void (*changed)(void *arg);
	void *arg;
};

struct leader *leader_new(const struct leader_config *config);
/* Lets the Lease run out. NULL is legal. */
void leader_free(struct leader *leader);

/* Of very many nodes only a few ask often; the others come after them. At first all are eager. */
void leader_set_eager(struct leader *leader, bool eager);

/* May this narud write now? */
bool leader_holds(const struct leader *leader);

/* Gives the Lease back and never takes it again. */
void leader_release(struct leader *leader);
/* It does not hold the Lease, and nothing of it is under way. */
bool leader_is_released(const struct leader *leader);

uint64_t leader_due_ms(const struct leader *leader);
void leader_run(struct leader *leader);

struct leader_status {
	bool holds;
	const char *holder;  /* node of who holds it, "" when nobody does or nobody knows */
	const char *problem; /* why the Lease cannot be read or written, "" */
};
/* Borrowed until the next call of leader_run(), or of the loop. */
void leader_status(const struct leader *leader, struct leader_status *ret_status);
