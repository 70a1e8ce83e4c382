/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of paths, and the views of what is served: services, endpoints, plan. status.c,
 * traffic.c, metrics.c and seen.c (streams) have the others. Names throughout; ids only beside
 * them, for who reads the maps.
 */
#include "daemon/views.h"
#include "daemon/advertising.h"
#include "daemon/announcing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/metrics.h"
#include "daemon/status.h"
#include "daemon/traffic.h"
#include "daemon/views_addresses.h"
#include "daemon/views_l7.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

static void add_addr(struct json *json, const char *name, const struct addr *addr)
{
	char text[ADDR_STR_LEN];

	json_string(json, name, addr_is_zero(addr) ? "*" : addr_format(addr, text));
}

static void add_service_key(struct json *json, const struct plan_service *service)
{
	json_string(json, "service", service->name);
	json_string(json, "protocol", plan_proto_name(service->proto));
	json_uint(json, "family", service->family);
}

static void add_frontends(struct json *json, const struct plan_service *service)
{
	json_array_begin(json, "frontends");
	for (size_t i = 0; i < service->n_frontends; i++) {
		const struct plan_frontend *frontend = &service->frontends[i];

		json_object_begin(json, NULL);
		json_string(json, "kind", plan_kind_name(frontend->kind));
		add_addr(json, "address", &frontend->addr);
		json_uint(json, "port", frontend->port);
		json_string(json, "external", plan_policy_name(frontend->external));
		json_string(json, "internal", plan_policy_name(frontend->internal));
		json_object_end(json);
	}
	json_array_end(json);
}

static void add_endpoints(struct json *json, const char *name, const struct plan_set *set)
{
	json_array_begin(json, name);
	for (size_t i = 0; i < set->n; i++) {
		json_object_begin(json, NULL);
		add_addr(json, "address", &set->endpoints[i].addr);
		json_uint(json, "port", set->endpoints[i].port);
		json_bool(json, "local", set->endpoints[i].local);
		json_object_end(json);
	}
	json_array_end(json);
}

static void add_service(struct json *json, const struct daemon *daemon,
			const struct plan_service *service, bool endpoints)
{
	json_object_begin(json, NULL);
	add_service_key(json, service);
	if (daemon->l4)
		json_uint(json, "id", dataplane_service_id(daemon->dataplane, service));
	add_frontends(json, service);
	if (endpoints) {
		add_endpoints(json, "cluster", &service->cluster);
		add_endpoints(json, "local", &service->local);
	} else {
		json_uint(json, "cluster_endpoints", service->cluster.n);
		json_uint(json, "local_endpoints", service->local.n);
	}
	json_object_end(json);
}

static int show_services(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct json json = { .out = ret_body };

	json_object_begin(&json, NULL);
	json_uint(&json, "generation", daemon->plan->generation);
	json_array_begin(&json, "services");
	for (size_t i = 0; i < daemon->plan->n_services; i++)
		add_service(&json, daemon, &daemon->plan->services[i], false);
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}

static int endpoint_rank(const void *a, const void *b)
{
	return plan_endpoint_compare(a, b);
}

static bool in_set(const struct plan_set *set, const struct plan_endpoint *ep)
{
	return set->n && bsearch(ep, set->endpoints, set->n, sizeof(*ep), endpoint_rank);
}

static void add_endpoint(struct json *json, const struct daemon *daemon,
			 const struct plan_service *service, const struct plan_endpoint *ep)
{
	json_object_begin(json, NULL);
	add_service_key(json, service);
	add_addr(json, "address", &ep->addr);
	json_uint(json, "port", ep->port);
	json_bool(json, "local", ep->local);
	json_bool(json, "in_cluster_set", in_set(&service->cluster, ep));
	json_bool(json, "in_local_set", in_set(&service->local, ep));
	if (daemon->l4)
		json_uint(json, "id", dataplane_endpoint_id(daemon->dataplane, service->proto, ep));
	json_object_end(json);
}

static int show_endpoints(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct json json = { .out = ret_body };

	json_object_begin(&json, NULL);
	json_array_begin(&json, "endpoints");
	for (size_t i = 0; i < daemon->plan->n_services; i++) {
		const struct plan_service *service = &daemon->plan->services[i];

		for (size_t j = 0; j < service->cluster.n; j++)
			add_endpoint(&json, daemon, service, &service->cluster.endpoints[j]);
		/* Fallen back by itself, the local set may have some that the other has not. */
		for (size_t j = 0; j < service->local.n; j++)
			if (!in_set(&service->cluster, &service->local.endpoints[j]))
				add_endpoint(&json, daemon, service, &service->local.endpoints[j]);
	}
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}

static int show_plan(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	const struct plan *plan = daemon->plan;
	struct json json = { .out = ret_body };
	char text[ADDR_STR_LEN];

	json_object_begin(&json, NULL);
	json_uint(&json, "generation", plan->generation);
	json_string(&json, "node", plan->node);
	json_array_begin(&json, "pod_cidrs");
	for (size_t i = 0; i < plan->n_pod_cidrs; i++)
		json_string(&json, NULL, cidr_format(&plan->pod_cidrs[i], text));
	json_array_end(&json);
	json_array_begin(&json, "services");
	for (size_t i = 0; i < plan->n_services; i++)
		add_service(&json, daemon, &plan->services[i], true);
	json_array_end(&json);
	json_object_end(&json);
	return 200;
}

static int show_plan_text(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	_cleanup_(mem_freep) char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return 503;
	plan_print(daemon->plan, out);
	if (fclose(out))
		return 503;
	str_add(ret_body, text, len);
	return 200;
}

static int show_status(void *arg, struct str *ret_body)
{
	status_write(arg, ret_body);
	return 200;
}

static void add_difference(void *arg, const char *map, const char *service, const char *text)
{
	struct json *json = arg;

	json_object_begin(json, NULL);
	json_string(json, "where", map);
	json_string(json, "service", service);
	json_string(json, "what", text);
	json_object_end(json);
}

/* Between the newest plan, what is in force of it, and what lies in the maps. */
static int show_diff(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct json json = { .out = ret_body };
	struct feed_status proxy;
	int r = 0;

	edge_status(daemon->edge, &proxy);
	json_object_begin(&json, NULL);
	json_uint(&json, "generation", daemon->plan->generation);
	json_array_begin(&json, "differences");
	if (daemon->applied < 0)
		add_difference(&json, "plan", "", strerror(-daemon->applied));
	if (proxy.pid && !proxy.current)
		add_difference(&json, "naru-proxy", "",
			       *proxy.refusal ? proxy.refusal : "does not have the newest plan");
	if (daemon->dataplane)
		r = dataplane_audit(daemon->dataplane, add_difference, &json);
	json_array_end(&json);
	json_object_end(&json);
	return r < 0 ? 503 : 200;
}

static int show_drops(void *arg, struct str *ret_body)
{
	return status_write_drops(arg, ret_body) < 0 ? 503 : 200;
}

static int show_announce(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct json json = { .out = ret_body };

	json_object_begin(&json, NULL);
	announcing_show(daemon->announcing, &json);
	advertising_show(daemon->advertising, &json);
	json_object_end(&json);
	return 200;
}

static int show_traffic(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;

	if (!daemon->l4) {
		str_addf(ret_body, "Services are not served here\n");
		return 503;
	}
	return traffic_write(arg, ret_body) < 0 ? 503 : 200;
}

static int show_metrics(void *arg, struct str *ret_body)
{
	metrics_write(arg, ret_body);
	return 200;
}

/* Fine is: what the newest plan says is in force. What ends is to get no new requests. */
static int show_health(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct feed_status proxy;
	const char *problem = NULL;

	edge_status(daemon->edge, &proxy);
	if (daemon->stopping)
		problem = "narud is ending";
	else if (daemon->applied < 0)
		problem = "the plan is not in force";
	else if (proxy.silent)
		problem = "naru-proxy gives no sign of life";
	str_addf(ret_body, "%s\n", problem ? problem : "ok");
	return problem ? 503 : 200;
}

/* Tests of Kubernetes ask kube-proxy's metrics server for it. */
static int show_proxy_mode(void *arg, struct str *ret_body)
{
	(void)arg;
	str_addf(ret_body, "naru");
	return 200;
}

#define JSON "application/json"
#define TEXT "text/plain; charset=utf-8"

const struct admin_route views_routes[] = {
	{ "/healthz", TEXT, show_health },
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", show_metrics },
	{ "/proxyMode", TEXT, show_proxy_mode },
	{ "/v1/status", JSON, show_status },
	{ "/v1/services", JSON, show_services },
	{ "/v1/endpoints", JSON, show_endpoints },
	{ "/v1/traffic", JSON, show_traffic },
	{ "/v1/listeners", JSON, views_l7_listeners },
	{ "/v1/routes", JSON, views_l7_routes },
	{ "/v1/backends", JSON, views_l7_backends },
	{ "/v1/addresses", JSON, views_addresses },
	{ "/v1/announce", JSON, show_announce },
	{ "/v1/plan", JSON, show_plan },
	{ "/v1/plan.txt", TEXT, show_plan_text },
	{ "/v1/diff", JSON, show_diff },
	{ "/v1/drops", JSON, show_drops },
	{ NULL, NULL, NULL },
};
