// SPDX-License-Identifier: Apache-2.0
/*
 * One apply of naru serves both families: it is shown for each of them, since kube-proxy has an
 * apply for each. Counts of changes have no family there either.
 */
#include "daemon/kubemetrics.h"

#include <string.h>

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/healthz.h"
#include "daemon/progress.h"
#include "plan/plan.h"

#define PREFIX "kubeproxy_"

static const struct {
	int number;
	const char *label;
} families[PROGRESS_FAMILIES] = {
	[PROGRESS_V4] = { 4, "ip_family=\"IPv4\"" },
	[PROGRESS_V6] = { 6, "ip_family=\"IPv6\"" },
};

static void head(struct str *out, const char *name, const char *type, const char *help)
{
	str_addf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void count(struct str *out, const char *name, const char *type, const char *help,
		  uint64_t value)
{
	head(out, name, type, help);
	str_addf(out, PREFIX "%s %llu\n", name, (unsigned long long)value);
}

static void add_histograms(struct str *out, const struct progress *progress)
{
	head(out, "sync_proxy_rules_duration_seconds", "histogram",
	     "how long it took to bring a change into force");
	for (size_t i = 0; i < PROGRESS_FAMILIES; i++)
		histogram_write(&progress->sync, PREFIX "sync_proxy_rules_duration_seconds",
				families[i].label, out);
	head(out, "network_programming_duration_seconds", "histogram",
	     "from the change of a pod or Service, by its EndpointSlice, until it is in force");
	for (size_t i = 0; i < PROGRESS_FAMILIES; i++)
		histogram_write(&progress->network[i],
				PREFIX "network_programming_duration_seconds", families[i].label,
				out);
}

static void add_time(struct str *out, const char *name, const char *help, int64_t us)
{
	head(out, name, "gauge", help);
	for (size_t i = 0; i < PROGRESS_FAMILIES; i++)
		str_addf(out, PREFIX "%s{%s} %.6f\n", name, families[i].label, (double)us / 1e6);
}

static void add_changes(struct str *out, const struct progress *progress)
{
	count(out, "sync_proxy_rules_endpoint_changes_total", "counter",
	      "changes of EndpointSlices so far", progress->slices);
	count(out, "sync_proxy_rules_endpoint_changes_pending", "gauge",
	      "changes of EndpointSlices that are not in force yet",
	      progress->slices - progress->synced_slices);
	count(out, "sync_proxy_rules_service_changes_total", "counter",
	      "changes of Services so far", progress->services);
	count(out, "sync_proxy_rules_service_changes_pending", "gauge",
	      "changes of Services that are not in force yet",
	      progress->services - progress->synced_services);
	add_time(out, "sync_proxy_rules_last_timestamp_seconds",
		 "when everything was brought into force last", progress->last_synced_us);
	add_time(out, "sync_proxy_rules_last_queued_timestamp_seconds", "when a change came last",
		 progress->last_queued_us);
}

static bool lacks(const struct plan_service *service, bool external)
{
	if (service->local.n || !service->cluster.n)
		return false;
	for (size_t i = 0; i < service->n_frontends; i++) {
		const struct plan_frontend *frontend = &service->frontends[i];

		if ((external ? frontend->external : frontend->internal) == PLAN_LOCAL)
			return true;
	}
	return false;
}

static void add_no_local(struct str *out, const struct plan *plan)
{
	static const char *const policies[] = { "internal", "external" };

	head(out, "sync_proxy_rules_no_local_endpoints_total", "gauge",
	     "service ports of a policy Local with endpoints, but none of them on this node");
	for (size_t i = 0; i < PROGRESS_FAMILIES; i++) {
		for (size_t external = 0; external < ARRAY_SIZE(policies); external++) {
			size_t n = 0;

			for (size_t j = 0; j < plan->n_services; j++)
				n += plan->services[j].family == families[i].number &&
				     lacks(&plan->services[j], external);
			str_addf(out,
				 PREFIX "sync_proxy_rules_no_local_endpoints_total"
					"{%s,traffic_policy=\"%s\"} %zu\n",
				 families[i].label, policies[external], n);
		}
	}
}

static void add_probes(struct str *out, const char *name, const char *help, uint64_t fine,
		       uint64_t not_fine)
{
	head(out, name, "counter", help);
	str_addf(out, PREFIX "%s{code=\"200\"} %llu\n" PREFIX "%s{code=\"503\"} %llu\n", name,
		 (unsigned long long)fine, name, (unsigned long long)not_fine);
}

void kubemetrics_write(const struct daemon *daemon, struct str *ret_body)
{
	const struct healthz_counts counts = healthz_count(daemon->healthz);

	add_histograms(ret_body, &daemon->progress);
	add_changes(ret_body, &daemon->progress);
	add_no_local(ret_body, daemon->plan);
	add_probes(ret_body, "proxy_healthz_total", "answers to /healthz", counts.healthz_200,
		   counts.healthz_503);
	add_probes(ret_body, "proxy_livez_total", "answers to /livez", counts.livez_200,
		   counts.livez_503);
}
