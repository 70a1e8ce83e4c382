/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that the node makes its own for the proxy: `steer_vip` and the local routes. An address
 * that the node has by somebody else is no VIP and gets neither.
 *
 * A VIP that is no longer wanted stays for as long as connections are open on it, so that taking it
 * away breaks none; new ones are refused meanwhile.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/netlink.h"
#include "plan/plan.h"

struct vip {
	struct addr addr;
	struct naru_vip value; /* as in the map, if listed */
	bool wanted;	       /* by the last plan */
	bool foreign;	       /* the node has it by somebody else */
	bool listed;	       /* in `steer_vip` */
	bool routed;	       /* by us */
	bool refused;	       /* `steer_vip` is full */
	int error;	       /* -errno: the kernel refused the entry or the route */
};

struct vips {
	int map;	  /* `steer_vip`; set by the caller */
	struct vip *rows; /* sorted by address */
	size_t n, cap;
	uint64_t look_ms; /* when to look for connections again */
	bool planned;	  /* a plan has been seen */
	bool room;	  /* something went after something else was refused */
};

/* Takes over the entries of an earlier process, and its routes. */
void vips_restore(struct vips *vips);
void vips_adopt(struct vips *vips, const struct netlink_snapshot *net);
void vips_fini(struct vips *vips);

/* True when the address is in `steer_vip`. */
bool vips_has(const struct vips *vips, const struct addr *addr);
/* The same, and this node answers for it. */
bool vips_announces(const struct vips *vips, const struct addr *addr);
/* True when any is wanted or still there. */
bool vips_any(const struct vips *vips);

/*
 * Whose the addresses are by now. True when that is not what the last vips_list() went by, or a
 * route of ours is missing: the plan is to be applied again.
 */
bool vips_look(struct vips *vips, const struct netlink_snapshot *net);

/*
 * An apply in three steps: entries, routes, and removal of what is not wanted. All return 0 or the
 * first -errno; what failed is tried again by the next apply. net: as of the last vips_look().
 */
int vips_list(struct vips *vips, const struct plan_l7 *l7, const struct netlink_snapshot *net);
int vips_route(struct vips *vips);
int vips_release(struct vips *vips);

/* Once a second: releases what waited for its connections to end. True when there is room again
 * for what was refused. */
bool vips_tick(struct vips *vips, uint64_t now_ms);

/* What had no room, by its Service's or listener's name. */
void vips_report(const struct vips *vips, const struct plan *plan, struct diag_list *diags);

/* For how many there is room. */
size_t vips_max(const struct vips *vips);

/* Why and how the node has the address: constant text. */
const char *vips_state(const struct vip *vip);
