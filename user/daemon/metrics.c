/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and help of counters come from their one table, so a new counter is a metric without a
 * change here. No label takes values from objects: the number of series is fixed.
 */
#include "daemon/metrics.h"

#include <stdint.h>

#include <naru/counters.h>

#include "base/mem.h"
#include "daemon/daemon.h"
#include "dataplane/dataplane.h"
#include "kube/manifests.h"
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

static void add_kernel(struct str *out, struct dataplane *dataplane)
{
	struct dataplane_status status = { 0 };
	uint64_t values[NARU_C_MAX];

	dataplane_status(dataplane, &status);
	gauge(out, "naru_applied_generation", "generation of the plan in force", status.generation);
	gauge(out, "naru_devices", "devices that naru serves", status.n_devices);
	add_maps(out, &status);
	if (!dataplane_counters(dataplane, values, NARU_C_MAX))
		add_counters(out, values);
}

void metrics_write(struct daemon *daemon, struct str *ret_body)
{
	size_t errors = diag_errors(&daemon->diags);

	head(ret_body, "naru_build_info", "gauge", "always 1");
	str_addf(ret_body, "naru_build_info{version=\"%s\"} 1\n", options_version());
	gauge(ret_body, "naru_plan_generation", "generation of the newest plan",
	      daemon->plan->generation);
	gauge(ret_body, "naru_services", "service ports in the plan, one family each",
	      daemon->plan->n_services);
	head(ret_body, "naru_diagnostics", "gauge", "what is wrong with objects");
	str_addf(ret_body, "naru_diagnostics{level=\"error\"} %zu\n", errors);
	str_addf(ret_body, "naru_diagnostics{level=\"warning\"} %zu\n", daemon->diags.n - errors);
	gauge(ret_body, "naru_objects_skipped", "objects of kinds that naru does not read",
	      manifests_skipped(daemon->manifests));
	if (daemon->dataplane)
		add_kernel(ret_body, daemon->dataplane);
}
