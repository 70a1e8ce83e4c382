/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layer 7 in the making: what the steps hand to each other. They run in this order: gateways.c
 * (which listeners there are), addresses.c and binds.c (where), attach.c and mesh.c (which routes
 * they take), rules.c (what the routes say), verdicts.c (what the objects are told), assemble.c
 * (everything in the plan's order). Objects and strings are the model's.
 */
#pragma once
#include "compile/compile.h"
#include "compile/draft.h"
#include "compile/slices.h"
#include "model/gateway.h"

#define LAYER7_GROUP "gateway.networking.k8s.io"

/* The address of a Gateway that names none. */
#define LAYER7_EVERYWHERE SIZE_MAX

/* Room for the path of a field. */
#define LAYER7_FIELD_LEN 128

/* A Gateway of our class; all its listeners have a draft. */
struct gate {
	const struct gateway *gateway;
	size_t first; /* of its listeners */
	bool refused; /* serves nothing, whatever its listeners say */
	/* For each of spec.addresses, then of status.addresses: some listener is served there. */
	bool *addressed;
	bool everywhere; /* some listener is served on all nodes */
	struct verdict_conditions said;
};

struct listener_draft {
	struct plan_listener plan; /* still without certificates and hosts */
	const struct gateway *gateway;
	const struct service *service; /* one of the two */
	size_t index;		       /* in spec.listeners, in spec.ports */
	const struct secret **secrets; /* of the certificates */
	size_t n_secrets;
	size_t gate;	   /* of its Gateway */
	size_t counted;	   /* 1 + the last route that was counted */
	uint32_t attached; /* routes */
	struct verdict_conditions said;
	bool usable;
	bool bound;	/* has an address on this node: is in the plan */
	bool elsewhere; /* has one that is another node's to serve */
	uint32_t place; /* in the plan */
};

struct bind_draft {
	struct addr addr;
	uint16_t port;
	size_t listener;
	size_t address; /* in the gate's addressed, or LAYER7_EVERYWHERE */
	bool elsewhere; /* another node's to serve: settled here, too, and then dropped */
	bool vip;	/* the node has to make the address its own */
	bool node;	/* an address of this node */
	bool cluster_ip;
};

/* A parentRef. */
struct parent_draft {
	bool ours; /* its object is there and ours to answer for */
	struct verdict_conditions said;
};

struct route_draft {
	const struct http_route *route;
	struct parent_draft *parents;
	size_t n_dropped;		/* rules of which nothing is served */
	struct verdict_conditions said; /* towards all parents */
	bool ours;			/* some parent is ours to answer for */
	bool served;			/* some listener in the plan takes it */
	size_t first_match, n_matches;
};

/* A listener takes a route for a host. */
struct attachment {
	size_t listener;
	const char *host;
	size_t route;
};

/* Precedence of a match, beside that of the plan. */
struct match_draft {
	struct plan_match plan;
	size_t route;
};

/* A backend of a rule, in the order of rules and backends. */
struct cluster_ref {
	const struct service *service;
	const struct service_port *port;
	char *name;
};

struct layer7 {
	struct model *model;
	const struct compile_config *config;
	const struct slices *slices;
	struct drafts *drafts; /* layer 4's, their frontends granted */
	struct diag_list *diags;
	struct plan_l7 *plan;
	struct verdicts *verdicts; /* of the plan */

	struct gate *gates; /* by namespace and name */
	size_t n_gates, cap_gates;
	struct listener_draft *listeners;
	size_t n_listeners, cap_listeners;
	struct bind_draft *binds;
	size_t n_binds, cap_binds;
	struct route_draft *routes; /* by namespace and name */
	size_t n_routes;
	struct attachment *attachments;
	size_t n_attachments, cap_attachments;
	struct plan_rule *rules;
	size_t n_rules, cap_rules;
	struct match_draft *matches;
	size_t n_matches, cap_matches;
	struct cluster_ref *refs; /* plan_backend.cluster is an index of these until the end */
	size_t n_refs, cap_refs;
};

/*
 * Fills plan->l7 and takes from the drafts the frontends that the proxy serves instead. config and
 * slices are borrowed.
 */
void layer7_compile(struct model *model, const struct compile_config *config,
		    const struct slices *slices, struct drafts *drafts, struct plan *plan);

/* The older one first; of unknown age is the newest; then by namespace and name. */
int layer7_age_compare(const struct object *a, int64_t created_a, const struct object *b,
		       int64_t created_b);
