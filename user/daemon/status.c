/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status says under "problems", in words, everything that is a reason to act; the rest is facts.
 * naructl and monitoring decide by that list alone, so a new kind of trouble is added here only.
 */
#include "daemon/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <naru/counters.h>

#include "base/json.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/healthz.h"
#include "daemon/probes.h"
#include "daemon/reporting.h"
#include "daemon/source.h"
#include "daemon/status_l7.h"
#include "dataplane/dataplane.h"
#include "model/model.h"
#include "plan/plan.h"

struct counter_text {
	const char *name;
	const char *help;
};

#define COUNTER_TEXT(id, name, help) { #name, help },
static const struct counter_text counter_texts[] = { NARU_DROPS(COUNTER_TEXT)
							     NARU_EVENTS(COUNTER_TEXT) };

const char *status_counter_name(unsigned id)
{
	return id < ARRAY_SIZE(counter_texts) ? counter_texts[id].name : "unknown";
}

static void add_source(struct json *json, const struct daemon *daemon)
{
	const struct object *const *objects;

	json_array_begin(json, "sources");
	json_object_begin(json, NULL);
	source_write(daemon->source, json);
	json_object_begin(json, "objects");
	for (enum object_kind kind = 0; kind < OBJECT_KIND_MAX; kind++)
		json_uint(json, object_kind_name(kind), model_list(daemon->model, kind, &objects));
	json_object_end(json);
	json_uint(json, "skipped", source_skipped(daemon->source));
	json_object_end(json);
	json_array_end(json);
}

static void add_diags(struct json *json, const struct diag_list *diags)
{
	json_array_begin(json, "diagnostics");
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];

		json_object_begin(json, NULL);
		json_string(json, "level", diag->level == DIAG_ERROR ? "error" : "warning");
		json_string(json, "file", diag->file);
		json_uint(json, "line", (uint64_t)diag->line);
		json_string(json, "object", diag->object);
		json_string(json, "field", diag->field);
		json_string(json, "reason", diag->reason);
		json_object_end(json);
	}
	json_array_end(json);
}

static void add_kernel(struct json *json, const struct dataplane_status *status)
{
	json_uint(json, "applied_generation", status->generation);
	json_string(json, "pins", status->pin_dir);
	json_string(json, "cgroup", status->cgroup ? status->cgroup : "");
	json_string(json, "stale_sockets", status->heal ? status->heal : "closed");
	json_array_begin(json, "devices");
	for (size_t i = 0; i < status->n_devices; i++) {
		const struct dataplane_device *device = &status->devices[i];

		json_object_begin(json, NULL);
		json_string(json, "name", device->name);
		json_uint(json, "ifindex", device->ifindex);
		json_string(json, "class", device->pod ? "pod" : "nic");
		json_string(json, "tc", device->tc ? device->tc : "");
		json_string(json, "xdp", device->xdp ? device->xdp : "");
		json_object_end(json);
	}
	json_array_end(json);
	json_array_begin(json, "maps");
	for (size_t i = 0; i < status->n_maps; i++) {
		json_object_begin(json, NULL);
		json_string(json, "map", status->maps[i].map);
		json_uint(json, "used", status->maps[i].used);
		json_uint(json, "max", status->maps[i].max);
		json_object_end(json);
	}
	json_array_end(json);
}

#define add_problem(json, ...) json_printf(json, NULL, __VA_ARGS__)

static bool is_attached(const struct dataplane_device *device)
{
	return device->tc && (!strcmp(device->tc, "tcx") || !strcmp(device->tc, "clsact"));
}

static void add_device_problems(struct json *json, const struct daemon *daemon,
				const struct dataplane_status *status)
{
	bool want_tcx = daemon->options->tc == OPTIONS_TC_TCX;
	size_t nics = 0;

	for (size_t i = 0; i < status->n_devices; i++) {
		const struct dataplane_device *device = &status->devices[i];

		nics += !device->pod;
		if (!is_attached(device))
			add_problem(json, "device %s: not attached: %s", device->name,
				    device->tc ? device->tc : "no reason known");
		else if (want_tcx && strcmp(device->tc, "tcx") != 0)
			add_problem(json, "device %s: attached by %s, not by tcx as asked for",
				    device->name, device->tc);
	}
	if (!nics)
		add_problem(json, "no device towards the network: name one with --device");
	if (!status->cgroup || *status->cgroup != '/')
		add_problem(json, "sockets of this node are not translated: %s",
			    status->cgroup ? status->cgroup : "no reason known");
	for (size_t i = 0; i < status->n_maps; i++)
		if (status->maps[i].max && !status->maps[i].forgets &&
		    status->maps[i].used >= status->maps[i].max)
			add_problem(json, "map %s is full", status->maps[i].map);
}

static void add_problems(struct json *json, const struct daemon *daemon,
			 const struct dataplane_status *status)
{
	size_t errors = diag_errors(&daemon->diags) - status_l7_told(daemon);

	json_array_begin(json, "problems");
	if (!source_is_ready(daemon->source))
		add_problem(json, "the objects of the cluster are not known yet");
	else if (!probes_fresh(daemon))
		add_problem(json, "no word from the API server for %llu s: what is served is old",
			    (unsigned long long)source_age_ms(daemon->source) / 1000);
	if (errors)
		add_problem(json, "%zu error%s in the objects", errors, errors == 1 ? "" : "s");
	if (daemon->applied < 0)
		add_problem(json, "the kernel refused the newest plan: %s",
			    strerror(-daemon->applied));
	if (healthz_error(daemon->healthz))
		add_problem(json, "/healthz is not answered: %s",
			    strerror(-healthz_error(daemon->healthz)));
	if (daemon->l4)
		add_device_problems(json, daemon, status);
	status_l7_problems(json, daemon, status);
	json_array_end(json);
}

static void add_counts(struct json *json, const struct plan *plan)
{
	size_t frontends = 0, endpoints = 0;

	for (size_t i = 0; i < plan->n_services; i++) {
		frontends += plan->services[i].n_frontends;
		endpoints += plan->services[i].cluster.n;
	}
	json_uint(json, "services", plan->n_services);
	json_uint(json, "frontends", frontends);
	json_uint(json, "endpoints", endpoints);
}

static void add_counters(struct json *json, const uint64_t *values)
{
	json_array_begin(json, "drops");
	for (size_t i = 0; i < ARRAY_SIZE(counter_texts); i++) {
		if (i == NARU_C_DROPS) {
			json_array_end(json);
			json_array_begin(json, "events");
		}
		json_object_begin(json, NULL);
		json_string(json, i < NARU_C_DROPS ? "reason" : "event", counter_texts[i].name);
		json_uint(json, i < NARU_C_DROPS ? "packets" : "count", values[i]);
		json_string(json, "help", counter_texts[i].help);
		json_object_end(json);
	}
	json_array_end(json);
}

void status_write(struct daemon *daemon, struct str *ret_body)
{
	struct json json = { .out = ret_body };
	struct dataplane_status status = { 0 };
	uint64_t values[NARU_C_MAX] = { 0 };

	if (daemon->dataplane)
		dataplane_status(daemon->dataplane, &status);
	json_object_begin(&json, NULL);
	json_string(&json, "version", options_version());
	json_string(&json, "node", daemon->node_name);
	json_bool(&json, "l4", daemon->l4);
	json_uint(&json, "generation", daemon->plan->generation);
	add_problems(&json, daemon, &status);
	add_counts(&json, daemon->plan);
	status_l7_add(&json, daemon);
	add_source(&json, daemon);
	reporting_show_write(daemon->reporting, &json);
	add_diags(&json, &daemon->diags);
	if (daemon->dataplane) {
		add_kernel(&json, &status);
		if (!dataplane_counters(daemon->dataplane, values, NARU_C_MAX))
			add_counters(&json, values);
	}
	json_object_end(&json);
}

int status_write_drops(struct daemon *daemon, struct str *ret_body)
{
	struct json json = { .out = ret_body };
	uint64_t values[NARU_C_MAX] = { 0 };
	int r = 0;

	if (daemon->dataplane)
		r = dataplane_counters(daemon->dataplane, values, NARU_C_MAX);
	if (r < 0)
		return r;
	json_object_begin(&json, NULL);
	add_counters(&json, values);
	json_object_end(&json);
	return 0;
}
