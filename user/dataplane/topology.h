/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's devices and addresses as they come and go: keeps `device` and `node_addr` true and
 * programs attached. A device that is attached stays attached while it exists, whatever the routes
 * say later, since flows may run over it; only what an earlier process left is given up when the
 * first plan shows that nothing needs it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/addrset.h"
#include "dataplane/attach.h"
#include "dataplane/devices.h"
#include "dataplane/filter.h"
#include "dataplane/load.h"
#include "plan/plan.h"

struct topology_row {
	struct devices_row dev;
	struct naru_device value; /* as in the map */
	const char *tc;		  /* see attach_tc(); NULL: not tried yet */
	const char *xdp;
	bool inherited; /* from an earlier process, not claimed since */
	bool alive;
};

/* An address of the node, as `node_addr` has it. */
struct topology_addr {
	struct addr addr;
	struct naru_node_addr value; /* ifindex 0: not as it should be */
};

struct topology {
	const struct load *load;
	struct attach *attach;
	struct filter *filter; /* NULL without layer 4 */
	const struct dataplane_config *config;
	bool vips; /* without layer 4 programs are attached to NICs only while there are VIPs */
	struct topology_row *rows; /* sorted by ifindex */
	size_t n_rows;
	struct topology_addr *addrs; /* sorted by address */
	size_t n_addrs;
	bool planned; /* a plan has been seen */
	bool started; /* the network has been looked at */
	bool failed;  /* the last look failed, or a write after it */
	struct cidr *pod_cidrs;
	size_t n_pod_cidrs;
	struct addrset local, remote; /* of endpoints */
	size_t grown;		      /* how many came one by one: as many others may have gone */
	struct netlink_snapshot net;  /* of the last look, without routes */
};

/* Reads what an earlier process left in the maps. Fields above `rows` are set by the caller. */
void topology_restore(struct topology *topology);
void topology_fini(struct topology *topology);

/* Takes in where endpoints and pods are, then refreshes. 0 or -errno. */
int topology_plan(struct topology *topology, const struct plan *plan);
/* The same after a step of the plan: refreshes when there is an endpoint where none was. */
int topology_step(struct topology *topology, const struct plan *plan);
/* Looks at the kernel's state and makes maps and attachments follow. 0 or -errno. */
int topology_refresh(struct topology *topology);

/* False when maps or attachments are not as they should be, and the call that tries again: as
 * cheap as what failed allows. */
bool topology_settled(const struct topology *topology);
int topology_retry(struct topology *topology);

/* Whether NodePorts are served at an address, be it the node's or its loopback's. */
bool topology_serves_node_ports(const struct topology *t, const struct addr *addr);
