/* SPDX-License-Identifier: Apache-2.0 */
/* Flows for people: one record for each pair of entries. */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/flowstore.h"
#include "dataplane/inforce.h"

struct listing;

/* tick: the packet path's clock; tick_ms: its length. */
struct listing *listing_begin(const struct inforce *in, struct flowstore *store, uint32_t tick,
			      uint32_t tick_ms);
void listing_free(struct listing *listing);
/* Some more flows. 1: there may be others; 0: these were all; -errno. */
int listing_next(struct listing *listing, flow_fn fn, void *arg);

const char *listing_road(enum naru_road road);
