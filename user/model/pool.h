/* SPDX-License-Identifier: Apache-2.0 */
/* naru.io/v1alpha1 AddressPool, under the rules of object.h. */
#pragma once
#include "model/gateway.h"
#include "model/object.h"

/* The class of pools that name none; all classes that begin with "naru.io/" are naru's. */
#define POOL_CLASS	  "naru.io/load-balancer"
#define POOL_CLASS_PREFIX "naru.io/"

/* All addresses from first to last, of one family. */
struct address_range {
	struct addr first, last;
};

struct address_pool {
	struct object object;
	int64_t created;	      /* seconds since 1970, 0 = unknown */
	struct address_range *ranges; /* in the order of the object; none overlaps another */
	size_t n_ranges;
	char *class_name;   /* which loadBalancerClass Services must have */
	bool without_class; /* also Services that have none */
	bool manual;	    /* only those that ask for this pool or one of its addresses */
	bool disabled;
	/* What labels must say; none: anything. */
	struct selector_requirement *services;
	size_t n_services;
	struct selector_requirement *gateways;
	size_t n_gateways;
	struct selector_requirement *namespaces;
	size_t n_namespaces;
};
