// SPDX-License-Identifier: Apache-2.0
/* Endpoints' states: made by the main thread, let go by any. */
#include "proxy/endpoint.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/registry.h"

static void free_endpoint(struct state *state)
{
	free((struct endpoint *)state);
}

static struct endpoint *endpoint_new(unsigned n_workers, const struct plan_endpoint *plan)
{
	struct endpoint *endpoint =
		mem_aligned(CACHE_LINE, sizeof(*endpoint) + n_workers * sizeof(*endpoint->slots));

	state_init(&endpoint->state, free_endpoint);
	endpoint->addr = plan->addr;
	endpoint->port = plan->port;
	return endpoint;
}

struct endpoint *endpoint_get(struct registry *registry, const char *cluster,
			      const struct plan_endpoint *plan)
{
	_cleanup_(mem_freep) char *key = NULL;
	struct endpoint *endpoint;
	char addr[ADDR_STR_LEN];

	/* Under two clusters it is two: ejections follow a policy. */
	key = mem_printf("endpoint %s %s %u", cluster, addr_format(&plan->addr, addr), plan->port);
	endpoint = (struct endpoint *)registry_find(registry, key);
	if (!endpoint) {
		endpoint = endpoint_new(registry_workers(registry), plan);
		registry_add(registry, key, &endpoint->state);
	}
	return endpoint_ref(endpoint);
}

struct endpoint *endpoint_ref(struct endpoint *endpoint)
{
	state_ref(&endpoint->state);
	return endpoint;
}

void endpoint_unref(struct endpoint *endpoint)
{
	if (endpoint)
		state_unref(&endpoint->state);
}
