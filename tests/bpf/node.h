/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs under test with maps of their own, which are neither pinned nor shared with anybody,
 * filled the way narud fills them. One node at a time; the services are those of the table in
 * node_services.c. Every failure of the set-up ends the process.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>
#include <naru/counters.h>

#include "world.h"

#define NODE_EP_PORT   8080
#define NODE_HASH_SEED 0x5eed

enum program {
	TC_INGRESS,
	TC_EGRESS,
	XDP_INGRESS,
	VIP_INGRESS, /* what TC has without layer 4 */
	VIP_EGRESS,
	PROGRAM_MAX,
};

struct node_options {
	uint32_t flows;		     /* entries of each flow map; 0: 1024 */
	uint16_t snat_min, snat_max; /* 0: 20000 to 29999 */
	bool fair;		     /* a service has a share of those entries only */
	uint64_t port_seed;
	bool bypass_netfilter;
	bool sockets; /* load the socket programs too */
};

struct node_run {
	int verdict;
	size_t len;
	uint8_t frame[4096];
};

void node_load(const struct node_options *options);
void node_unload(void);

/* A frame through one program at a device. `flags` are BPF_F_TEST_*. Returns 0 or -errno. */
int node_run(enum program program, enum device device, const uint8_t *frame, size_t len,
	     uint32_t flags, struct node_run *ret_run);

/* Map and program descriptors by name. */
int node_map(const char *name);
int node_program(const char *name);
const struct naru_config *node_config(void);
/* The clock of the packet path. */
uint32_t node_now(void);

/* Summed over CPUs. */
void node_counters(uint64_t ret_values[NARU_C_MAX]);
/* What a service has lost for a reason. */
uint64_t node_losses(uint32_t service, uint32_t reason);
/* Removes all flows of both families; returns how many entries there were. */
size_t node_clear_flows(void);
size_t node_count_flows(int family);
/* Writes nh_gen, as narud does after a change of routes. */
void node_set_generation(uint32_t generation);
/* Whether XDP may send packets out of a device, and whether the node has an address there. */
void node_set_device(enum device device, bool xdp, bool source);
