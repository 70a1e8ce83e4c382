// SPDX-License-Identifier: Apache-2.0
/*
 * The rules: a node serves while it knows what, and nothing waits for too long; a Service that
 * routes are served on needs the proxy, too. Old knowledge is better than none: it makes narud's
 * own pod unready, for who looks after it and rolls it out, and keeps no traffic from the node.
 */
#include "daemon/probes.h"

#include <string.h>

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/health.h"
#include "daemon/healthz.h"
#include "daemon/source.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

/* Listeners of a Service are named namespace/service:port. */
static bool is_of(const char *listener, const char *namespace, const char *name)
{
	size_t n_namespace = strlen(namespace), n_name = strlen(name);

	return !strncmp(listener, namespace, n_namespace) && listener[n_namespace] == '/' &&
	       !strncmp(listener + n_namespace + 1, name, n_name) &&
	       listener[n_namespace + 1 + n_name] == ':';
}

/* On an address that is the proxy's: without a proxy routes may have none. */
static bool has_routes(const struct plan *plan, const char *namespace, const char *name)
{
	for (size_t i = 0; i < plan->l7.n_binds; i++) {
		const struct plan_bind *bind = &plan->l7.binds[i];

		for (size_t j = 0; j < bind->n_listeners; j++)
			if (is_of(plan->l7.listeners[bind->listeners[j]].name, namespace, name))
				return true;
	}
	return false;
}

static bool serves(void *arg, const char *namespace, const char *name)
{
	const struct daemon *daemon = arg;
	struct feed_status proxy;

	if (progress_is_late(&daemon->progress))
		return false;
	if (!has_routes(daemon->plan, namespace, name))
		return true;
	edge_status(daemon->edge, &proxy);
	return proxy.pid && !proxy.silent && !*proxy.refusal && !daemon->stopping;
}

static bool serves_at(void *arg, const struct addr *local)
{
	const struct daemon *daemon = arg;

	return dataplane_serves_node_ports(daemon->dataplane, local);
}

bool probes_fresh(const struct daemon *daemon)
{
	uint64_t limit_ms = (uint64_t)daemon->options->stale_after * 1000;

	return !limit_ms || source_age_ms(daemon->source) <= limit_ms;
}

static void look(void *arg, struct healthz_state *ret_state)
{
	const struct daemon *daemon = arg;

	*ret_state = (struct healthz_state){
		.healthy = source_is_ready(daemon->source) && !progress_is_late(&daemon->progress),
		.eligible = !daemon->plan->node_leaving,
		.fresh = probes_fresh(daemon) && !daemon->stopping,
		.updated_us = daemon->progress.last_synced_us,
	};
}

/* Without layer 4 somebody else serves Services, and answers for that. */
void probes_open(struct daemon *daemon, void (*changed)(void *arg))
{
	const char *listen = daemon->options->healthz;
	const struct health_config config = {
		.loop = daemon->loop,
		.serves_at = serves_at,
		.serves = serves,
		.changed = changed,
		.arg = daemon,
	};

	if (daemon->l4)
		daemon->health = health_new(&config);
	if (!*listen)
		listen = daemon->l4 ? HEALTHZ_DEFAULT : "off";
	if (strcmp(listen, "off") != 0)
		daemon->healthz = healthz_open(daemon->loop, listen, look, daemon);
}

void probes_close(struct daemon *daemon)
{
	health_free(TAKE_PTR(daemon->health));
	healthz_close(TAKE_PTR(daemon->healthz));
}
