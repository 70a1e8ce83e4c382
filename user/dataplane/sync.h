/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan and what is in force: finds the difference, has it written, and lets go of what is no
 * longer pointed at after a grace period.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/inforce.h"
#include "dataplane/publish.h"
#include "plan/plan.h"

/* Longer than any packet can be in the middle of choosing an endpoint. */
#define SYNC_GRACE_MS 1000

struct sync {
	struct inforce *in;
	struct publish_leftovers leftovers;
	struct sync_grave {
		struct naru_set value;
		uint64_t due_ms;
	} * graves; /* segments in their grace period, oldest first */
	size_t n_graves, cap_graves;
	/* The serial of the plan that is in force to the last entry, 0: nobody knows. */
	uint64_t settled;
};

void sync_init(struct sync *sync, struct inforce *in);
void sync_fini(struct sync *sync);

struct sync_result {
	bool changed; /* anything was published or removed */
	bool removed; /* an endpoint or a service left */
	bool udp;     /* perhaps one of UDP */
};

/* Is the plan one step from what is in force? Then only that step is to be taken. */
bool sync_is_step(const struct sync *sync, const struct plan *plan);

/* Returns 0 or the first -errno of the kernel; *ret_result is written in either case. */
int sync_apply(struct sync *sync, const struct plan *plan, uint64_t now_ms,
	       struct diag_list *ret_diags, struct sync_result *ret_result);
/* The same for a plan that is one step away: looks at nothing else. */
int sync_step(struct sync *sync, const struct plan *plan, uint64_t now_ms,
	      struct diag_list *ret_diags, struct sync_result *ret_result);
/* Gives back segments whose grace period is over. */
void sync_tick(struct sync *sync, uint64_t now_ms);
