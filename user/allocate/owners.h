/* SPDX-License-Identifier: Apache-2.0 */
/* Services and Gateways that may have addresses of pools, with what they have and ask for. */
#pragma once
#include "allocate/allocate.h"

struct owner_port {
	enum l4_proto proto;
	uint16_t port;
};

struct owner {
	const struct object *object;
	int64_t created;
	const struct label *labels;
	size_t n_labels;
	const char *class_name;	  /* NULL: a Gateway, which any pool may take */
	const char *pool, *key;	  /* asked for, or "" */
	size_t sharing;		  /* 1 + the number of its key, or 0: sharing.h */
	struct owner_port *ports; /* sorted */
	size_t n_ports;
	enum traffic_policy policy;
	/* Indices of families, the first one first; either: one of them is enough. */
	uint8_t families[POOLS_FAMILIES];
	size_t n_families;
	bool either;
	bool all;     /* it needs all of them */
	bool silent;  /* asks for nothing: without an address there is nothing to say */
	bool unasked; /* is to have none, and lose what it has */
	bool managed; /* naru gave it what is in its status */
	/* By family. */
	bool has[POOLS_FAMILIES], wishes[POOLS_FAMILIES];
	struct addr addr[POOLS_FAMILIES], wish[POOLS_FAMILIES];
	size_t next[POOLS_FAMILIES]; /* 1 + the next one that shares the address, or 0 */
	enum allocate_reason reason; /* what went wrong first, or ALLOCATE_ASSIGNED */
	char *message;		     /* about that, or NULL */
};

struct owners {
	struct owner *items; /* by age, kind, namespace, name */
	size_t n, cap;
	/* What others have: they are in the way of everybody. */
	struct addr *nodes, *reserved;
	size_t n_nodes, cap_nodes, n_reserved, cap_reserved;
};

void owners_init(struct owners *owners, struct model *model, const struct pools *pools,
		 const struct allocate_config *config);
void owners_fini(struct owners *owners);

/* The order of ports. For qsort and bsearch. */
int owners_port_rank(const void *a, const void *b);
/* The first thing that went wrong counts. */
void owners_complain(struct owner *owner, enum allocate_reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
