/* SPDX-License-Identifier: Apache-2.0 */
/* Which VIPs this node answers for, of those of a plan: pure. */
#pragma once
#include <stdbool.h>

#include "announce/peers.h"
#include "plan/plan.h"

struct election_candidate {
	size_t node; /* index in the plan */
	bool here;   /* this node */
	bool proxyless;
};

/* What speaks against this node, beside what others say. */
struct election {
	const struct plan *plan;
	const struct peers *peers;
	bool ends; /* this node is about to stop */
	/* Whether another one was seen to answer for the address, which is to be left to it. NULL:
	 * never. */
	bool (*yields)(void *arg, const struct addr *addr);
	void *arg;
	/* Made by election_begin(): those that may win at all. */
	struct election_candidate *candidates;
	size_t n_candidates;
};

/* To be called when the fields above are set, and at the end. */
void election_begin(struct election *election);
void election_fini(struct election *election);

/*
 * Of the nodes that count, and this one, that with the highest number has the address, as long as
 * its object is there and it is not about to leave the cluster; those that leave have it only when
 * all do. What nothing but a proxy serves goes to none without. The index is that of a VIP in the
 * plan; *ret_who is the name of who has it as far as this node knows, NULL: nobody.
 */
bool election_won(const struct election *election, size_t vip, const char **ret_who);
