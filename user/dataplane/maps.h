/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned maps by name, once: load.c fills the descriptors, everybody else borrows them. A map
 * that the programs share but that is not in this list is private to its object.
 */
#pragma once

/* What every program may use. */
#define MAPS_NODE(X)                                                                               \
	X(device)                                                                                  \
	X(steer_vip)                                                                               \
	X(answering)                                                                               \
	X(conflict)                                                                                \
	X(counters)                                                                                \
	X(meta)

/* Layer 4's: not there when it is off. */
#define MAPS_L4(X)                                                                                 \
	X(svc)                                                                                     \
	X(svc_name)                                                                                \
	X(lut)                                                                                     \
	X(ep_list)                                                                                 \
	X(endpoint)                                                                                \
	X(flow4)                                                                                   \
	X(flow6)                                                                                   \
	X(table4)                                                                                  \
	X(table6)                                                                                  \
	X(hops)                                                                                    \
	X(node_addr)                                                                               \
	X(source_range)                                                                            \
	X(svc_flows)                                                                               \
	X(affinity)                                                                                \
	X(filter)                                                                                  \
	X(events)                                                                                  \
	X(svc_drop)                                                                                \
	X(svc_stat)                                                                                \
	X(state)

/* The sockets' part of it. */
#define MAPS_SOCK(X)                                                                               \
	X(sock_peer)                                                                               \
	X(sock)                                                                                    \
	X(sock_off)

#define MAPS_STEER(X)                                                                              \
	X(steer)                                                                                   \
	X(steer_workers)                                                                           \
	X(steer_sock)

#define MAPS(X) MAPS_NODE(X) MAPS_L4(X) MAPS_SOCK(X) MAPS_STEER(X)

#define MAPS_FIELD(name) int name;

struct maps {
	MAPS(MAPS_FIELD)
};

#undef MAPS_FIELD
