// SPDX-License-Identifier: Apache-2.0
/*
 * A Service that a route names as its parent: for each of the ports meant, the ClusterIP frontends
 * move from the draft of layer 4 to binds of a listener of its own; NodePorts, load balancer
 * addresses and other ports stay where they are. attach.c calls it, once binds are settled: what a
 * Service was granted nobody takes away any more.
 */
#include "compile/mesh.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/attach.h"
#include "compile/problem.h"

/* The drafts of a Service: their number and the first. They stand in the order of objects. */
static size_t drafts_of(const struct drafts *drafts, const struct service *service,
			size_t *ret_first)
{
	size_t low = 0, high = drafts->n_services, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (object_compare_key(&drafts->items[middle].service->object, &service->object) <
		    0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < drafts->n_services && drafts->items[end].service == service; end++)
		;
	*ret_first = low;
	return end - low;
}

static bool is_meant(const struct draft *draft, const struct object_reference *parent)
{
	return draft->plan.proto == L4_TCP &&
	       (!parent->port || parent->port == draft->port->port) &&
	       (!*parent->section || !strcmp(parent->section, draft->port->name));
}

static bool has_parent(const struct http_route *route, const struct service *service)
{
	for (size_t i = 0; i < route->n_parents; i++) {
		const struct object_reference *parent = &route->parents[i];

		if (!*parent->group && !strcmp(parent->kind, "Service") &&
		    !strcmp(parent->name, service->object.name) &&
		    (!*parent->namespace ||
		     !strcmp(parent->namespace, service->object.namespace)) &&
		    !strcmp(route->object.namespace, service->object.namespace))
			return true;
	}
	return false;
}

/* One route that must not be gone past is enough, whatever port it is for. */
static bool fails_closed(const struct layer7 *l7, const struct service *service)
{
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_HTTP_ROUTE, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct http_route *route = (const struct http_route *)objects[i];

		if (*route->fail_closed && strcmp(route->fail_closed, "false") != 0 &&
		    has_parent(route, service))
			return true;
	}
	return false;
}

/* Takes the ClusterIPs of a draft over for a listener. Without a proxy layer 4 keeps them, and the
 * listener waits without an address. */
static void take_over(struct layer7 *l7, struct draft *draft, size_t listener)
{
	struct plan_service *plan = &draft->plan;
	size_t n = 0;

	draft->taken_over = listener + 1;
	if (l7->config->without_proxy && !fails_closed(l7, draft->service))
		return;
	for (size_t i = 0; i < plan->n_frontends; i++) {
		const struct plan_frontend *frontend = &plan->frontends[i];

		if (frontend->kind != PLAN_CLUSTER_IP) {
			plan->frontends[n++] = *frontend;
			continue;
		}
		l7->binds = mem_grow(l7->binds, l7->n_binds, &l7->cap_binds, sizeof(*l7->binds));
		l7->binds[l7->n_binds++] = (struct bind_draft){
			.addr = frontend->addr,
			.port = frontend->port,
			.listener = listener,
			.vip = true,
			.cluster_ip = true,
		};
	}
	plan->n_frontends = n;
}

static size_t add_listener(struct layer7 *l7, const struct draft *draft)
{
	const struct service *service = draft->service;

	l7->listeners = mem_grow(l7->listeners, l7->n_listeners, &l7->cap_listeners,
				 sizeof(*l7->listeners));
	l7->listeners[l7->n_listeners] = (struct listener_draft){
		.plan = { .name = mem_strdup(draft->plan.name), .hostname = mem_strdup("") },
		.service = service,
		.index = (size_t)(draft->port - service->ports),
		.usable = true,
		.bound = true,
	};
	return l7->n_listeners++;
}

static bool has_cluster_ip(const struct draft *draft)
{
	for (size_t i = 0; i < draft->plan.n_frontends; i++)
		if (draft->plan.frontends[i].kind == PLAN_CLUSTER_IP)
			return true;
	return false;
}

/*
 * Attaches the route to all ports meant. Drafts of one port, one for each family, stand side by
 * side and share a listener. Returns how many ports those were.
 */
static size_t attach_ports(struct layer7 *l7, size_t route, const struct service *service,
			   const struct object_reference *parent)
{
	const struct service_port *last = NULL;
	size_t first, n = drafts_of(l7->drafts, service, &first), ports = 0, listener = 0;

	for (size_t i = first; i < first + n; i++) {
		struct draft *draft = &l7->drafts->items[i];

		if (!is_meant(draft, parent) || (!draft->taken_over && !has_cluster_ip(draft)))
			continue;
		if (draft->port != last) {
			listener =
				draft->taken_over ? draft->taken_over - 1 : add_listener(l7, draft);
			attach_add(l7, listener, "", route);
			ports++;
			last = draft->port;
		}
		if (!draft->taken_over)
			take_over(l7, draft, listener);
	}
	return ports;
}

/* Why a Service cannot be a parent, as it is; NULL: it can. */
static const char *refusal(const struct service *service)
{
	if (service->type == SERVICE_EXTERNAL_NAME)
		return "is of type ExternalName: it has no address to serve a route on";
	if (service->headless)
		return "is headless: it has no address to serve a route on";
	return NULL;
}

void mesh_attach(struct layer7 *l7, size_t route, size_t index)
{
	const struct object *object = &l7->routes[route].route->object;
	const struct object_reference *parent = &l7->routes[route].route->parents[index];
	const char *namespace = *parent->namespace ? parent->namespace : object->namespace;
	const struct service *service = (const struct service *)model_get(l7->model, OBJECT_SERVICE,
									  namespace, parent->name);
	const char *reason = service ? refusal(service) : "does not exist";
	char field[LAYER7_FIELD_LEN];

	snprintf(field, sizeof(field), "spec.parentRefs[%zu]", index);
	l7->routes[route].ours = true;
	if (strcmp(namespace, object->namespace) != 0)
		reason = "is in another namespace than the route, which is not supported yet";
	else if (!reason && !attach_ports(l7, route, service, parent))
		reason = "has no such TCP port on a cluster address that can be served";
	l7->routes[route].parents[index].ours = service;
	if (reason)
		problem_judge(PROBLEM(l7->diags, object, field,
				      &l7->routes[route].parents[index].said,
				      VERDICT_ROUTE_NO_PARENT),
			      "Service %s %s", parent->name, reason);
	else if (!l7->config->l4)
		problem_add(l7->diags, DIAG_WARNING, object, field,
			    "with --l4 off, another service proxy may take traffic to Service %s "
			    "before this route does",
			    parent->name);
}

/* Drafts of a Service stand together. */
void mesh_check(const struct layer7 *l7)
{
	const struct service *last = NULL;

	for (size_t i = 0; i < l7->drafts->n_services; i++) {
		const struct draft *draft = &l7->drafts->items[i];
		const struct service *service = draft->service;

		if (!draft->taken_over || service == last)
			continue;
		last = service;
		if (l7->config->without_proxy && !fails_closed(l7, service))
			problem_add(l7->diags, DIAG_WARNING, &service->object, "",
				    "is served without its routes for as long as there is no "
				    "naru-proxy");
		if (service->internal_policy == POLICY_LOCAL)
			problem_add(l7->diags, DIAG_WARNING, &service->object,
				    "spec.internalTrafficPolicy",
				    "Local has no effect on requests that routes serve: they reach "
				    "endpoints on all nodes");
		if (service->affinity_s)
			problem_add(l7->diags, DIAG_WARNING, &service->object,
				    "spec.sessionAffinity",
				    "ClientIP has no effect on requests that routes serve: each "
				    "may reach another endpoint");
	}
}
