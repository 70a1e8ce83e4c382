/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map `source_range`, service by service. A service's ranges are there before a frontend of it
 * is ranged, and go when none is any more: what is closed is never open for a moment.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "plan/plan.h"

/* Of one service, as in the map: sorted as the plan has them, or after a restart in any order. */
struct ranges_list {
	struct cidr *items;
	size_t n;
};

struct ranges {
	int map;
	size_t n;	 /* entries in the map */
	uint64_t writes; /* entries written or deleted */
	/* Not needed any more: to be deleted when the frontends are written. */
	struct naru_range_key *old;
	size_t n_old, cap_old;
};

void ranges_fini(struct ranges *ranges);

bool ranges_equal(const struct ranges_list *list, const struct plan_service *plan);
/* Entries that the plan needs besides the list's. */
size_t ranges_missing(const struct ranges_list *list, const struct plan_service *plan);

/* Writes what is missing. list may be NULL. After -errno the map is as it was. */
int ranges_write(struct ranges *ranges, uint32_t service, const struct ranges_list *list,
		 const struct plan_service *plan);
/* The list becomes the plan's (NULL: empty); what it has no more is left for ranges_clear(). */
void ranges_adopt(struct ranges *ranges, uint32_t service, struct ranges_list *list,
		  const struct plan_service *plan);

/* An entry that an earlier process left; list NULL: of no service. */
void ranges_restore(struct ranges *ranges, const struct naru_range_key *key,
		    struct ranges_list *list);

/* Deletes what has been left. Returns 0 or the first -errno; what failed is tried again. */
int ranges_clear(struct ranges *ranges);
