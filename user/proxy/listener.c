// SPDX-License-Identifier: Apache-2.0
/* A table's listener: hosts to paths, and the walk from the most specific host on. */
#include "proxy/listener.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proxy/paths.h"
#include "proxy/registry.h"
#include "proxy/tally.h"

enum counter {
	REQUESTS,
	NOT_FOUND,
	N_COUNTERS
};

void listener_init(struct listener *listener, struct registry *registry,
		   const struct plan_listener *plan, const struct match *matches)
{
	_cleanup_(mem_freep) char *key = mem_printf("listener %s", plan->name);

	*listener = (struct listener){
		.plan = plan,
		.certs = mem_array(plan->n_certs, sizeof(*listener->certs)),
		.paths = mem_array(plan->n_hosts, sizeof(*listener->paths)),
		.tally = tally_get(registry, key, N_COUNTERS),
	};
	for (size_t i = 0; i < plan->n_hosts; i++) {
		listener->paths[i] = paths_new(&plan->hosts[i], matches);
		hostmap_add(&listener->hosts, plan->hosts[i].name, listener->paths[i]);
	}
}

void listener_fini(struct listener *listener)
{
	for (size_t i = 0; i < listener->n_certs; i++)
		tls_cert_unref(listener->certs[i]);
	free(listener->certs);
	for (size_t i = 0; listener->plan && i < listener->plan->n_hosts; i++)
		paths_free(listener->paths[i]);
	free(listener->paths);
	hostmap_fini(&listener->hosts);
	tally_unref(listener->tally);
	*listener = (struct listener){ 0 };
}

int listener_find(const struct listener *listener, const struct match_subject *subject,
		  const struct match **ret_match)
{
	struct hostmap_walk walk;
	const struct paths *paths;

	hostmap_start(&walk, &listener->hosts, subject->request->host);
	while ((paths = hostmap_next(&walk))) {
		int r = paths_find(paths, subject, ret_match);

		if (r)
			return r;
	}
	return 0;
}

void listener_count(const struct listener *listener, unsigned worker, bool found)
{
	tally_count(listener->tally, worker, REQUESTS);
	if (!found)
		tally_count(listener->tally, worker, NOT_FOUND);
}

void listener_report(const struct listener *listener, struct report_listener *ret_report)
{
	*ret_report = (struct report_listener){
		.name = mem_strdup(listener->plan->name),
		.requests = tally_sum(listener->tally, REQUESTS),
		.not_found = tally_sum(listener->tally, NOT_FOUND),
	};
}
