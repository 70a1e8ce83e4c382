/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and help of counters come from their one table, so a new counter is a metric without a
 * change here. No label takes values from objects, but those of traffic.c.
 */
#include "daemon/metrics.h"

#include <stdint.h>

#include <naru/counters.h>

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/fallback.h"
#include "daemon/kubemetrics.h"
#include "daemon/probes.h"
#include "daemon/reporting.h"
#include "daemon/source.h"
#include "daemon/traffic.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

static void head(struct str *out, const char *name, const char *type, const char *help)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct str *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	str_addf(out, "%s %llu\n", name, (unsigned long long)value);
}

#define DROP_LINE(id, name, help)                                                                  \
	str_addf(out, "naru_drops_total{reason=\"%s\"} %llu\n", #name,                             \
		 (unsigned long long)values[NARU_C_##id]);
#define EVENT_LINES(id, name, help)                                                                \
	head(out, "naru_" #name "_total", "counter", help);                                        \
	str_addf(out, "naru_%s_total %llu\n", #name, (unsigned long long)values[NARU_C_##id]);

static void add_counters(struct str *out, const uint64_t *values)
{
	head(out, "naru_drops_total", "counter", "packets dropped by naru, by reason");
	NARU_DROPS(DROP_LINE)
	NARU_EVENTS(EVENT_LINES)
}

static void add_maps(struct str *out, const struct dataplane_status *status)
{
	head(out, "naru_map_entries", "gauge", "entries or blocks in use");
	for (size_t i = 0; i < status->n_maps; i++)
		str_addf(out, "naru_map_entries{map=\"%s\"} %zu\n", status->maps[i].map,
			 status->maps[i].used);
	head(out, "naru_map_max_entries", "gauge", "entries or blocks there is room for");
	for (size_t i = 0; i < status->n_maps; i++)
		str_addf(out, "naru_map_max_entries{map=\"%s\"} %zu\n", status->maps[i].map,
			 status->maps[i].max);
}

static void add_repairs(struct str *out, const struct dataplane_status *status)
{
	head(out, "naru_map_verifies_total", "counter",
	     "times that the maps were compared with what was written");
	str_addf(out, "naru_map_verifies_total %llu\n", (unsigned long long)status->verified);
	head(out, "naru_map_repairs_total", "counter",
	     "elements that somebody else had changed and narud has written anew");
	for (size_t i = 0; i < status->n_repairs; i++)
		str_addf(out, "naru_map_repairs_total{map=\"%s\"} %llu\n", status->repairs[i].map,
			 (unsigned long long)status->repairs[i].n);
}

static void add_kernel(struct str *out, struct dataplane *dataplane)
{
	struct dataplane_status status = { 0 };
	uint64_t values[NARU_C_MAX];

	dataplane_status(dataplane, &status);
	gauge(out, "naru_applied_generation", "generation of the plan in force", status.generation);
	gauge(out, "naru_devices", "devices that naru serves", status.n_devices);
	add_maps(out, &status);
	head(out, "naru_map_writes_total", "counter",
	     "elements of the maps of services, written or deleted");
	str_addf(out, "naru_map_writes_total %llu\n", (unsigned long long)status.writes);
	add_repairs(out, &status);
	if (!dataplane_counters(dataplane, values, NARU_C_MAX))
		add_counters(out, values);
}

static void counter(struct str *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	str_addf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* Over all rules, so that no label comes from an object. */
static void add_requests(struct str *out, const struct report *report)
{
	static const char *const classes[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
	uint64_t sums[ARRAY_SIZE(classes)] = { 0 };

	for (size_t i = 0; i < report->n_rules; i++)
		for (size_t j = 0; j < ARRAY_SIZE(classes); j++)
			sums[j] += report->rules[i].by_class[j];
	head(out, "naru_l7_requests_total", "counter", "requests that a rule took, by answer");
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		str_addf(out, "naru_l7_requests_total{class=\"%s\"} %llu\n", classes[i],
			 (unsigned long long)sums[i]);
}

static void add_clusters(struct str *out, const struct report *report)
{
	uint64_t overflows = 0, retried = 0, ejected = 0;

	for (size_t i = 0; i < report->n_clusters; i++) {
		const struct report_cluster *cluster = &report->clusters[i];

		overflows += cluster->overflows;
		retried += cluster->retried;
		for (size_t j = 0; j < cluster->n_endpoints; j++)
			ejected += cluster->endpoints[j].ejected_ms > 0;
	}
	counter(out, "naru_l7_overflows_total", "tries that a circuit breaker refused", overflows);
	counter(out, "naru_l7_retries_total", "tries beyond the first", retried);
	gauge(out, "naru_l7_ejected_endpoints", "endpoints that get no requests now", ejected);
}

static void add_l7(struct str *out, const struct daemon *daemon)
{
	static const struct report nothing;
	const struct report *report;
	struct feed_status status;

	edge_status(daemon->edge, &status);
	report = status.report ? status.report : &nothing;
	gauge(out, "naru_proxy_up", "1 while a naru-proxy is in charge", status.pid != 0);
	counter(out, "naru_proxy_starts_total", "proxies that narud has started", status.starts);
	gauge(out, "naru_proxy_generation", "generation of the plan that the proxy serves",
	      status.pid ? status.generation : 0);
	gauge(out, "naru_l7_fallback", "1 while Services with routes are served without them",
	      fallback_active(daemon->fallback));
	gauge(out, "naru_l7_listeners", "listeners in the plan", daemon->plan->l7.n_listeners);
	gauge(out, "naru_l7_connections", "connections of clients", report->connections);
	counter(out, "naru_l7_accepted_total", "connections of clients so far", report->accepted);
	counter(out, "naru_l7_refused_total", "messages of clients that were no HTTP",
		report->refused);
	counter(out, "naru_l7_handshake_failures_total", "TLS handshakes that failed",
		report->handshake_failures);
	counter(out, "naru_l7_log_dropped_total", "lines that the access log left out",
		report->log_dropped);
	add_requests(out, report);
	add_clusters(out, report);
}

void metrics_write(struct daemon *daemon, struct str *ret_body)
{
	size_t errors = diag_errors(&daemon->diags);

	head(ret_body, "naru_build_info", "gauge", "always 1");
	str_addf(ret_body, "naru_build_info{version=\"%s\"} 1\n", options_version());
	gauge(ret_body, "naru_plan_generation", "generation of the newest plan",
	      daemon->plan->generation);
	gauge(ret_body, "naru_fresh", "0 once no word came for --stale-after: /readyz says no",
	      probes_fresh(daemon));
	gauge(ret_body, "naru_services", "service ports in the plan, one family each",
	      daemon->plan->n_services);
	head(ret_body, "naru_diagnostics", "gauge", "what is wrong with objects");
	str_addf(ret_body, "naru_diagnostics{level=\"error\"} %zu\n", errors);
	str_addf(ret_body, "naru_diagnostics{level=\"warning\"} %zu\n", daemon->diags.n - errors);
	gauge(ret_body, "naru_objects_skipped", "objects of kinds that naru does not read",
	      source_skipped(daemon->source));
	source_write_metrics(daemon->source, ret_body);
	reporting_show_metrics(daemon->reporting, ret_body);
	kubemetrics_write(daemon, ret_body);
	add_l7(ret_body, daemon);
	if (daemon->dataplane)
		add_kernel(ret_body, daemon->dataplane);
	if (daemon->l4)
		traffic_metrics(daemon, ret_body);
}
