// SPDX-License-Identifier: Apache-2.0
/* dataplane.c calls it. */
#include "dataplane/config.h"

#include <stdlib.h>

#include "base/mem.h"

static const char **copy_strings(const char *const *from, size_t n)
{
	const char **to = mem_array(n, sizeof(*to));

	for (size_t i = 0; i < n; i++)
		to[i] = mem_strdup(from[i]);
	return to;
}

static void free_strings(const char *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)strings[i]);
	free((void *)strings);
}

static const struct cidr *copy_cidrs(const struct cidr *cidrs, size_t n)
{
	struct cidr *copy = mem_array(n, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = cidrs[i];
	return copy;
}

void config_copy(struct dataplane_config *to, const struct dataplane_config *from)
{
	*to = *from;
	to->bpffs_dir = mem_strdup(from->bpffs_dir);
	to->cgroup_dir = from->cgroup_dir ? mem_strdup(from->cgroup_dir) : NULL;
	to->devices = copy_strings(from->devices, from->n_devices);
	to->pod_devices = copy_strings(from->pod_devices, from->n_pod_devices);
	to->nodeport_cidrs = copy_cidrs(from->nodeport_cidrs, from->n_nodeport_cidrs);
	if (!to->l4)
		to->xdp = XDP_MODE_OFF;
}

void config_free(struct dataplane_config *config)
{
	free((char *)config->bpffs_dir);
	free((char *)config->cgroup_dir);
	free_strings(config->devices, config->n_devices);
	free_strings(config->pod_devices, config->n_pod_devices);
	free((void *)config->nodeport_cidrs);
}
