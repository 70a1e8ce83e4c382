// SPDX-License-Identifier: Apache-2.0
/* daemon.c calls it: options into what dataplane/ goes by. */
#include "daemon/packets.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/privileges.h"
#include "dataplane/dataplane.h"

#define LOCK_MS 5000 /* for the lock of a narud that is taken over from */

/* A connection of this host from a port that narud hands out as well would lose its answers. */
static void warn_of_overlap(const struct option_range *ours)
{
	_cleanup_(mem_closefilep) FILE *file =
		fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned min, max;

	if (!file || fscanf(file, "%u %u", &min, &max) != 2)
		return;
	if (ours->min <= max && ours->max >= min)
		log_warn("--snat-ports %u-%u overlaps net.ipv4.ip_local_port_range %u-%u: "
			 "connections of this host may lose answers",
			 ours->min, ours->max, min, max);
}

int packets_open(struct daemon *daemon)
{
	const struct options *options = daemon->options;
	const struct dataplane_config config = {
		.bpffs_dir = options->bpffs,
		.l4 = daemon->l4,
		.cgroup_dir = *options->cgroup ? options->cgroup : NULL,
		.devices = (const char *const *)options->devices.items,
		.n_devices = options->devices.n,
		.pod_devices = (const char *const *)options->pod_devices.items,
		.n_pod_devices = options->pod_devices.n,
		.nodeport_cidrs = options->nodeport_addresses.cidrs.items,
		.n_nodeport_cidrs = options->nodeport_addresses.cidrs.n,
		.nodeport_primary = options->nodeport_addresses.primary,
		.xdp = (enum xdp_mode)options->xdp,
		.snat_min = options->snat_ports.min,
		.snat_max = options->snat_ports.max,
		.bypass_netfilter = options->bypass_netfilter,
		.flow_hash = options->flow_table == OPTIONS_FLOW_TABLE_HASH,
		.force_clsact = options->tc == OPTIONS_TC_CLSACT,
		.verify_s = options->verify_every,
		.wait_ms = options->take_over == OPTIONS_TAKE_OVER_OFF ? 0 : LOCK_MS,
	};
	int r;

	if (daemon->dataplane)
		return dataplane_resume(daemon->dataplane);
	if (!daemon->steering)
		return 0;
	if (daemon->l4)
		warn_of_overlap(&options->snat_ports);
	r = dataplane_open(&config, &daemon->dataplane);
	privileges_drop_perfmon();
	if (r < 0 && r != -EBUSY && !daemon->l4) {
		log_warn("Gateways are served by ordinary sockets");
		return 0;
	}
	return r;
}
