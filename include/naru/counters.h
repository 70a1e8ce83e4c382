/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Every counter of the packet path, once: id, name, help. A row is enumerator, field of the map,
 * metric label and text of naructl at the same time. Drops come first and have a reason each
 * (invariant: no packet is dropped by us without one of these); then plain events.
 */
#pragma once
#include <linux/types.h>

#define NARU_DROPS(X)                                                                              \
	X(NO_LOCAL_ENDPOINT, no_local_endpoint,                                                    \
	  "the Local policy allows no endpoint of this node")                                      \
	X(SOURCE_RANGE, source_range, "the client is in none of the service's source ranges")      \
	X(FLOWS_FULL, flows_full, "the flow map is full: new flow refused")                        \
	X(SHARE, service_share, "the flow map fills up and the service has its share of it")       \
	X(SNAT_EXHAUSTED, snat_exhausted, "no free source port towards this endpoint")             \
	X(NO_ROUTE, no_route, "the routing table has no way to the next hop")                      \
	X(NO_SOURCE, no_source, "no address of this node to send from")                            \
	X(TTL, ttl_exceeded, "time to live ran out: the sender is told")                           \
	X(TOO_BIG, too_big, "larger than the way to the next hop: the sender is told")             \
	X(REWRITE, rewrite_failed, "the kernel refused to change the packet")                      \
	X(NO_ENDPOINT_ENTRY, no_endpoint_entry, "a list names an endpoint that is not there")      \
	X(VIP_PORT, vip_port_closed, "no route and no service has this port of the address")       \
	X(NO_PROXY, no_proxy, "the proxy listens with no worker")                                  \
	X(NOT_ANNOUNCED, not_announced,                                                            \
	  "ARP or neighbour solicitation for an address that this node does not announce")

#define NARU_EVENTS(X)                                                                             \
	X(FLOW_NEW, flows_created, "flows created")                                                \
	X(FLOW_RECLAIMED, flows_reclaimed, "expired entries reclaimed in the kernel")              \
	X(REJECTED, rejected, "new flows refused: the service has no endpoint")                    \
	X(CLOSED_PORT, closed_port, "new flows refused: no service of the ClusterIP has the port") \
	X(NEIGH_PENDING, neigh_pending, "packets whose next hop had no link address yet")          \
	X(SOCK_TRANSLATED, sockets_translated, "socket operations translated to an endpoint")      \
	X(SOCK_REFUSED, sockets_refused, "socket operations refused: no endpoint")                 \
	X(ICMP_TRANSLATED, icmp_translated, "ICMP errors about packets of flows translated")       \
	X(FRAGMENT_LOST, fragments_unknown,                                                        \
	  "fragments left to the stack: the first one, with the ports, did not come before")       \
	X(HEADERS, headers_unknown, "packets left to the stack for their IPv6 extension headers")  \
	X(STEERED, steered, "opening segments given to the proxy")                                 \
	X(ANNOUNCED, announced, "ARP requests and neighbour solicitations answered")               \
	X(TOLD, announcements, "ARP announcements and unsolicited advertisements sent")            \
	X(CONFLICT, address_conflicts,                                                             \
	  "frames of others that name an address which this node answers for as their own")        \
	X(EVENTS_LOST, events_lost, "events for naructl observe that found the ring full")

#define NARU_COUNTER_ENUM(id, name, help)  NARU_C_##id,
#define NARU_COUNTER_FIELD(id, name, help) __u64 name;
#define NARU_COUNTER_ONE(id, name, help)   +1

enum naru_counter {
	NARU_DROPS(NARU_COUNTER_ENUM) NARU_EVENTS(NARU_COUNTER_ENUM) NARU_C_MAX
};

/* The drop reasons are the counters below this one. */
enum {
	NARU_C_DROPS = 0 NARU_DROPS(NARU_COUNTER_ONE)
};

/* `counters`, one element a CPU: a field each, in the order of enum naru_counter. */
struct naru_counters {
	NARU_DROPS(NARU_COUNTER_FIELD)
	NARU_EVENTS(NARU_COUNTER_FIELD)
};

_Static_assert(sizeof(struct naru_counters) == NARU_C_MAX * sizeof(__u64), "abi");

#undef NARU_COUNTER_ENUM
#undef NARU_COUNTER_FIELD
#undef NARU_COUNTER_ONE
