/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices of the node naru has to see, as what, and which addresses they send from: a pure
 * function of what the kernel says (links, addresses, routes), the options and where endpoints
 * are.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/netlink.h"
#include "dataplane/dataplane.h"

struct devices_input {
	const struct netlink_snapshot *net;
	const struct dataplane_config *config;
	const struct cidr *pod_cidrs; /* of this node */
	size_t n_pod_cidrs;
	/* Endpoints' addresses, each list sorted and without repetition. */
	const struct addr *local;
	size_t n_local;
	const struct addr *remote;
	size_t n_remote;
};

struct devices_row {
	uint32_t ifindex;
	char name[16];
	enum naru_device_class class;
	bool nic; /* stands for --device or a default route: XDP may attach */
	uint32_t mtu;
	char kind[16];
	bool vlan; /* is a VLAN device or carries one */
	bool has_src4, has_src6;
	struct addr src4, src6;
	uint8_t mac[6];
};

/* Rows sorted by ifindex, to be freed by the caller. Returns their number. */
size_t devices_classify(const struct devices_input *input, struct devices_row **ret_rows);

/* The row of a device that is attached already and stays so whatever its class would be now. */
void devices_describe(const struct devices_input *input, const struct netlink_link *link,
		      enum naru_device_class class, struct devices_row *ret_row);

/* Addresses that answer NodePorts: all but loopback and link-local ones. ifindex, addr are set.
 * Freed by the caller. Returns their number. */
size_t devices_node_addrs(const struct netlink_snapshot *net, struct netlink_addr **ret_addrs);
