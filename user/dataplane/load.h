/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and maps: loads the objects that the configuration needs, lets them share the pinned
 * maps, makes and pins the maps that are not there.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/dataplane.h"
#include "dataplane/maps.h"

/* In the order of load_sock_hooks[]. */
#define LOAD_SOCK_HOOKS 8

struct load_sock_hook {
	const char *name; /* of its link's pin */
	int attach_type;
};

extern const struct load_sock_hook load_sock_hooks[LOAD_SOCK_HOOKS];

struct load {
	struct maps maps; /* descriptors; all below are borrowed from the objects */
	int steer;
	int tc_ingress, tc_egress; /* without layer 4 those of tc_vip */
	int tell;
	int xdp; /* -1: not wanted */
	/* Without layer 4: -1. */
	int clock;
	int sock[LOAD_SOCK_HOOKS];
	int why_socket; /* of a dry load */
	/* struct naru_trace of each object. */
	int trace_steer, trace_tc, trace_xdp, trace_why;
	uint32_t tick_shift;
	struct naru_config config; /* of the programs */
	struct sk_steer_bpf *steer_object;
	struct tc_vip_bpf *vip_object;
	struct tell_bpf *tell_object;
	struct tc_lb_bpf *tc_object;
	struct xdp_lb_bpf *xdp_object;
	struct sock_lb_bpf *sock_object;
	struct why_bpf *why_object;
	char **pinned; /* paths of maps that this load has made */
	size_t n_pinned;
};

/* -ESTALE: pinned maps have another layout. Logs what is wrong. All or nothing: what is pinned was
 * pinned before, or every program is loaded. */
int load_open(const char *pin_dir, const struct dataplane_config *config, struct load *ret_load);
/* A second load of the programs in force with cfg.dry_run, without those of sockets: their maps, no
 * pins. -ENOENT: layer 4 is not there. Logs what is wrong. */
int load_open_dry(const char *pin_dir, bool xdp, struct load *ret_load);
void load_close(struct load *load);

/* The pins that load_open() has made go again; for a start that comes to nothing. */
void load_undo(struct load *load);
/* Pins of a layer 4 that is off now: its flows are cut when its programs go. */
void load_forget_l4(const char *pin_dir);

/* Are the maps of this load still those that are pinned there? */
bool load_is_pinned(const struct load *load, const char *pin_dir);

/* The packet path's clock now. -errno. */
int load_tick(const struct load *load, uint32_t *ret_tick);
