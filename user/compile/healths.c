// SPDX-License-Identifier: Apache-2.0
/*
 * healthCheckNodePorts of Services of type LoadBalancer whose externalTrafficPolicy is Local. An
 * endpoint counts once, however many ports and slices have it, and only while it is ready: load
 * balancers shall turn away before the last one ends. A pod has an address in each family, so the
 * family that has more of them counts the pods. compile.c calls it.
 */
#include "compile/healths.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/problem.h"

static size_t count_local(const struct service *service, const struct slices *slices, int family)
{
	const struct endpoint_slice *const *slice;
	_cleanup_(mem_freep) struct addr *addrs = NULL;
	size_t n_slices = slices_of(slices, &service->object, &slice), n = 0, cap = 0, count = 0;

	for (size_t i = 0; i < n_slices; i++) {
		if (slice[i]->family != family)
			continue;
		for (size_t j = 0; j < slice[i]->n_endpoints; j++) {
			const struct slice_endpoint *ep = &slice[i]->endpoints[j];

			if (!ep->ready || !ep->n_addrs || strcmp(ep->node, slices->node) != 0 ||
			    !slices_usable_endpoint(slices, service, &ep->addrs[0]))
				continue;
			addrs = mem_grow(addrs, n, &cap, sizeof(*addrs));
			addrs[n++] = ep->addrs[0];
		}
	}
	if (n)
		qsort(addrs, n, sizeof(*addrs), addr_rank);
	for (size_t i = 0; i < n; i++)
		count += !i || addr_compare(&addrs[i], &addrs[i - 1]);
	return count;
}

/* The health in the list that has the port, or NULL. */
static const struct plan_health *find_port(const struct plan *plan, const uint32_t *owner,
					   uint16_t port)
{
	return owner[port] ? &plan->healths[owner[port] - 1] : NULL;
}

static bool is_asked(const struct service *service)
{
	return service->type == SERVICE_LOAD_BALANCER && service->health_check_port &&
	       service->external_policy == POLICY_LOCAL;
}

/* A pod has an address in each family. */
static size_t count_pods(const struct service *service, const struct slices *slices)
{
	size_t four = count_local(service, slices, 4), six = count_local(service, slices, 6);

	return four > six ? four : six;
}

static void add_health(const struct service *service, const struct slices *slices, uint32_t *owner,
		       struct plan *plan)
{
	const uint16_t port = service->health_check_port;
	const struct plan_health *other = find_port(plan, owner, port);

	if (other) {
		problem_add(&plan->diags, DIAG_ERROR, &service->object, "spec.healthCheckNodePort",
			    "port %u already answers for Service %s/%s", port, other->namespace,
			    other->name);
		diag_mark(&plan->diags, DIAG_PORT);
		return;
	}
	plan->healths[plan->n_healths++] = (struct plan_health){
		.namespace = mem_strdup(service->object.namespace),
		.name = mem_strdup(service->object.name),
		.port = port,
		.local_ready = count_pods(service, slices),
	};
	owner[port] = (uint32_t)plan->n_healths;
}

/* Drafts of a Service stand together, Services in the order of their names. */
void healths_list(const struct drafts *drafts, const struct slices *slices, struct plan *plan)
{
	_cleanup_(mem_freep) uint32_t *owner = NULL; /* 1 + the index of who has a port */
	const struct service *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < drafts->n_services; i++)
		n += is_asked(drafts->items[i].service);
	if (!n)
		return;
	owner = mem_array(UINT16_MAX + 1, sizeof(*owner));
	plan->healths = mem_array(n, sizeof(*plan->healths));
	for (size_t i = 0; i < drafts->n_services; i++) {
		const struct service *service = drafts->items[i].service;

		if (service != last && is_asked(service))
			add_health(service, slices, owner, plan);
		last = service;
	}
}

static int owner_compare(const void *key, const void *health)
{
	const struct service *service = key;
	const struct plan_health *h = health;
	int order = strcmp(service->object.namespace, h->namespace);

	return order ? order : strcmp(service->object.name, h->name);
}

bool healths_follow(const struct service *service, const struct slices *slices, struct plan *plan)
{
	struct plan_health *health = NULL;
	size_t former;

	if (plan->n_healths)
		health = bsearch(service, plan->healths, plan->n_healths, sizeof(*plan->healths),
				 owner_compare);
	if (!health)
		return false;
	former = health->local_ready;
	health->local_ready = count_pods(service, slices);
	return health->local_ready != former;
}
