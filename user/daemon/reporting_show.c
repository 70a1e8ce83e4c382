// SPDX-License-Identifier: Apache-2.0
/* What was told to the cluster, for views and metrics. */
#include "base/json.h"
#include "base/str.h"
#include "daemon/reporting_inner.h"
#include "status/events.h"
#include "status/leader.h"
#include "status/nodes.h"
#include "status/writer.h"

void reporting_show_write(const struct reporting *reporting, struct json *json)
{
	struct leader_status leader;
	struct writer_counts counts;
	struct events_counts events;

	json_object_begin(json, "reporting");
	json_bool(json, "on", reporting != NULL);
	if (reporting) {
		leader_status(reporting->leader, &leader);
		writer_counts(reporting->writer, &counts);
		json_bool(json, "leads", leader.holds);
		json_string(json, "leader", leader.holder);
		json_uint(json, "written", counts.written);
		json_uint(json, "failed", counts.failed);
		json_uint(json, "conflicts", counts.conflicts);
		json_uint(json, "pending", counts.pending);
		events_counts(reporting->events, &events);
		json_uint(json, "events", events.told);
		json_uint(json, "nodes", reporting->nodes ? nodes_count(reporting->nodes) : 0);
	}
	json_object_end(json);
}

static void add_head(struct str *out, const char *name, const char *type, const char *help)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void reporting_show_metrics(const struct reporting *reporting, struct str *out)
{
	struct leader_status leader;
	struct writer_counts counts;
	struct events_counts events;

	if (!reporting)
		return;
	leader_status(reporting->leader, &leader);
	writer_counts(reporting->writer, &counts);
	add_head(out, "naru_leader", "gauge", "1 while this narud writes statuses");
	str_addf(out, "naru_leader %d\n", leader.holds);
	add_head(out, "naru_status_writes_total", "counter", "statuses that were written, or not");
	str_addf(out, "naru_status_writes_total{result=\"written\"} %llu\n",
		 (unsigned long long)counts.written);
	str_addf(out, "naru_status_writes_total{result=\"conflict\"} %llu\n",
		 (unsigned long long)counts.conflicts);
	str_addf(out, "naru_status_writes_total{result=\"failed\"} %llu\n",
		 (unsigned long long)counts.failed);
	events_counts(reporting->events, &events);
	add_head(out, "naru_events_total", "counter", "Events on objects that were told, or not");
	str_addf(out, "naru_events_total{result=\"told\"} %llu\n", (unsigned long long)events.told);
	str_addf(out, "naru_events_total{result=\"skipped\"} %llu\n",
		 (unsigned long long)events.skipped);
	add_head(out, "naru_status_pending", "gauge", "statuses that are to be looked at");
	str_addf(out, "naru_status_pending %zu\n", counts.pending);
	add_head(out, "naru_status_parents_left_out", "gauge",
		 "parents of routes for which the status has no room");
	str_addf(out, "naru_status_parents_left_out %zu\n", counts.left_out);
}
