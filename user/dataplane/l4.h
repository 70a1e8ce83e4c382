/* SPDX-License-Identifier: Apache-2.0 */
/* Layer 4 of the node: services in the maps, flows, filter, sweep. dataplane.c has one, or none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/filter.h"
#include "dataplane/heal.h"
#include "dataplane/inforce.h"
#include "dataplane/load.h"
#include "dataplane/optout.h"
#include "dataplane/sweep.h"
#include "dataplane/sync.h"
#include "dataplane/verify.h"
#include "dataplane/watch.h"

struct l4 {
	const struct load *load;
	struct naru_filter *filter_map;
	struct naru_state *state_map;
	struct naru_svc_flows *flows_map;
	struct filter *filter;
	struct inforce *in;
	struct sync sync;
	struct flowstore *store;
	struct sweep *sweep;
	struct watch *watch;
	struct optout optout;
	struct heal heal;
	struct verify verify;
	uint32_t tick_ms;
	bool applied;	   /* a plan has been applied */
	bool urgent;	   /* flows may stand whose endpoint has left */
	bool sweep_counts; /* the running sweep began after that */
};

/* Takes over what an earlier process left. Logs failures. */
int l4_open(struct l4 *l4, const struct load *load, const struct dataplane_config *config);
/* {0} or closed twice is fine. */
void l4_close(struct l4 *l4);

/* Where the sockets that are translated have their cgroups. */
void l4_set_cgroup(struct l4 *l4, const char *dir);

/* Cached next hops in flow entries are void from here on. */
void l4_void_next_hops(struct l4 *l4);

/* See dataplane_apply(). *ret_changed is written in any case. */
int l4_apply(struct l4 *l4, const struct plan *plan, uint64_t now_ms, struct diag_list *ret_diags,
	     bool *ret_changed);
/* The same for a plan of which sync_is_step() says that it is one step away. */
int l4_step(struct l4 *l4, const struct plan *plan, uint64_t now_ms, struct diag_list *ret_diags,
	    bool *ret_changed);
void l4_tick(struct l4 *l4, uint64_t now_ms);
/* True while flows may stand whose endpoint has left: l4_hurry(), a slice, is wanted at once. */
bool l4_hurries(const struct l4 *l4);
void l4_hurry(struct l4 *l4, uint64_t now_ms);
