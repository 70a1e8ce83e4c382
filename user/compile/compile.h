/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From objects to the plan of one node. A pure function: no I/O, no clock, no globals. A wrong
 * object becomes a diagnostic on that object and never stops the others.
 */
#pragma once
#include "model/model.h"
#include "plan/plan.h"

/* What the plan depends on besides objects. Everything is borrowed. */
struct compile_config {
	const char *node_name;
	/* Where Gateways' addresses may lie, but for loopback and nodes' own; none: anywhere. */
	const struct cidr *gateway_cidrs;
	size_t n_gateway_cidrs;
	/* The ports that Gateways may use on addresses of nodes. */
	const uint16_t *gateway_node_ports;
	size_t n_gateway_node_ports;
	/* Where externalIPs may lie; none: nowhere. */
	const struct cidr *external_ip_cidrs;
	size_t n_external_ip_cidrs;
	/* Where addresses of load balancers may lie that nodes answer for; none: nowhere. */
	const struct cidr *announce_cidrs;
	size_t n_announce_cidrs;
	bool l4; /* packets of services are served (--l4 on) */
	/* There is no proxy: Services whose routes allow it are served by layer 4 alone. */
	bool without_proxy;
	/* Headless Services may have endpoints on this node's loopback, for the proxy alone. */
	bool loopback_endpoints;
	/* Why a pattern is no regular expression, to be freed; NULL: it is one. */
	char *(*check_regex)(const char *pattern);
};

/* Never fails; the caller frees the plan with plan_free(). */
struct plan *compile(struct model *model, const struct compile_config *config);

struct slices;
/* The same by slices that are those of the model. */
struct plan *compile_with(const struct slices *slices, struct model *model,
			  const struct compile_config *config);
