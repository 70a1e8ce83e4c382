/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs onto devices, the cgroup tree and the network namespace. What is attached is pinned (or,
 * with clsact, stands in the kernel by itself) and outlives us; attaching again replaces the
 * program in place, without a packet that meets none. A program whose successor the kernel refuses
 * stays, but for XDP's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dataplane.h"
#include "dataplane/load.h"

struct attach {
	const char *links; /* directory of the pins */
	const struct load *load;
	bool clsact;   /* the kernel has no tcx, or the user wants it so */
	bool probed;   /* tcx worked once */
	bool replaced; /* a program that was there has given way */
	/* What was not there before, until attach_settle(). */
	bool settled;
	char **made;
	size_t n_made;
};

/* A start either stands, or what it attached anew goes. */
void attach_settle(struct attach *attach);
void attach_undo(struct attach *attach);

/* Both directions. Returns how: "tcx", "clsact", or a constant text that tells why not. */
const char *attach_tc(struct attach *attach, uint32_t ifindex);
bool attach_tc_ok(const char *how);

/* "native", or a constant text that tells why not; whatever we had there is detached then. */
const char *attach_xdp(struct attach *attach, uint32_t ifindex, const char *why_not);
bool attach_xdp_ok(const char *how);
/* Is it worth trying again when something changes on the device? */
bool attach_xdp_may_change(const char *how);

/* Forgets a device, whether it is still there or not. */
void attach_detach(const char *links, uint32_t ifindex);

/* All socket hooks. */
int attach_cgroup(struct attach *attach, int cgroup_fd);
void attach_detach_cgroup(const char *links);

/* Steering, onto the network namespace of this process. */
int attach_steer(struct attach *attach);

/* Everything in a pin directory's links, whoever attached it. */
void attach_detach_all(const char *links);
