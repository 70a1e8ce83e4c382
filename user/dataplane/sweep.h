/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep over the flows of both families, a slice at a time: removes flows that are over (both
 * entries together), UDP flows whose endpoint has left its service, and entries without their other
 * half; tells ids and filter what the living ones hold.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/filter.h"
#include "dataplane/flow.h"
#include "dataplane/flowstore.h"
#include "dataplane/ids.h"

struct sweep_config {
	struct flowstore *store;
	struct ids *services;
	struct ids *endpoints;
	struct filter *filter;
	uint16_t snat_min, snat_max;	   /* ports that pass the filter without a bit */
	struct naru_svc_flows *flows;	   /* mapped, by service */
	uint32_t *flows_of[FLOW_FAMILIES]; /* mapped: their sums */
	bool bypass_netfilter;		   /* what comes from endpoints passes by its back bits */
	/* True when the service no longer has the endpoint. */
	bool (*is_stale)(void *arg, uint32_t service, uint32_t endpoint);
	void *arg;
};

struct sweep;

struct sweep *sweep_new(const struct sweep_config *config);
void sweep_free(struct sweep *sweep);

/*
 * Sets the filter's bits for all flows that there are and changes nothing else: to be called before
 * programs with other settings take over, which would not know these flows' packets. Not during a
 * sweep. 0 or -errno.
 */
int sweep_raise(struct sweep *sweep);

/*
 * Begins a sweep when the last one is done and it is time: true, and from here on to the end
 * sweep_step() tells services, endpoints and filter what it meets. now_ms: any monotonic clock.
 */
bool sweep_begin(struct sweep *sweep, uint64_t now_ms);
/* Asks for a whole sweep from the start, soon and fast: something left the plan. */
void sweep_hurry(struct sweep *sweep);
/* True until that has been done; false meanwhile when a step has failed, until the next begin. */
bool sweep_hurries(const struct sweep *sweep);
/* Does a slice; tick: the packet path's clock. Returns true when this ended a sweep. */
bool sweep_step(struct sweep *sweep, uint32_t tick, uint64_t now_ms);
/* Entries that the last whole sweep met in a map. */
size_t sweep_count(const struct sweep *sweep, int family);

/* Pure: false when an entry alone shows that its flow cannot be over. */
bool sweep_is_suspect(const struct naru_flow *f, uint8_t proto, uint32_t tick);
