/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map `source_range`, service by service. A service's ranges are there before a frontend of it
 * is ranged, and go when none is any more: what is closed is never open for a moment.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/rows.h"
#include "plan/plan.h"

/* Of one service, as in the map: sorted as the plan has them, by address and length. */
struct ranges_list {
	struct cidr *items;
	size_t n;
};

struct ranges {
	int map;
	size_t n;	 /* entries in the map */
	uint64_t writes; /* entries written or deleted */
	/* By service, not needed any more: to be deleted when its frontends are written. */
	struct ranges_old *old;
};

void ranges_fini(struct ranges *ranges);

bool ranges_equal(const struct ranges_list *list, const struct plan_service *plan);
/* Entries that the plan needs besides the list's. */
size_t ranges_missing(const struct ranges_list *list, const struct plan_service *plan);

/* Writes what is missing. list may be NULL. After -errno what was written is left for
 * ranges_clear(): until then it lets in whom the plan lets in, by a frontend that is ranged. */
int ranges_write(struct ranges *ranges, uint32_t service, const struct ranges_list *list,
		 const struct plan_service *plan);
/* The list becomes the plan's (NULL: empty); what it has no more is left for ranges_clear(). */
void ranges_adopt(struct ranges *ranges, uint32_t service, struct ranges_list *list,
		  const struct plan_service *plan);

/* An entry that an earlier process left; list NULL: of no service. After the last entry
 * ranges_restored() sorts each list. */
void ranges_restore(struct ranges *ranges, const struct naru_range_key *key,
		    struct ranges_list *list);
void ranges_restored(struct ranges_list *list);

/* Deletes what has been left, but for services that are held: those with a frontend that may still
 * be ranged and was not to be any more. Returns 0 or the first -errno; what failed is tried
 * again. */
typedef bool (*ranges_held_fn)(void *arg, uint32_t service);
int ranges_clear(struct ranges *ranges, ranges_held_fn is_held, void *arg);
/* What has been left may still be in the map: for who compares. */
void ranges_expect_old(const struct ranges *ranges, struct rows *rows);
/* Deletes all that a service has left. After -errno its id is not to be given to another one. */
int ranges_forget(struct ranges *ranges, uint32_t service);
