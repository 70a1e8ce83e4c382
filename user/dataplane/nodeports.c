/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/nodeports.h"

bool nodeports_at(const struct dataplane_config *config, const struct addr *addr, bool primary)
{
	bool all = !config->nodeport_primary;

	for (size_t i = 0; i < config->n_nodeport_cidrs; i++) {
		if (addr_family(&config->nodeport_cidrs[i].addr) != addr_family(addr))
			continue;
		if (cidr_contains(&config->nodeport_cidrs[i], addr))
			return true;
		all = false;
	}
	return all || (config->nodeport_primary && primary);
}

bool nodeports_on_loopback(const struct dataplane_config *config, int family)
{
	static const struct addr v4 = { .byte = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
				 v6 = { .byte = { [15] = 1 } };

	return nodeports_at(config, family == 4 ? &v4 : &v6, false);
}
