/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows of links, addresses and routes (rtnetlink), as plain data, and a socket
 * that tells when it changed. Addresses are v4-mapped.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"

struct netlink_link {
	uint32_t ifindex;
	char name[16];
	char kind[16];	/* "veth", "bridge", "vlan", "vxlan"…; "" for hardware */
	uint16_t type;	/* ARPHRD_* */
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	uint32_t master;  /* bridge or bond it is a port of, 0 = none */
	uint32_t lower;	  /* device it stands on in this namespace, 0 = none */
	uint8_t mac[6];	  /* zero unless it has an Ethernet address */
	uint32_t changes; /* how often its carrier came or went so far */
};

struct netlink_addr {
	uint32_t ifindex;
	struct addr addr;
	uint8_t scope;	/* RT_SCOPE_* */
	uint32_t flags; /* IFA_F_* */
};

/* One next hop of a unicast route of the main table; a route with several is several records. */
struct netlink_route {
	struct cidr dst;
	uint32_t ifindex;
	uint32_t metric;
	bool has_prefsrc;
	struct addr prefsrc;
};

/* Addresses that are this machine's own: those of devices, and local routes. */
struct netlink_local {
	struct cidr dst;
	uint8_t protocol; /* RTPROT_*: who made it */
};

struct netlink_snapshot {
	struct netlink_link *links; /* sorted by ifindex */
	size_t n_links, cap_links;
	struct netlink_addr *addrs;
	size_t n_addrs, cap_addrs;
	struct netlink_route *routes;
	size_t n_routes, cap_routes;
	struct netlink_local *locals;
	size_t n_locals, cap_locals;
};

/* 0 or -errno. */
int netlink_dump(struct netlink_snapshot *ret_snapshot);
void netlink_snapshot_fini(struct netlink_snapshot *snapshot);
const struct netlink_link *netlink_find_link(const struct netlink_snapshot *snapshot,
					     uint32_t ifindex);

/*
 * Makes one address local to this machine by a route through the loopback device, and takes that
 * route away; a route with another protocol is left alone. 0 also when there was nothing to do.
 */
int netlink_local_add(const struct addr *addr, uint8_t protocol);
int netlink_local_remove(const struct addr *addr, uint8_t protocol);

/* What changed, a mask. */
#define NETLINK_LINKS  1u
#define NETLINK_ADDRS  2u
#define NETLINK_ROUTES 4u
#define NETLINK_NEIGHS 8u /* a link-layer address changed or went; not: was confirmed, was learnt */

struct netlink;

/* Subscribes. A change after this call is told by netlink_read(). */
int netlink_open(struct netlink **ret_netlink);
void netlink_close(struct netlink *netlink);
int netlink_fd(const struct netlink *netlink);
/* Reads all there is. When the kernel had to drop messages, everything counts as changed. */
unsigned netlink_read(struct netlink *netlink);

/* 1 when a device's clsact qdisc has filters (anybody's), 0 when not, -errno. */
int netlink_has_filters(uint32_t ifindex);
