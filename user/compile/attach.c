// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the parentRefs of each route. A parent that is not ours is passed over in silence; one
 * of ours that takes the route nowhere is told why, by the last hurdle that any of its listeners
 * let the route reach.
 */
#include "compile/attach.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/gateways.h"
#include "compile/hostnames.h"
#include "compile/mesh.h"
#include "compile/problem.h"
#include "model/selector.h"

/* In the order in which a listener is looked at. */
enum hurdle {
	HURDLE_SECTION,
	HURDLE_PORT,
	HURDLE_PROTOCOL,
	HURDLE_KIND,
	HURDLE_NAMESPACE,
	HURDLE_HOSTNAME,
	HURDLE_UNSERVED, /* it would take the route, if it were served */
	HURDLE_NONE,
};

/* ---- allowedRoutes ------------------------------------------------------------------------- */

/* Without the Namespace object only the label that every namespace has is known. */
static const char *label_of(const struct layer7 *l7, const char *namespace, const char *key)
{
	const struct namespace *object =
		(const struct namespace *)model_get(l7->model, OBJECT_NAMESPACE, "", namespace);

	for (size_t i = 0; object && i < object->n_labels; i++)
		if (!strcmp(object->labels[i].key, key))
			return object->labels[i].value;
	return strcmp(key, "kubernetes.io/metadata.name") ? NULL : namespace;
}

static bool allows_namespace(const struct layer7 *l7, const struct gateway *gateway,
			     const struct gateway_listener *listener, const char *namespace)
{
	if (listener->from == ROUTES_ALL)
		return true;
	if (listener->from == ROUTES_SAME)
		return !strcmp(gateway->object.namespace, namespace);
	if (listener->from != ROUTES_SELECTOR)
		return false;
	for (size_t i = 0; i < listener->n_selector; i++)
		if (!selector_holds(&listener->selector[i],
				    label_of(l7, namespace, listener->selector[i].key)))
			return false;
	return true;
}

bool attach_allows_kind(const struct gateway_listener *listener)
{
	for (size_t i = 0; i < listener->n_kinds; i++)
		if (!strcmp(listener->kinds[i].group, LAYER7_GROUP) &&
		    !strcmp(listener->kinds[i].kind, "HTTPRoute"))
			return true;
	return !listener->n_kinds;
}

/* ---- one parent ---------------------------------------------------------------------------- */

void attach_add(struct layer7 *l7, size_t listener, const char *host, size_t route)
{
	l7->attachments = mem_grow(l7->attachments, l7->n_attachments, &l7->cap_attachments,
				   sizeof(*l7->attachments));
	l7->attachments[l7->n_attachments++] =
		(struct attachment){ .listener = listener, .host = host, .route = route };
	l7->routes[route].served |= l7->listeners[listener].bound;
}

static bool attach_hosts(struct layer7 *l7, size_t listener, size_t route)
{
	const struct http_route *object = l7->routes[route].route;
	const char *hostname = l7->listeners[listener].plan.hostname, *host;
	bool any = !object->n_hostnames;

	if (any)
		attach_add(l7, listener, hostname, route);
	for (size_t i = 0; i < object->n_hostnames; i++) {
		host = hostnames_meet(hostname, object->hostnames[i]);
		if (!host)
			continue;
		attach_add(l7, listener, host, route);
		any = true;
	}
	return any;
}

/* Attaches to one listener; says which hurdle the route did not take. */
static enum hurdle try_listener(struct layer7 *l7, size_t listener, size_t route,
				const struct object_reference *parent)
{
	const struct listener_draft *draft = &l7->listeners[listener];
	const struct gateway_listener *spec = &draft->gateway->listeners[draft->index];

	if (*parent->section && strcmp(parent->section, spec->name) != 0)
		return HURDLE_SECTION;
	if (parent->port && parent->port != spec->port)
		return HURDLE_PORT;
	if (spec->protocol == LISTENER_OTHER)
		return HURDLE_PROTOCOL;
	if (!attach_allows_kind(spec))
		return HURDLE_KIND;
	if (!allows_namespace(l7, draft->gateway, spec, l7->routes[route].route->object.namespace))
		return HURDLE_NAMESPACE;
	if (!attach_hosts(l7, listener, route))
		return HURDLE_HOSTNAME;
	return draft->bound || draft->elsewhere ? HURDLE_NONE : HURDLE_UNSERVED;
}

/* What the API calls it. A listener that is not served has the route all the same. */
static enum verdict_id verdict_of(enum hurdle hurdle)
{
	static const enum verdict_id ids[] = {
		[HURDLE_SECTION] = VERDICT_ROUTE_NO_PARENT,
		[HURDLE_PORT] = VERDICT_ROUTE_NO_PARENT,
		[HURDLE_PROTOCOL] = VERDICT_ROUTE_NOT_ALLOWED,
		[HURDLE_KIND] = VERDICT_ROUTE_NOT_ALLOWED,
		[HURDLE_NAMESPACE] = VERDICT_ROUTE_NOT_ALLOWED,
		[HURDLE_HOSTNAME] = VERDICT_ROUTE_NO_HOSTNAME,
		[HURDLE_UNSERVED] = VERDICT_ROUTE_ACCEPTED,
	};

	return ids[hurdle];
}

/* listener: the first that let the route reach the hurdle. */
static void report(struct layer7 *l7, size_t route, size_t index, enum hurdle hurdle,
		   const struct gateway_listener *listener)
{
	const struct http_route *object = l7->routes[route].route;
	const struct object_reference *parent = &object->parents[index];
	_cleanup_(mem_freep) char *reason = NULL;
	char field[LAYER7_FIELD_LEN];

	switch (hurdle) {
	case HURDLE_SECTION:
		reason = mem_printf("has no listener %s", parent->section);
		break;
	case HURDLE_PORT:
		reason = mem_printf("has no such listener at port %u", parent->port);
		break;
	case HURDLE_PROTOCOL:
	case HURDLE_UNSERVED:
		reason = mem_printf("has listener %s, but it is not served", listener->name);
		break;
	case HURDLE_KIND:
		reason = mem_strdup("has no listener there that takes HTTPRoutes");
		break;
	case HURDLE_NAMESPACE:
		reason = mem_printf("does not allow routes of namespace %s",
				    object->object.namespace);
		break;
	default:
		reason = mem_strdup("has no host name in common with this route");
	}
	snprintf(field, sizeof(field), "spec.parentRefs[%zu]", index);
	problem_judge(PROBLEM(l7->diags, &object->object, field,
			      &l7->routes[route].parents[index].said, verdict_of(hurdle)),
		      "Gateway %s %s", parent->name, reason);
}

static void attach_gateway(struct layer7 *l7, size_t route, size_t index)
{
	const struct http_route *object = l7->routes[route].route;
	const struct object_reference *parent = &object->parents[index];
	const char *namespace = *parent->namespace ? parent->namespace : object->object.namespace;
	const struct gateway *gateway = (const struct gateway *)model_get(l7->model, OBJECT_GATEWAY,
									  namespace, parent->name);
	enum hurdle best = HURDLE_SECTION, hurdle;
	size_t furthest = 0;
	const struct gate *gate;
	char field[LAYER7_FIELD_LEN];

	if (!gateway) {
		snprintf(field, sizeof(field), "spec.parentRefs[%zu]", index);
		problem_add(l7->diags, DIAG_ERROR, &object->object, field,
			    "no Gateway %s in namespace %s", parent->name, namespace);
		return;
	}
	gate = gateways_find(l7, gateway);
	if (!gate)
		return;
	l7->routes[route].ours = true;
	l7->routes[route].parents[index].ours = true;
	for (size_t i = 0; i < gateway->n_listeners; i++) {
		hurdle = try_listener(l7, gate->first + i, route, parent);
		if (hurdle > best) {
			best = hurdle;
			furthest = i;
		}
	}
	if (best != HURDLE_NONE)
		report(l7, route, index, best, &gateway->listeners[furthest]);
}

static void attach_route(struct layer7 *l7, size_t route)
{
	const struct http_route *object = l7->routes[route].route;
	size_t services = 0;

	for (size_t i = 0; i < object->n_parents; i++) {
		const struct object_reference *parent = &object->parents[i];

		if (!strcmp(parent->group, LAYER7_GROUP) && !strcmp(parent->kind, "Gateway"))
			attach_gateway(l7, route, i);
		if (*parent->group || strcmp(parent->kind, "Service") != 0)
			continue;
		mesh_attach(l7, route, i);
		services++;
	}
	if (services && object->n_hostnames && services == object->n_parents)
		problem_add(l7->diags, DIAG_WARNING, &object->object, "spec.hostnames",
			    "no effect: all parents are Services, whose routes take every host");
}

void attach_routes(struct layer7 *l7)
{
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_HTTP_ROUTE, &objects);

	l7->routes = mem_array(n, sizeof(*l7->routes));
	l7->n_routes = n;
	for (size_t i = 0; i < n; i++) {
		l7->routes[i].route = (const struct http_route *)objects[i];
		l7->routes[i].parents =
			mem_array(l7->routes[i].route->n_parents, sizeof(*l7->routes[i].parents));
		attach_route(l7, i);
	}
	mesh_check(l7);
}
