/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink by libmnl. dataplane/ dumps and subscribes. Dumps use a socket of their own, so that
 * their answers never mix with notifications; the order "subscribe, then dump" misses nothing.
 */
#include "base/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/netlink_inner.h"

/* The same in every network namespace. */
#define LOOPBACK_IFINDEX 1

#define BUFFER_SIZE   32768
#define RECEIVE_QUEUE (4 << 20)

/* ---- attributes ---- */

#define ATTRS_MAX 64

struct attrs {
	const struct nlattr *at[ATTRS_MAX];
};

static int on_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < ATTRS_MAX)
		attrs->at[type] = attr;
	return MNL_CB_OK;
}

static uint32_t attr_u32(const struct attrs *attrs, int type)
{
	const struct nlattr *attr = attrs->at[type];

	return attr && mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : 0;
}

static void attr_text(const struct nlattr *attr, char *buf, size_t size)
{
	size_t len = attr ? strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)) : 0;

	len = len < size ? len : size - 1;
	memset(buf, 0, size);
	if (len)
		memcpy(buf, mnl_attr_get_payload(attr), len);
}

/* False when the attribute is absent or no address. */
static bool attr_addr(const struct nlattr *attr, struct addr *ret_addr)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff } };
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	if (len != 4 && len != 16)
		return false;
	memcpy(addr.byte + 16 - len, mnl_attr_get_payload(attr), len);
	*ret_addr = addr;
	return true;
}

/* ---- dumps ---- */

static int socket_open(unsigned groups, int flags, struct mnl_socket **ret_socket)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		int r = -errno;

		mnl_socket_close(nl);
		return r;
	}
	*ret_socket = nl;
	return 0;
}

int netlink_answers(struct mnl_socket *nl, uint32_t seq, mnl_cb_t fn, void *arg)
{
	_cleanup_(mem_freep) char *buf = mem_array(BUFFER_SIZE, 1);
	int r = MNL_CB_OK;

	while (r > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, buf, BUFFER_SIZE);

		if (len < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)len, seq, mnl_socket_get_portid(nl), fn, arg);
	}
	return r < 0 ? -errno : 0;
}

/* A dump request with a header of header_len bytes, filled from `header`. */
static int dump_once(uint16_t type, const void *header, size_t header_len, mnl_cb_t fn, void *arg)
{
	char buf[256];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = NULL;
	int r;

	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	msg->nlmsg_seq = (uint32_t)clock_ms();
	memcpy(mnl_nlmsg_put_extra_header(msg, header_len), header, header_len);
	r = socket_open(0, 0, &nl);
	if (r)
		return r;
	if (mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0)
		r = -errno;
	else
		r = netlink_answers(nl, msg->nlmsg_seq, fn, arg);
	mnl_socket_close(nl);
	return r;
}

static int on_link(const struct nlmsghdr *msg, void *arg)
{
	struct netlink_snapshot *s = arg;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	struct attrs attrs = {}, more = {};
	struct netlink_link *link;

	mnl_attr_parse(msg, sizeof(*info), on_attr, &attrs);
	if (attrs.at[IFLA_LINKINFO])
		mnl_attr_parse_nested(attrs.at[IFLA_LINKINFO], on_attr, &more);
	s->links = mem_grow(s->links, s->n_links, &s->cap_links, sizeof(*s->links));
	link = &s->links[s->n_links++];
	memset(link, 0, sizeof(*link));
	link->ifindex = (uint32_t)info->ifi_index;
	link->type = info->ifi_type;
	link->flags = info->ifi_flags;
	link->mtu = attr_u32(&attrs, IFLA_MTU);
	link->changes = attr_u32(&attrs, IFLA_CARRIER_CHANGES);
	link->master = attr_u32(&attrs, IFLA_MASTER);
	/* A veth names its peer here, which lives elsewhere. */
	link->lower = attrs.at[IFLA_LINK_NETNSID] ? 0 : attr_u32(&attrs, IFLA_LINK);
	attr_text(attrs.at[IFLA_IFNAME], link->name, sizeof(link->name));
	if (attrs.at[IFLA_ADDRESS] && mnl_attr_get_payload_len(attrs.at[IFLA_ADDRESS]) == 6)
		memcpy(link->mac, mnl_attr_get_payload(attrs.at[IFLA_ADDRESS]), 6);
	attr_text(more.at[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
	return MNL_CB_OK;
}

static void add_local(struct netlink_snapshot *s, const struct cidr *dst, uint8_t protocol)
{
	s->locals = mem_grow(s->locals, s->n_locals, &s->cap_locals, sizeof(*s->locals));
	s->locals[s->n_locals++] = (struct netlink_local){ *dst, protocol };
}

static int on_addr(const struct nlmsghdr *msg, void *arg)
{
	struct netlink_snapshot *s = arg;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
	struct netlink_addr item = { .ifindex = info->ifa_index, .scope = info->ifa_scope };
	struct attrs attrs = {};

	mnl_attr_parse(msg, sizeof(*info), on_attr, &attrs);
	item.flags = attrs.at[IFA_FLAGS] ? attr_u32(&attrs, IFA_FLAGS) : info->ifa_flags;
	/* On point-to-point devices IFA_ADDRESS is the other end. */
	if (!attr_addr(attrs.at[IFA_LOCAL], &item.addr) &&
	    !attr_addr(attrs.at[IFA_ADDRESS], &item.addr))
		return MNL_CB_OK;
	s->addrs = mem_grow(s->addrs, s->n_addrs, &s->cap_addrs, sizeof(*s->addrs));
	s->addrs[s->n_addrs++] = item;
	add_local(s, &(struct cidr){ item.addr, 128 }, RTPROT_KERNEL);
	return MNL_CB_OK;
}

static void add_route(struct netlink_snapshot *s, const struct netlink_route *route)
{
	if (!route->ifindex)
		return;
	s->routes = mem_grow(s->routes, s->n_routes, &s->cap_routes, sizeof(*s->routes));
	s->routes[s->n_routes++] = *route;
}

static void add_hops(struct netlink_snapshot *s, struct netlink_route *route,
		     const struct nlattr *multipath)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);

	for (; RTNH_OK(hop, left); left -= (int)RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		route->ifindex = (uint32_t)hop->rtnh_ifindex;
		add_route(s, route);
	}
}

static int on_route(const struct nlmsghdr *msg, void *arg)
{
	struct netlink_snapshot *s = arg;
	const struct rtmsg *info = mnl_nlmsg_get_payload(msg);
	struct netlink_route route = {};
	struct attrs attrs = {};
	uint32_t table;

	mnl_attr_parse(msg, sizeof(*info), on_attr, &attrs);
	table = attrs.at[RTA_TABLE] ? attr_u32(&attrs, RTA_TABLE) : info->rtm_table;
	if (info->rtm_flags & RTM_F_CLONED ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return MNL_CB_OK;
	if (info->rtm_family == AF_INET)
		route.dst.addr.byte[10] = route.dst.addr.byte[11] = 0xff;
	attr_addr(attrs.at[RTA_DST], &route.dst.addr);
	route.dst.len = (uint8_t)(info->rtm_dst_len + (info->rtm_family == AF_INET ? 96 : 0));
	if (table == RT_TABLE_LOCAL && info->rtm_type == RTN_LOCAL)
		add_local(s, &route.dst, info->rtm_protocol);
	if (table != RT_TABLE_MAIN || info->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	route.metric = attr_u32(&attrs, RTA_PRIORITY);
	route.has_prefsrc = attr_addr(attrs.at[RTA_PREFSRC], &route.prefsrc);
	route.ifindex = attr_u32(&attrs, RTA_OIF);
	if (attrs.at[RTA_MULTIPATH])
		add_hops(s, &route, attrs.at[RTA_MULTIPATH]);
	else
		add_route(s, &route);
	return MNL_CB_OK;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct netlink_link *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int dump_all(struct netlink_snapshot *ret_snapshot)
{
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot s = {};
	const struct ifinfomsg link = {};
	const struct ifaddrmsg addr = {};
	const struct rtmsg route = {};
	int r = dump_once(RTM_GETLINK, &link, sizeof(link), on_link, &s);

	if (!r)
		r = dump_once(RTM_GETADDR, &addr, sizeof(addr), on_addr, &s);
	if (!r)
		r = dump_once(RTM_GETROUTE, &route, sizeof(route), on_route, &s);
	if (r)
		return r;
	if (s.n_links)
		qsort(s.links, s.n_links, sizeof(*s.links), by_ifindex);
	*ret_snapshot = s;
	s = (struct netlink_snapshot){};
	return 0;
}

int netlink_dump(struct netlink_snapshot *ret_snapshot)
{
	int r = -EINTR;

	/* A change in the middle of a dump makes it void. */
	for (int i = 0; i < 8 && r == -EINTR; i++)
		r = dump_all(ret_snapshot);
	return r;
}

void netlink_snapshot_fini(struct netlink_snapshot *snapshot)
{
	free(snapshot->links);
	free(snapshot->addrs);
	free(snapshot->routes);
	free(snapshot->locals);
	*snapshot = (struct netlink_snapshot){};
}

const struct netlink_link *netlink_find_link(const struct netlink_snapshot *snapshot,
					     uint32_t ifindex)
{
	const struct netlink_link key = { .ifindex = ifindex };

	if (!snapshot->n_links)
		return NULL;
	return bsearch(&key, snapshot->links, snapshot->n_links, sizeof(key), by_ifindex);
}

static int on_filter(const struct nlmsghdr *msg, void *arg)
{
	bool *found = arg;

	if (msg->nlmsg_type == RTM_NEWTFILTER)
		*found = true;
	return MNL_CB_OK;
}

int netlink_has_filters(uint32_t ifindex)
{
	static const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(parents) && !found; i++) {
		const struct tcmsg header = {
			.tcm_ifindex = (int)ifindex,
			.tcm_parent = parents[i],
		};
		int r = dump_once(RTM_GETTFILTER, &header, sizeof(header), on_filter, &found);

		if (r)
			return r;
	}
	return found;
}

/* ---- local routes ---- */

static int on_done(const struct nlmsghdr *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return MNL_CB_OK;
}

/* One request that the kernel answers by its success alone. */
static int change(struct nlmsghdr *msg)
{
	struct mnl_socket *nl = NULL;
	int r = socket_open(0, 0, &nl);

	if (r)
		return r;
	msg->nlmsg_seq = (uint32_t)clock_ms();
	msg->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0)
		r = -errno;
	else
		r = netlink_answers(nl, msg->nlmsg_seq, on_done, NULL);
	mnl_socket_close(nl);
	return r;
}

static int change_local(uint16_t type, uint16_t flags, const struct addr *addr, uint8_t protocol)
{
	char buf[256];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct rtmsg *route;
	size_t len = addr_family(addr) == 4 ? 4 : 16;

	msg->nlmsg_type = type;
	msg->nlmsg_flags = flags;
	route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));
	route->rtm_family = len == 4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = (uint8_t)(len * 8);
	route->rtm_table = RT_TABLE_LOCAL;
	route->rtm_protocol = protocol;
	route->rtm_scope = RT_SCOPE_HOST;
	route->rtm_type = RTN_LOCAL;
	mnl_attr_put(msg, RTA_DST, len, addr->byte + 16 - len);
	mnl_attr_put_u32(msg, RTA_OIF, LOOPBACK_IFINDEX);
	return change(msg);
}

int netlink_local_add(const struct addr *addr, uint8_t protocol)
{
	int r = change_local(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, addr, protocol);

	return r == -EEXIST ? 0 : r;
}

int netlink_local_remove(const struct addr *addr, uint8_t protocol)
{
	int r = change_local(RTM_DELROUTE, 0, addr, protocol);

	return r == -ESRCH ? 0 : r;
}

/* ---- notifications ---- */

struct neigh_key {
	uint32_t ifindex;
	uint8_t addr[16];
};

struct neigh {
	UT_hash_handle hh;
	struct neigh_key key;
	uint8_t lladdr[8];
	uint8_t len; /* 0: not resolved */
};

struct netlink {
	struct mnl_socket *nl;
	struct neigh *neighs;
};

/* True when the entry's usable link-layer address is not what it was. */
static bool on_neigh(struct netlink *netlink, const struct nlmsghdr *msg)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(msg);
	struct neigh_key key = { .ifindex = (uint32_t)info->ndm_ifindex };
	struct attrs attrs = {};
	struct addr addr;
	struct neigh *neigh;
	uint8_t lladdr[8] = {}, len = 0;
	bool gone =
		msg->nlmsg_type == RTM_DELNEIGH || info->ndm_state & (NUD_FAILED | NUD_INCOMPLETE);
	bool changed;

	mnl_attr_parse(msg, sizeof(*info), on_attr, &attrs);
	if (!attr_addr(attrs.at[NDA_DST], &addr))
		return false;
	memcpy(key.addr, addr.byte, sizeof(key.addr));
	if (attrs.at[NDA_LLADDR] && !gone) {
		size_t size = mnl_attr_get_payload_len(attrs.at[NDA_LLADDR]);

		len = (uint8_t)(size < sizeof(lladdr) ? size : sizeof(lladdr));
		memcpy(lladdr, mnl_attr_get_payload(attrs.at[NDA_LLADDR]), len);
	}
	HASH_FIND(hh, netlink->neighs, &key, sizeof(key), neigh);
	changed = neigh && (neigh->len != len || memcmp(neigh->lladdr, lladdr, sizeof(lladdr)));
	if (!len && neigh) {
		HASH_DEL(netlink->neighs, neigh);
		free(neigh);
		return true;
	}
	if (!neigh && len) {
		neigh = mem_new(sizeof(*neigh));
		neigh->key = key;
		HASH_ADD(hh, netlink->neighs, key, sizeof(key), neigh);
	}
	if (neigh) {
		memcpy(neigh->lladdr, lladdr, sizeof(lladdr));
		neigh->len = len;
	}
	return changed;
}

static int on_dumped_neigh(const struct nlmsghdr *msg, void *arg)
{
	on_neigh(arg, msg);
	return MNL_CB_OK;
}

int netlink_open(struct netlink **ret_netlink)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR |
				RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	const struct ndmsg header = {};
	struct netlink *netlink = mem_new(sizeof(*netlink));
	int size = RECEIVE_QUEUE;
	int r = socket_open(groups, SOCK_NONBLOCK, &netlink->nl);

	if (!r) {
		/* Larger than the system's limit if we may, for nodes with much churn. */
		(void)setsockopt(netlink_fd(netlink), SOL_SOCKET, SO_RCVBUFFORCE, &size,
				 sizeof(size));
		r = dump_once(RTM_GETNEIGH, &header, sizeof(header), on_dumped_neigh, netlink);
	}
	if (r) {
		netlink_close(netlink);
		return r;
	}
	*ret_netlink = netlink;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	struct neigh *neigh, *next;

	if (!netlink)
		return;
	HASH_ITER (hh, netlink->neighs, neigh, next) {
		HASH_DEL(netlink->neighs, neigh);
		free(neigh);
	}
	if (netlink->nl)
		mnl_socket_close(netlink->nl);
	free(netlink);
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->nl);
}

struct reading {
	struct netlink *netlink;
	unsigned changed;
};

static int on_event(const struct nlmsghdr *msg, void *arg)
{
	struct reading *reading = arg;

	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		reading->changed |= NETLINK_LINKS;
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		reading->changed |= NETLINK_ADDRS;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		reading->changed |= NETLINK_ROUTES;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (on_neigh(reading->netlink, msg))
			reading->changed |= NETLINK_NEIGHS;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

unsigned netlink_read(struct netlink *netlink)
{
	_cleanup_(mem_freep) char *buf = mem_array(BUFFER_SIZE, 1);
	struct reading reading = { .netlink = netlink };

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(netlink->nl, buf, BUFFER_SIZE);

		if (len < 0 && errno == ENOBUFS) {
			reading.changed =
				NETLINK_LINKS | NETLINK_ADDRS | NETLINK_ROUTES | NETLINK_NEIGHS;
			continue;
		}
		if (len <= 0)
			break;
		mnl_cb_run(buf, (size_t)len, 0, 0, on_event, &reading);
	}
	return reading.changed;
}
