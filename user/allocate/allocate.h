/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address of which AddressPool every Service of type LoadBalancer and every Gateway has. A
 * pure function of the objects: whoever asks, in whatever order objects came, the answer is the
 * same. In this order, each by age and then by name:
 *
 * 1. What is in a status already stays, if nobody else has it and it is no node's; also when its
 *    pool was removed, shrunk or disabled since. So a new leader gives out nothing before it
 *    knows what its predecessor gave.
 * 2. Who asked for certain addresses or for a pool gets them, if they are free; until then what it
 *    has stays.
 * 3. The rest get a free address: from the first range of the first pool by name that has one, at
 *    a place that the hash of their name tells, or the next free one after it. So an object that
 *    goes and comes back has its address again, where nobody took it meanwhile; and where nobody
 *    can keep statuses, most addresses stay when objects come and go.
 *
 * Services and Gateways of one namespace with the same sharing key have an address together, as
 * long as their ports differ and their policies do not.
 */
#pragma once
#include "allocate/pools.h"
#include "model/model.h"

/* What it depends on besides objects. Borrowed. */
struct allocate_config {
	/* Where addresses of Gateways may lie besides pools; none: anywhere. */
	const struct cidr *gateway_cidrs;
	size_t n_gateway_cidrs;
	/* Where externalIPs may lie; none: nowhere. */
	const struct cidr *external_ip_cidrs;
	size_t n_external_ip_cidrs;
	/* There is nobody to write statuses: those of Services are their authors' and stay. */
	bool local;
};

enum allocate_reason {
	ALLOCATE_ASSIGNED,
	ALLOCATE_KEPT, /* an address of no pool any more */
	ALLOCATE_NO_POOL,
	ALLOCATE_EXHAUSTED,
	ALLOCATE_SHARING_LIMIT, /* of addresses of a key, or of owners of an address */
	ALLOCATE_INVALID,	/* what was asked for cannot be read */
	ALLOCATE_NOT_IN_POOL,	/* it lies in no pool that the object may have addresses of */
	ALLOCATE_TAKEN,
	ALLOCATE_PORT_CLASH,   /* with whom it was to be shared */
	ALLOCATE_POLICY_CLASH, /* the same */
	ALLOCATE_NOT_ASKED,    /* of a type that needs no address, or served otherwise */
	ALLOCATE_REASON_MAX,
};

struct allocate_addr {
	struct addr addr;
	const struct address_pool *pool; /* NULL: of none any more */
};

/* One for every object that naru answers for. */
struct assignment {
	const struct object *object; /* the model's */
	struct allocate_addr addrs[POOLS_FAMILIES];
	size_t n; /* how many it has, in the order of families that it asks for */
	enum allocate_reason reason;
	bool holds; /* it has all that it needs */
	char *message;
};

struct allocation {
	struct assignment *items; /* by kind, namespace, name */
	size_t n;
	struct pools pools; /* with what is used of them */
};

void allocate(struct model *model, const struct allocate_config *config,
	      struct allocation *ret_allocation);
void allocate_fini(struct allocation *allocation);

/* "PoolExhausted", as conditions have it. */
const char *allocate_reason_name(enum allocate_reason reason);
/* NULL: naru gives this object no address. */
const struct assignment *allocate_find(const struct allocation *allocation,
				       const struct object *object);
