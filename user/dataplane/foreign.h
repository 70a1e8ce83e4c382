/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterIPs that somebody else has put on a device of this node, as NodeLocal DNSCache does: what
 * listens there is meant to be reached, so they are left out of what layer 4 serves.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/netlink.h"
#include "plan/plan.h"

struct foreign {
	struct addr *addrs; /* of the node's devices, sorted */
	size_t n;
};

/* A plan without them: the parts that differ are its own, all else is borrowed. */
struct foreign_cut {
	struct plan plan;
	struct plan_service *services;	 /* NULL: nothing is left out */
	struct plan_frontend *frontends; /* of those services that lose some */
	struct addr *closed;
};

/* True when addresses have come or gone since the last call. */
bool foreign_look(struct foreign *foreign, const struct netlink_snapshot *net);
void foreign_fini(struct foreign *foreign);

/* Says in *diags, unless it is NULL, what is left out. Valid as long as the plan. */
void foreign_cut(const struct foreign *foreign, const struct plan *plan, struct diag_list *diags,
		 struct foreign_cut *ret_cut);
void foreign_cut_fini(struct foreign_cut *cut);
