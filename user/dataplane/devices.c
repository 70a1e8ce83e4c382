/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules, first match wins; only Ethernet devices, never loopback:
 *  1. NIC: named by --device, or, when none is named, device of a default route.
 *  2. POD: matches a --pod-device pattern; a route to this node's pod range or to a local endpoint
 *     leaves by it (when that is a bridge, its ports instead, but for hardware and tunnels, which
 *     lead outside).
 *  3. NIC class: a route to an endpoint elsewhere, or to one with an address of the node itself,
 *     leaves by it, or it is an overlay's device.
 * "A route to an endpoint" is the longest match. All endpoints are matched in one pass: a route's
 * share are the endpoints within its prefix less those within the more specific ones below it.
 */
#include "dataplane/devices.h"

#include <fnmatch.h>
#include <net/if.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "base/mem.h"

/* What speaks for a device, a mask by index in net->links. */
#define IS_NIC	   1u
#define IS_POD	   2u
#define IS_OUTWARD 4u

static bool is_default(const struct netlink_route *route)
{
	return route->dst.len == (addr_family(&route->dst.addr) == 4 ? 96 : 0);
}

static bool is_ethernet(const struct netlink_link *link)
{
	return link->type == ARPHRD_ETHER && !(link->flags & IFF_LOOPBACK);
}

static bool is_kind(const struct netlink_link *link, const char *const *kinds)
{
	for (; *kinds; kinds++) {
		if (!strcmp(link->kind, *kinds))
			return true;
	}
	return false;
}

static bool is_overlay(const struct netlink_link *link)
{
	static const char *const kinds[] = { "vxlan", "geneve", NULL };

	return is_kind(link, kinds);
}

/* A bridge's port that leads to a pod or virtual machine. */
static bool is_pod_port(const struct netlink_link *link)
{
	static const char *const outward[] = {
		"", "vxlan", "geneve", "bond", "team", "vlan", NULL
	};

	return !is_kind(link, outward);
}

static void mark(const struct netlink_snapshot *net, uint8_t *marks, uint32_t ifindex, uint8_t mask)
{
	const struct netlink_link *link = netlink_find_link(net, ifindex);

	if (link)
		marks[link - net->links] |= mask;
}

/* ---- longest match for sorted addresses ---- */

struct ranked {
	const struct netlink_route *route;
	size_t share;
	size_t parent; /* index, or SIZE_MAX */
};

/* By prefix, shorter first, then the one that the kernel prefers. */
static int by_prefix(const void *a, const void *b)
{
	const struct netlink_route *x = ((const struct ranked *)a)->route;
	const struct netlink_route *y = ((const struct ranked *)b)->route;
	int order = addr_compare(&x->dst.addr, &y->dst.addr);

	if (!order)
		order = (x->dst.len > y->dst.len) - (x->dst.len < y->dst.len);
	if (!order)
		order = (x->metric > y->metric) - (x->metric < y->metric);
	return order;
}

/* The first of the sorted addresses that is not before `addr`. */
static size_t lower_bound(const struct addr *addrs, size_t n, const struct addr *addr)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (addr_compare(&addrs[middle], addr) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* How many of the addresses lie in a prefix. */
static size_t count_within(const struct addr *addrs, size_t n, const struct cidr *cidr)
{
	struct addr last = cidr->addr;
	size_t first = lower_bound(addrs, n, &cidr->addr), end;

	for (unsigned bit = cidr->len; bit < 128; bit++)
		last.byte[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	end = lower_bound(addrs, n, &last);
	if (end < n && !addr_compare(&addrs[end], &last))
		end++;
	return end - first;
}

static bool same_prefix(const struct netlink_route *a, const struct netlink_route *b)
{
	return a->dst.len == b->dst.len && !addr_compare(&a->dst.addr, &b->dst.addr);
}

/* Each prefix's share. Of routes with one prefix those with the best metric count as one. */
static void share_out(struct ranked *ranked, size_t n, const struct addr *addrs, size_t n_addrs)
{
	size_t up = SIZE_MAX; /* innermost prefix around the current one */

	for (size_t i = 0; i < n; i++) {
		const struct netlink_route *route = ranked[i].route;

		if (i && same_prefix(ranked[i - 1].route, route)) {
			ranked[i].share = 0; /* the first one stands for all, see mark_family() */
			continue;
		}
		while (up != SIZE_MAX && !cidr_contains(&ranked[up].route->dst, &route->dst.addr))
			up = ranked[up].parent;
		ranked[i].parent = up;
		ranked[i].share = count_within(addrs, n_addrs, &route->dst);
		if (up != SIZE_MAX)
			ranked[up].share -= ranked[i].share;
		up = i;
	}
}

/* All routes and addresses of one family. */
static void mark_family(const struct netlink_snapshot *net, int family, const struct addr *addrs,
			size_t n_addrs, uint8_t *marks, uint8_t mask)
{
	_cleanup_(mem_freep) struct ranked *ranked = mem_array(net->n_routes, sizeof(*ranked));
	bool used = false;
	size_t n = 0;

	for (size_t i = 0; i < net->n_routes; i++) {
		if (addr_family(&net->routes[i].dst.addr) == family)
			ranked[n++].route = &net->routes[i];
	}
	qsort(ranked, n, sizeof(*ranked), by_prefix);
	share_out(ranked, n, addrs, n_addrs);
	for (size_t i = 0; i < n; i++) {
		const struct netlink_route *route = ranked[i].route;
		const struct netlink_route *before = i ? ranked[i - 1].route : NULL;

		if (!before || !same_prefix(before, route))
			used = ranked[i].share != 0;
		else if (before->metric != route->metric)
			used = false;
		if (used)
			mark(net, marks, route->ifindex, mask);
	}
}

static void mark_routes(const struct netlink_snapshot *net, const struct addr *addrs,
			size_t n_addrs, uint8_t *marks, uint8_t mask)
{
	/* Where the v4-mapped addresses begin, and what comes after them. */
	static const struct addr v4 = { .byte = { [10] = 0xff, [11] = 0xff } };
	static const struct addr after = { .byte = { [9] = 1 } };
	size_t first = lower_bound(addrs, n_addrs, &v4), end = lower_bound(addrs, n_addrs, &after);

	mark_family(net, 4, addrs + first, end - first, marks, mask);
	mark_family(net, 6, addrs + end, n_addrs - end, marks, mask);
}

/* ---- marks ---- */

static bool is_own(const struct netlink_snapshot *net, const struct addr *addr)
{
	for (size_t i = 0; i < net->n_addrs; i++) {
		if (!addr_compare(&net->addrs[i].addr, addr))
			return true;
	}
	return false;
}

/* Behind the device that leads to an endpoint of this node are pods, unless the endpoint is the
 * node itself, as a pod with hostNetwork is. */
static void mark_local(const struct devices_input *in, uint8_t *marks)
{
	_cleanup_(mem_freep) struct addr *pods = mem_array(in->n_local, sizeof(*pods));
	_cleanup_(mem_freep) struct addr *own = mem_array(in->n_local, sizeof(*own));
	size_t n_pods = 0, n_own = 0;

	for (size_t i = 0; i < in->n_local; i++) {
		if (is_own(in->net, &in->local[i]))
			own[n_own++] = in->local[i];
		else
			pods[n_pods++] = in->local[i];
	}
	mark_routes(in->net, pods, n_pods, marks, IS_POD);
	mark_routes(in->net, own, n_own, marks, IS_OUTWARD);
}

static bool is_named(const struct dataplane_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_devices; i++) {
		if (!strcmp(config->devices[i], name))
			return true;
	}
	return false;
}

static bool matches_pattern(const struct dataplane_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pod_devices; i++) {
		if (!fnmatch(config->pod_devices[i], name, 0))
			return true;
	}
	return false;
}

static bool in_pod_range(const struct devices_input *in, const struct cidr *dst)
{
	for (size_t i = 0; i < in->n_pod_cidrs; i++) {
		if (dst->len >= in->pod_cidrs[i].len &&
		    cidr_contains(&in->pod_cidrs[i], &dst->addr))
			return true;
	}
	return false;
}

static void mark_names(const struct devices_input *in, uint8_t *marks)
{
	for (size_t i = 0; i < in->net->n_links; i++) {
		const struct netlink_link *link = &in->net->links[i];

		if (is_named(in->config, link->name))
			marks[i] |= IS_NIC;
		if (matches_pattern(in->config, link->name))
			marks[i] |= IS_POD;
		if (is_overlay(link))
			marks[i] |= IS_OUTWARD;
	}
}

static void mark_ranges(const struct devices_input *in, uint8_t *marks)
{
	for (size_t i = 0; i < in->net->n_routes; i++) {
		const struct netlink_route *route = &in->net->routes[i];

		if (!in->config->n_devices && is_default(route))
			mark(in->net, marks, route->ifindex, IS_NIC);
		if (in_pod_range(in, &route->dst))
			mark(in->net, marks, route->ifindex, IS_POD);
	}
}

/* A bridge's pods are behind its ports. The bridge itself has nothing to see then. */
static void expand_bridges(const struct netlink_snapshot *net, uint8_t *marks)
{
	for (size_t i = 0; i < net->n_links; i++) {
		const struct netlink_link *port = &net->links[i];
		const struct netlink_link *bridge = netlink_find_link(net, port->master);

		if (bridge && !strcmp(bridge->kind, "bridge") && is_pod_port(port) &&
		    marks[bridge - net->links] & IS_POD)
			marks[i] |= IS_POD;
	}
	for (size_t i = 0; i < net->n_links; i++) {
		if (!strcmp(net->links[i].kind, "bridge"))
			marks[i] &= (uint8_t)~IS_POD;
	}
}

/* ---- source addresses ---- */

static bool is_primary(const struct netlink_addr *addr)
{
	return addr->scope == RT_SCOPE_UNIVERSE &&
	       !(addr->flags &
		 (IFA_F_SECONDARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

/* The address that a device's packets of a family leave with, if it has one of its own. */
static bool own_address(const struct netlink_snapshot *net, uint32_t ifindex, int family,
			struct addr *ret_addr)
{
	for (size_t i = 0; i < net->n_routes; i++) {
		const struct netlink_route *route = &net->routes[i];

		if (route->ifindex == ifindex && route->has_prefsrc && is_default(route) &&
		    addr_family(&route->prefsrc) == family) {
			*ret_addr = route->prefsrc;
			return true;
		}
	}
	for (size_t i = 0; i < net->n_addrs; i++) {
		const struct netlink_addr *addr = &net->addrs[i];

		if (addr->ifindex == ifindex && addr_family(&addr->addr) == family &&
		    is_primary(addr)) {
			*ret_addr = addr->addr;
			return true;
		}
	}
	return false;
}

/* The node's primary address: that of the default route's device, else of the first NIC named. */
static bool node_address(const struct devices_input *in, int family, struct addr *ret_addr)
{
	const struct netlink_snapshot *net = in->net;

	for (size_t i = 0; i < net->n_routes; i++) {
		const struct netlink_route *route = &net->routes[i];

		if (is_default(route) && addr_family(&route->dst.addr) == family &&
		    own_address(net, route->ifindex, family, ret_addr))
			return true;
	}
	for (size_t i = 0; i < net->n_links; i++) {
		if (is_named(in->config, net->links[i].name) &&
		    own_address(net, net->links[i].ifindex, family, ret_addr))
			return true;
	}
	return false;
}

static bool source(const struct devices_input *in, const struct netlink_link *link, int family,
		   struct addr *ret_addr)
{
	return own_address(in->net, link->ifindex, family, ret_addr) ||
	       (link->master && own_address(in->net, link->master, family, ret_addr)) ||
	       node_address(in, family, ret_addr);
}

/* ---- rows ---- */

static bool carries_vlan(const struct netlink_snapshot *net, const struct netlink_link *link)
{
	if (!strcmp(link->kind, "vlan"))
		return true;
	for (size_t i = 0; i < net->n_links; i++) {
		if (net->links[i].lower == link->ifindex && !strcmp(net->links[i].kind, "vlan"))
			return true;
	}
	return false;
}

void devices_describe(const struct devices_input *in, const struct netlink_link *link,
		      enum naru_device_class class, struct devices_row *ret_row)
{
	struct devices_row row = {
		.ifindex = link->ifindex,
		.class = class,
		.mtu = link->mtu,
	};

	memcpy(row.name, link->name, sizeof(row.name));
	memcpy(row.kind, link->kind, sizeof(row.kind));
	memcpy(row.mac, link->mac, sizeof(row.mac));
	row.vlan = class == NARU_NIC && carries_vlan(in->net, link);
	row.has_src4 = source(in, link, 4, &row.src4);
	row.has_src6 = source(in, link, 6, &row.src6);
	*ret_row = row;
}

size_t devices_classify(const struct devices_input *in, struct devices_row **ret_rows)
{
	const struct netlink_snapshot *net = in->net;
	_cleanup_(mem_freep) uint8_t *marks = mem_array(net->n_links, 1);
	struct devices_row *rows = mem_array(net->n_links, sizeof(*rows));
	size_t n = 0;

	mark_names(in, marks);
	mark_ranges(in, marks);
	mark_local(in, marks);
	mark_routes(net, in->remote, in->n_remote, marks, IS_OUTWARD);
	expand_bridges(net, marks);
	for (size_t i = 0; i < net->n_links; i++) {
		bool pod = !(marks[i] & IS_NIC) && marks[i] & IS_POD;

		if (!marks[i] || !is_ethernet(&net->links[i]))
			continue;
		devices_describe(in, &net->links[i], pod ? NARU_POD : NARU_NIC, &rows[n]);
		rows[n++].nic = marks[i] & IS_NIC;
	}
	*ret_rows = rows;
	return n;
}

/* ---- addresses of the node ---- */

static bool is_local_only(const struct addr *addr)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	const uint8_t *byte = addr->byte;

	if (addr_family(addr) == 4)
		return byte[12] == 127 || (byte[12] == 169 && byte[13] == 254);
	return !memcmp(byte, loopback6, 16) || (byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80);
}

size_t devices_node_addrs(const struct netlink_snapshot *net, struct netlink_addr **ret_addrs)
{
	struct netlink_addr *addrs = mem_array(net->n_addrs, sizeof(*addrs));
	size_t n = 0;

	for (size_t i = 0; i < net->n_addrs; i++) {
		if (!is_local_only(&net->addrs[i].addr))
			addrs[n++] = net->addrs[i];
	}
	*ret_addrs = addrs;
	return n;
}
