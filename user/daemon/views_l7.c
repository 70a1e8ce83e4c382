// SPDX-License-Identifier: Apache-2.0
/*
 * views.c has the table that leads here. Names as in the objects; a number that nobody has reported
 * yet is 0.
 */
#include "daemon/views_l7.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/reported.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

static void add_addr(struct json *json, const struct addr *addr)
{
	char text[ADDR_STR_LEN];

	json_string(json, "address", addr_is_zero(addr) ? "*" : addr_format(addr, text));
}

static void begin(struct json *json, const struct daemon *daemon, struct feed_status *ret_status)
{
	edge_status(daemon->edge, ret_status);
	json_object_begin(json, NULL);
	json_uint(json, "generation", daemon->plan->generation);
	json_uint(json, "serving_generation", ret_status->pid ? ret_status->generation : 0);
}

/* ---- routes -------------------------------------------------------------------------------- */

static const char *type_name(enum plan_match_type type)
{
	static const char *const names[] = { "exact", "prefix", "regex" };

	return names[type];
}

static void add_values(struct json *json, const char *name, const struct plan_value_match *values,
		       size_t n)
{
	json_array_begin(json, name);
	for (size_t i = 0; i < n; i++) {
		json_object_begin(json, NULL);
		json_string(json, "name", values[i].name);
		json_string(json, "type", type_name(values[i].type));
		json_string(json, "value", values[i].value);
		json_object_end(json);
	}
	json_array_end(json);
}

static void add_match(struct json *json, const struct plan_match *match)
{
	json_string(json, "path_type", type_name(match->path_type));
	json_string(json, "path", match->path);
	json_string(json, "method", match->method);
	add_values(json, "headers", match->headers, match->n_headers);
	add_values(json, "queries", match->queries, match->n_queries);
}

static void add_rule_backends(struct json *json, const struct plan_l7 *l7,
			      const struct plan_rule *rule, const struct report_rule *reported)
{
	json_array_begin(json, "backends");
	for (size_t i = 0; i < rule->n_backends; i++) {
		const struct plan_backend *backend = &rule->backends[i];
		bool broken = backend->cluster == PLAN_NO_CLUSTER;

		json_object_begin(json, NULL);
		json_string(json, "cluster", broken ? "" : l7->clusters[backend->cluster].name);
		json_uint(json, "weight", backend->weight);
		json_uint(json, "requests",
			  reported && i < reported->n_backends ? reported->backends[i] : 0);
		json_object_end(json);
	}
	json_array_end(json);
}

static void add_rule(struct json *json, const struct plan_l7 *l7, const struct plan_rule *rule,
		     const struct report *report)
{
	const struct report_rule *reported = reported_rule(report, rule->name);

	json_string(json, "rule", rule->name);
	json_uint(json, "answer", rule->answer);
	json_uint(json, "redirect", rule->redirect.status);
	add_rule_backends(json, l7, rule, reported);
	json_uint(json, "retries", rule->retry.attempts);
	json_uint(json, "requests", reported ? reported->requests : 0);
	json_array_begin(json, "by_class");
	for (size_t i = 0; i < ARRAY_SIZE(reported->by_class); i++)
		json_uint(json, NULL, reported ? reported->by_class[i] : 0);
	json_array_end(json);
}

static void add_host(struct json *json, const struct plan_l7 *l7,
		     const struct plan_listener *listener, const struct plan_host *host,
		     const struct report *report)
{
	for (size_t i = 0; i < host->n_matches; i++) {
		const struct plan_match *match = &l7->matches[host->matches[i]];

		json_object_begin(json, NULL);
		json_string(json, "listener", listener->name);
		json_string(json, "host", *host->name ? host->name : "*");
		add_match(json, match);
		add_rule(json, l7, &l7->rules[match->rule], report);
		json_object_end(json);
	}
}

int views_l7_routes(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	const struct plan_l7 *l7 = &daemon->plan->l7;
	struct json json = { .out = ret_body };
	struct feed_status status;

	begin(&json, daemon, &status);
	json_array_begin(&json, "routes");
	for (size_t i = 0; i < l7->n_listeners; i++)
		for (size_t j = 0; j < l7->listeners[i].n_hosts; j++)
			add_host(&json, l7, &l7->listeners[i], &l7->listeners[i].hosts[j],
				 status.report);
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}

/* ---- backends ------------------------------------------------------------------------------ */

/* Its use, and its limit if it has one. */
static void add_limit(struct json *json, const char *name, uint32_t used, uint32_t limit)
{
	json_object_begin(json, name);
	json_uint(json, "used", used);
	if (limit != UINT32_MAX)
		json_uint(json, "limit", limit);
	json_object_end(json);
}

static void add_endpoint(struct json *json, const struct plan_endpoint *endpoint,
			 const struct report_endpoint *reported)
{
	static const struct report_endpoint nothing;
	const struct report_endpoint *seen = reported ? reported : &nothing;

	json_object_begin(json, NULL);
	add_addr(json, &endpoint->addr);
	json_uint(json, "port", endpoint->port);
	json_bool(json, "local", endpoint->local);
	json_uint(json, "connections", seen->connections);
	json_uint(json, "idle", seen->idle);
	json_uint(json, "requests", seen->requests);
	json_uint(json, "ok", seen->ok);
	json_uint(json, "failed", seen->failed);
	json_uint(json, "ejected_ms", seen->ejected_ms);
	json_uint(json, "ejections", seen->ejections);
	json_object_end(json);
}

static void add_cluster(struct json *json, const struct plan_cluster *cluster,
			const struct report *report)
{
	static const struct report_cluster nothing;
	const struct report_cluster *found = reported_cluster(report, cluster->name);
	const struct report_cluster *seen = found ? found : &nothing;

	json_object_begin(json, NULL);
	json_string(json, "cluster", cluster->name);
	add_limit(json, "connections", seen->connections, cluster->breaker.connections);
	add_limit(json, "pending", seen->pending, cluster->breaker.pending);
	add_limit(json, "requests", seen->requests, cluster->breaker.requests);
	add_limit(json, "retries", seen->retries, cluster->breaker.retries);
	json_uint(json, "overflows", seen->overflows);
	json_uint(json, "retried", seen->retried);
	json_array_begin(json, "endpoints");
	for (size_t i = 0; i < cluster->endpoints.n; i++) {
		const struct plan_endpoint *endpoint = &cluster->endpoints.endpoints[i];

		add_endpoint(json, endpoint,
			     reported_endpoint(found, i, &endpoint->addr, endpoint->port));
	}
	json_array_end(json);
	json_object_end(json);
}

int views_l7_backends(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	const struct plan_l7 *l7 = &daemon->plan->l7;
	struct json json = { .out = ret_body };
	struct feed_status status;

	begin(&json, daemon, &status);
	json_array_begin(&json, "backends");
	for (size_t i = 0; i < l7->n_clusters; i++)
		add_cluster(&json, &l7->clusters[i], status.report);
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}

/* ---- listeners ----------------------------------------------------------------------------- */

/* Of an ordinary socket: the reason begins with the address. */
static const char *socket_reason(const struct diag_list *diags, const char *listener,
				 const struct plan_bind *bind)
{
	char text[PLAN_SOCKET_LEN];
	size_t len = strlen(plan_socket_format(&bind->addr, bind->port, text));

	for (size_t i = 0; i < diags->n; i++)
		if (!strcmp(diags->items[i].object, listener) &&
		    !strncmp(diags->items[i].reason, text, len) &&
		    diags->items[i].reason[len] == ' ')
			return diags->items[i].reason;
	return NULL;
}

static const char *kernel_reason(const struct dataplane_status *kernel,
				 const struct plan_bind *bind)
{
	for (size_t i = 0; i < kernel->n_binds; i++)
		if (kernel->binds[i].port == bind->port &&
		    !addr_compare(&kernel->binds[i].addr, &bind->addr))
			return kernel->binds[i].reason;
	return NULL;
}

static const char *state_of(const struct daemon *daemon, const struct feed_status *status,
			    const struct plan_bind *bind, const char *listener)
{
	struct dataplane_status kernel = { 0 };
	const char *reason;

	if (daemon->dataplane)
		dataplane_status(daemon->dataplane, &kernel);
	reason = daemon->dataplane ? kernel_reason(&kernel, bind)
				   : socket_reason(status->diags, listener, bind);
	if (reason)
		return reason;
	if (!status->pid)
		return "no naru-proxy is running";
	if (*status->refusal)
		return "naru-proxy refuses the newest plan";
	return status->current ? "served" : "naru-proxy does not know it yet";
}

static size_t count_routes(const struct plan_listener *listener)
{
	size_t n = 0;

	for (size_t i = 0; i < listener->n_hosts; i++)
		n += listener->hosts[i].n_matches;
	return n;
}

static void add_listener(struct json *json, const struct daemon *daemon,
			 const struct feed_status *status, const struct plan_bind *bind,
			 const struct plan_listener *listener)
{
	const struct plan_l7 *l7 = &daemon->plan->l7;
	const struct report_listener *seen = reported_listener(status->report, listener->name);

	json_object_begin(json, NULL);
	add_addr(json, &bind->addr);
	json_uint(json, "port", bind->port);
	json_string(json, "protocol", listener->tls ? "https" : "http");
	json_string(json, "hostname", *listener->hostname ? listener->hostname : "*");
	json_string(json, "listener", listener->name);
	json_uint(json, "routes", count_routes(listener));
	json_array_begin(json, "certificates");
	for (size_t i = 0; i < listener->n_certs; i++)
		json_string(json, NULL, l7->certs[listener->certs[i]].name);
	json_array_end(json);
	json_string(json, "state", state_of(daemon, status, bind, listener->name));
	json_uint(json, "requests", seen ? seen->requests : 0);
	json_uint(json, "not_found", seen ? seen->not_found : 0);
	json_object_end(json);
}

int views_l7_listeners(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	const struct plan_l7 *l7 = &daemon->plan->l7;
	struct json json = { .out = ret_body };
	struct feed_status status;

	begin(&json, daemon, &status);
	json_array_begin(&json, "listeners");
	for (size_t i = 0; i < l7->n_binds; i++)
		for (size_t j = 0; j < l7->binds[i].n_listeners; j++)
			add_listener(&json, daemon, &status, &l7->binds[i],
				     &l7->listeners[l7->binds[i].listeners[j]]);
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}
