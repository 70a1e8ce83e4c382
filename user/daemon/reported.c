// SPDX-License-Identifier: Apache-2.0
/* Views and metrics call it. A proxy that lies about the order is not found, and no more. */
#include "daemon/reported.h"

#include <stdlib.h>
#include <string.h>

/* The name is the first member of all of them. */
static int name_rank(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

_Static_assert(!offsetof(struct report_rule, name) && !offsetof(struct report_cluster, name) &&
		       !offsetof(struct report_listener, name),
	       "found by their first member");

const struct report_rule *reported_rule(const struct report *report, const char *name)
{
	if (!report || !report->n_rules)
		return NULL;
	return bsearch(name, report->rules, report->n_rules, sizeof(*report->rules), name_rank);
}

const struct report_cluster *reported_cluster(const struct report *report, const char *name)
{
	if (!report || !report->n_clusters)
		return NULL;
	return bsearch(name, report->clusters, report->n_clusters, sizeof(*report->clusters),
		       name_rank);
}

const struct report_listener *reported_listener(const struct report *report, const char *name)
{
	if (!report || !report->n_listeners)
		return NULL;
	return bsearch(name, report->listeners, report->n_listeners, sizeof(*report->listeners),
		       name_rank);
}

static bool is_at(const struct report_endpoint *endpoint, const struct addr *addr, uint16_t port)
{
	return endpoint->port == port && !addr_compare(&endpoint->addr, addr);
}

const struct report_endpoint *reported_endpoint(const struct report_cluster *cluster, size_t hint,
						const struct addr *addr, uint16_t port)
{
	if (!cluster)
		return NULL;
	if (hint < cluster->n_endpoints && is_at(&cluster->endpoints[hint], addr, port))
		return &cluster->endpoints[hint];
	for (size_t i = 0; i < cluster->n_endpoints; i++)
		if (is_at(&cluster->endpoints[i], addr, port))
			return &cluster->endpoints[i];
	return NULL;
}
