/* SPDX-License-Identifier: Apache-2.0 */
/* Which VIPs this node answers for, of those of a plan: pure. */
#pragma once
#include <stdbool.h>

#include "announce/peers.h"
#include "plan/plan.h"

/* What speaks against this node, beside what others say. */
struct election {
	const struct plan *plan;
	const struct peers *peers;
	bool ends; /* this node is about to stop */
	/* Whether another one was seen to answer for the address, which is to be left to it. NULL:
	 * never. */
	bool (*yields)(void *arg, const struct addr *addr);
	void *arg;
	/* Made by election_begin(): those that may win at all, by index in the plan. */
	size_t *candidates;
	size_t n_candidates;
};

/* To be called when the fields above are set, and at the end. */
void election_begin(struct election *election);
void election_fini(struct election *election);

/*
 * Of the nodes that count, and this one, that with the highest number has the address, as long as
 * its object is there and it is not about to leave the cluster; those that leave have it only when
 * all do. The index is that of a VIP in the plan.
 */
bool election_won(const struct election *election, size_t vip);
