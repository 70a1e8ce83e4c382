// SPDX-License-Identifier: Apache-2.0
/* daemon.c calls it, and narud.c for --check: so both come to the same plan. */
#include "daemon/settings.h"

#include "daemon/source.h"
#include "http/regex.h"

struct compile_config settings_compile(const struct options *options, const char *node_name,
				       bool l4)
{
	return (struct compile_config){
		.node_name = node_name,
		.external_ip_cidrs = options->external_ip_cidrs.items,
		.n_external_ip_cidrs = options->external_ip_cidrs.n,
		.announce_cidrs = options->announce_cidrs.items,
		.n_announce_cidrs = options->announce_cidrs.n,
		.gateway_cidrs = options->gateway_cidrs.items,
		.n_gateway_cidrs = options->gateway_cidrs.n,
		.gateway_node_ports = options->gateway_node_ports.items,
		.n_gateway_node_ports = options->gateway_node_ports.n,
		.l4 = l4,
		/* The tenants of an API server shall not reach the node's own services. */
		.loopback_endpoints = source_may_use_loopback(options),
		.check_regex = regex_check,
	};
}
