/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned maps by name, once: load.c fills the descriptors, everybody else borrows them. A map
 * that the programs share but that is not in this list is private to its object.
 */
#pragma once

#define MAPS(X)                                                                                    \
	X(svc)                                                                                     \
	X(svc_name)                                                                                \
	X(lut)                                                                                     \
	X(ep_list)                                                                                 \
	X(endpoint)                                                                                \
	X(flow4)                                                                                   \
	X(flow6)                                                                                   \
	X(node_addr)                                                                               \
	X(device)                                                                                  \
	X(filter)                                                                                  \
	X(state)                                                                                   \
	X(counters)                                                                                \
	X(meta)

#define MAPS_FIELD(name) int name;

struct maps {
	MAPS(MAPS_FIELD)
};

#undef MAPS_FIELD
