// SPDX-License-Identifier: Apache-2.0
/* status.c calls it, and metrics.c has the totals. */
#include "daemon/status_l7.h"

#include <string.h>

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

/* Where a bind of the kernel's is not in force. */
static void add_bind_problems(struct json *json, const struct dataplane_status *kernel)
{
	char text[PLAN_SOCKET_LEN];

	for (size_t i = 0; i < kernel->n_binds; i++)
		if (kernel->binds[i].reason)
			json_printf(json, NULL, "%s is not served: %s",
				    plan_socket_format(&kernel->binds[i].addr,
						       kernel->binds[i].port, text),
				    kernel->binds[i].reason);
}

void status_l7_problems(struct json *json, const struct daemon *daemon,
			const struct dataplane_status *kernel)
{
	struct feed_status status;

	edge_status(daemon->edge, &status);
	if (daemon->stopping)
		json_printf(json, NULL, "narud is ending");
	else if (status.wanted && !status.pid)
		json_printf(json, NULL, "no naru-proxy is running: Gateways are not served");
	if (status.silent)
		json_printf(json, NULL, "naru-proxy gives no sign of life: new connections are %s",
			    status.steered ? "refused" : "not taken");
	else if (status.stalled)
		json_printf(json, NULL, "naru-proxy: %zu of its threads give no sign of life",
			    status.stalled);
	if (*status.refusal)
		json_printf(json, NULL, "naru-proxy refuses the newest plan: %s", status.refusal);
	for (size_t i = 0; i < status.diags->n; i++)
		json_printf(json, NULL, "listener %s: %s", status.diags->items[i].object,
			    status.diags->items[i].reason);
	add_bind_problems(json, kernel);
}

size_t status_l7_told(const struct daemon *daemon)
{
	struct feed_status status;

	edge_status(daemon->edge, &status);
	return diag_errors(status.diags);
}

/* Names of one Gateway, or of the rules of one route, are alike up to the last slash, and lie
 * together. A Service as a parent has one slash only and counts by itself. */
static bool same_owner(const char *a, const char *b)
{
	const char *end = strrchr(a, '/');
	size_t len = (size_t)(end - a) + 1;

	return strchr(a, '/') != end && !strncmp(a, b, len) && !strchr(b + len, '/');
}

static size_t count_gateways(const struct plan_l7 *l7)
{
	size_t n = 0;

	for (size_t i = 0; i < l7->n_listeners; i++)
		n += !i || !same_owner(l7->listeners[i].name, l7->listeners[i - 1].name);
	return n;
}

static size_t count_routes(const struct plan_l7 *l7)
{
	size_t n = 0;

	for (size_t i = 0; i < l7->n_rules; i++)
		n += !i || !same_owner(l7->rules[i].name, l7->rules[i - 1].name);
	return n;
}

static void add_counts(struct json *json, const struct plan_l7 *l7)
{
	size_t endpoints = 0;

	for (size_t i = 0; i < l7->n_clusters; i++)
		endpoints += l7->clusters[i].endpoints.n;
	json_uint(json, "gateways", count_gateways(l7));
	json_uint(json, "listeners", l7->n_listeners);
	json_uint(json, "addresses", l7->n_binds);
	json_uint(json, "routes", count_routes(l7));
	json_uint(json, "rules", l7->n_rules);
	json_uint(json, "backends", l7->n_clusters);
	json_uint(json, "endpoints", endpoints);
	json_uint(json, "certificates", l7->n_certs);
}

static void add_proxy(struct json *json, const struct feed_status *status)
{
	const struct report *report = status->report;

	json_object_begin(json, "proxy");
	json_uint(json, "pid", (uint64_t)status->pid);
	json_uint(json, "starts", status->starts);
	json_uint(json, "generation", status->pid ? status->generation : 0);
	json_uint(json, "threads", report ? report->threads : 0);
	json_uint(json, "connections", report ? report->connections : 0);
	json_uint(json, "accepted", report ? report->accepted : 0);
	json_uint(json, "refused", report ? report->refused : 0);
	json_uint(json, "handshake_failures", report ? report->handshake_failures : 0);
	json_uint(json, "log_dropped", report ? report->log_dropped : 0);
	json_object_end(json);
}

void status_l7_add(struct json *json, const struct daemon *daemon)
{
	struct feed_status status;

	edge_status(daemon->edge, &status);
	json_object_begin(json, "l7");
	json_string(json, "by", status.steered ? "bpf" : "sockets");
	add_counts(json, &daemon->plan->l7);
	add_proxy(json, &status);
	json_object_end(json);
}
