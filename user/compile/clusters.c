// SPDX-License-Identifier: Apache-2.0
/*
 * Every backend of a rule makes a reference of its own; in the end those of one name become one
 * cluster. rules.c refers, assemble.c has them made. Invariant: a cluster is in the plan only if a
 * rule of the plan refers to it.
 */
#include "compile/clusters.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/endpoints.h"
#include "compile/filters.h"
#include "compile/grants.h"
#include "compile/policies.h"
#include "compile/problem.h"
#include "compile/services.h"

/* ---- references ---------------------------------------------------------------------------- */

static const struct service_port *find_port(const struct service *service, uint16_t port)
{
	for (size_t i = 0; i < service->n_ports; i++)
		if (service->ports[i].port == port && service->ports[i].proto == L4_TCP)
			return &service->ports[i];
	return NULL;
}

/* Endpoints are spoken to in HTTP/1.1, and connections stay so. NULL: nothing else is wanted. */
static const char *unsupported(const struct service_port *port)
{
	static const char *const names[] = {
		[APP_H2C] = "HTTP/2 (kubernetes.io/h2c)",
		[APP_WS] = "WebSocket (kubernetes.io/ws)",
		[APP_WSS] = "WebSocket over TLS (kubernetes.io/wss)",
	};

	return names[port->app_protocol];
}

/* The Service and port of a reference, or why there is none, in words and as a verdict. */
static char *resolve(const struct layer7 *l7, const struct object *route,
		     const struct object_reference *to, struct cluster_ref *ret_ref,
		     enum verdict_id *ret_id)
{
	const char *namespace = grants_namespace(route, to);
	const struct service *service;
	const struct service_port *port;

	*ret_id = VERDICT_ROUTE_BAD_KIND;
	if (*to->group || strcmp(to->kind, "Service") != 0)
		return mem_printf("%s%s%s cannot be a backend, only a Service can", to->group,
				  *to->group ? "/" : "", to->kind);
	*ret_id = VERDICT_ROUTE_NOT_PERMITTED;
	if (!grants_allow(l7->model, route, to))
		return mem_printf("no ReferenceGrant in namespace %s lets HTTPRoutes of namespace "
				  "%s use Service %s",
				  namespace, route->namespace, to->name);
	*ret_id = VERDICT_ROUTE_NO_BACKEND;
	service = (const struct service *)model_get(l7->model, OBJECT_SERVICE, namespace, to->name);
	if (!service)
		return mem_printf("no Service %s in namespace %s", to->name, namespace);
	/* A kind of its own in all but name. */
	if (service->type == SERVICE_EXTERNAL_NAME)
		*ret_id = VERDICT_ROUTE_BAD_KIND;
	if (service->type == SERVICE_EXTERNAL_NAME)
		return mem_printf("Service %s is of type ExternalName, which is not supported",
				  to->name);
	if (!to->port)
		return mem_printf("no port given for Service %s", to->name);
	port = find_port(service, to->port);
	if (!port)
		return mem_printf("Service %s has no TCP port %u", to->name, to->port);
	if (!services_plain(namespace) || !services_plain(to->name) || !services_plain(port->name))
		return mem_printf("Service %s or its port has not a name", to->name);
	*ret_id = VERDICT_ROUTE_NO_PROTOCOL;
	if (unsupported(port))
		return mem_printf("port %u of Service %s wants %s, which is not supported",
				  to->port, to->name, unsupported(port));
	*ret_ref = (struct cluster_ref){ .service = service, .port = port };
	return NULL;
}

uint32_t clusters_refer(struct layer7 *l7, size_t route, size_t rule, size_t backend, bool keep,
			struct plan_backend *to)
{
	struct route_draft *draft = &l7->routes[route];
	const struct route_backend *from = &draft->route->rules[rule].backends[backend];
	struct problem problem = {
		.diags = l7->diags,
		.object = &draft->route->object,
		.said = &draft->said,
	};
	_cleanup_(mem_freep) char *reason = NULL;
	struct cluster_ref ref = { 0 };
	char field[LAYER7_FIELD_LEN];
	int len = snprintf(field, sizeof(field), "spec.rules[%zu].backendRefs[%zu]", rule, backend);

	problem.field = field;
	reason = resolve(l7, problem.object, &from->reference, &ref, &problem.id);
	if (!reason) {
		reason = filters_take_backend(from, to);
		problem.id = VERDICT_ROUTE_PARTLY;
		if (reason)
			snprintf(field + len, sizeof(field) - (size_t)len, ".filters");
	}
	if (reason) {
		problem_judge(&problem, "%s: its share of requests is answered 500", reason);
		return PLAN_NO_CLUSTER;
	}
	if (!keep)
		return PLAN_NO_CLUSTER;
	ref.name = services_port_name(ref.service, ref.port);
	l7->refs = mem_grow(l7->refs, l7->n_refs, &l7->cap_refs, sizeof(*l7->refs));
	l7->refs[l7->n_refs] = ref;
	return (uint32_t)l7->n_refs++;
}

/* ---- clusters ------------------------------------------------------------------------------ */

/* The family of the Service's first address, else IPv4; if nobody is there, the other one. */
static void take_endpoints(const struct slices *slices, const struct service *service,
			   const struct service_port *port, struct diag_list *diags,
			   struct plan_set *ret_set)
{
	struct endpoints_of of = { .service = service, .port = port, .family = 4 };

	if (service->n_cluster_ips)
		of.family = addr_family(&service->cluster_ips[0]);
	endpoints_cluster(&of, slices, diags, ret_set);
	if (ret_set->n)
		return;
	of.family = of.family == 4 ? 6 : 4;
	endpoints_cluster(&of, slices, diags, ret_set);
}

static int by_name(const void *pa, const void *pb, void *arg)
{
	const struct cluster_ref *refs = arg;
	const uint32_t *a = pa, *b = pb;
	int order = strcmp(refs[*a].name, refs[*b].name);

	return order ? order : (*a > *b) - (*a < *b);
}

static void add_cluster(struct layer7 *l7, const struct policies *policies,
			const struct cluster_ref *ref)
{
	struct plan_cluster *cluster = &l7->plan->clusters[l7->plan->n_clusters++];

	cluster->name = mem_strdup(ref->name);
	take_endpoints(l7->slices, ref->service, ref->port,
		       ref->service->headless ? l7->diags : NULL, &cluster->endpoints);
	policies_apply(policies, ref->service, cluster);
}

void clusters_make(struct layer7 *l7)
{
	_cleanup_(mem_freep) uint32_t *order = mem_array(l7->n_refs, sizeof(*order));
	_cleanup_(mem_freep) uint32_t *cluster = mem_array(l7->n_refs, sizeof(*cluster));
	_cleanup_(policies_freep) struct policies *policies = policies_new(l7);
	struct plan_l7 *plan = l7->plan;

	for (uint32_t i = 0; i < l7->n_refs; i++)
		order[i] = i;
	if (l7->n_refs)
		qsort_r(order, l7->n_refs, sizeof(*order), by_name, l7->refs);
	plan->clusters = mem_array(l7->n_refs, sizeof(*plan->clusters));
	for (size_t i = 0; i < l7->n_refs; i++) {
		const struct cluster_ref *ref = &l7->refs[order[i]];

		if (!i || strcmp(ref->name, l7->refs[order[i - 1]].name) != 0)
			add_cluster(l7, policies, ref);
		cluster[order[i]] = (uint32_t)plan->n_clusters - 1;
	}
	for (size_t i = 0; i < plan->n_rules; i++)
		for (size_t j = 0; j < plan->rules[i].n_backends; j++)
			if (plan->rules[i].backends[j].cluster != PLAN_NO_CLUSTER)
				plan->rules[i].backends[j].cluster =
					cluster[plan->rules[i].backends[j].cluster];
}

/* ---- endpoints alone ----------------------------------------------------------------------- */

static int name_compare(const void *key, const void *cluster)
{
	return strcmp(key, ((const struct plan_cluster *)cluster)->name);
}

static struct plan_cluster *find_cluster(const struct plan_l7 *l7, const struct service *service,
					 const struct service_port *port)
{
	_cleanup_(mem_freep) char *name = services_port_name(service, port);

	return bsearch(name, l7->clusters, l7->n_clusters, sizeof(*l7->clusters), name_compare);
}

/* Of ports with one name, only the routes tell which one a cluster is of. */
static bool is_plain(const struct service *service, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_ports; i++) {
		_cleanup_(mem_freep) char *other = services_port_name(service, &service->ports[i]);

		n += service->ports[i].proto == L4_TCP && !strcmp(other, name);
	}
	return n == 1 && !service->headless;
}

bool clusters_follow(const struct service *service, const struct slices *slices, struct plan_l7 *l7,
		     bool *ret_changed)
{
	for (size_t i = 0; l7->n_clusters && i < service->n_ports; i++) {
		const struct service_port *port = &service->ports[i];
		struct plan_cluster *cluster;
		struct plan_set set = { 0 };

		if (port->proto != L4_TCP)
			continue;
		cluster = find_cluster(l7, service, port);
		if (!cluster)
			continue;
		if (!is_plain(service, cluster->name))
			return false;
		take_endpoints(slices, service, port, NULL, &set);
		*ret_changed |= !plan_set_equal(&set, &cluster->endpoints);
		free(cluster->endpoints.endpoints);
		cluster->endpoints = set;
	}
	return true;
}
