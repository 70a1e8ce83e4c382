// SPDX-License-Identifier: Apache-2.0
/*
 * Verdicts as JSON. The daemon calls it after each compile and acknowledgement. Invariant: that
 * something is programmed is said only when a node has said so.
 */
#include "status/conditions.h"

#include <string.h>

#include "base/mem.h"
#include "model/gateway.h"
#include "status/features.h"

#define GROUP	  "gateway.networking.k8s.io"
#define MINOR_MAX 6 /* of Gateway API v1; one digit */

/* What stands for an object of the model, which may have changed since it was judged. */
static struct json_object *want_of(struct wants *wants, enum object_kind kind,
				   const char *namespace, const char *name, int64_t generation)
{
	const struct object object = {
		.kind = kind,
		.namespace = (char *)namespace,
		.name = (char *)name,
		.origin = { .generation = generation },
	};

	return wants_add(wants, &object);
}

/* What nodes have made of it. */
struct force {
	bool programmed;
	const char *no_room; /* NULL, or why it is not */
};

static const struct force in_force = { .programmed = true };

static enum verdict_id weaken(enum verdict_id id, const struct force *force)
{
	if (force->programmed)
		return id;
	if (id == VERDICT_GATEWAY_PROGRAMMED)
		return force->no_room ? VERDICT_GATEWAY_NO_RESOURCES : VERDICT_GATEWAY_PENDING;
	return id == VERDICT_LISTENER_PROGRAMMED ? VERDICT_LISTENER_PENDING : id;
}

static void add_conditions(struct json_object *owner, const struct verdict_conditions *conditions,
			   const struct force *force)
{
	wants_list(owner, "conditions");
	for (size_t i = 0; i < conditions->n; i++) {
		enum verdict_id id = weaken(conditions->items[i].id, force);
		const char *message = conditions->items[i].message;
		const struct verdict_row *row;

		if (id != conditions->items[i].id)
			message = force->no_room ? force->no_room : "no node has taken it over yet";
		row = verdict_row(id);
		wants_condition(owner, row->type, row->holds, row->reason, message);
	}
}

/* What is behind a version that naru was written for, NULL: it is another one. */
static const char *skip_known(const char *version)
{
	const char *patch;
	size_t digits;

	if (strncmp(version, "v1.", 3) != 0 || version[3] < '0' || version[3] > '0' + MINOR_MAX ||
	    version[4] != '.')
		return NULL;
	patch = version + strlen("v1.6.");
	digits = strspn(patch, "0123456789");
	return digits ? patch + digits : NULL;
}

/* Are all of the list? Newer ones may mean something else by what naru reads. */
static bool are_known(const char *definitions)
{
	const char *end = skip_known(definitions);

	while (end && !strncmp(end, ", ", 2))
		end = skip_known(end + 2);
	return end && !*end;
}

/* Objects are taken all the same, and what they have in common with the known ones is served. */
static void add_version(struct json_object *status, const char *definitions)
{
	enum verdict_id id =
		are_known(definitions) ? VERDICT_CLASS_KNOWN_VERSION : VERDICT_CLASS_OTHER_VERSION;
	_cleanup_(mem_freep) char *message =
		mem_printf("the cluster has Gateway API %s, naru knows v1.0 to v1.%d", definitions,
			   MINOR_MAX);

	wants_condition(status, verdict_row(id)->type, verdict_row(id)->holds,
			verdict_row(id)->reason, id == VERDICT_CLASS_KNOWN_VERSION ? "" : message);
}

static void want_class(const struct verdict_class *class, const struct conditions_ack *ack,
		       struct wants *wants)
{
	struct json_object *status =
		want_of(wants, OBJECT_GATEWAY_CLASS, "", class->name, class->generation);

	add_conditions(status, &class->conditions, &in_force);
	if (ack->definitions && *ack->definitions)
		add_version(status, ack->definitions);
	features_add(status);
}

static void add_listener(struct json_object *status, const struct verdict_listener *listener,
			 const struct force *force)
{
	struct json_object *entry = wants_entry(status, "listeners"), *kind;

	wants_text(entry, "name", listener->name);
	wants_list(entry, "supportedKinds");
	if (listener->http_routes) {
		kind = wants_entry(entry, "supportedKinds");
		wants_text(kind, "group", GROUP);
		wants_text(kind, "kind", "HTTPRoute");
	}
	wants_number(entry, "attachedRoutes", listener->attached);
	add_conditions(entry, &listener->conditions, force);
}

static void want_gateway(const struct verdict_gateway *gateway, const struct conditions_ack *ack,
			 struct wants *wants)
{
	struct json_object *status = want_of(wants, OBJECT_GATEWAY, gateway->namespace,
					     gateway->name, gateway->generation);
	const struct force force = {
		.programmed = ack->programmed(ack->arg, gateway),
		.no_room = ack->no_room ? ack->no_room(ack->arg, gateway) : NULL,
	};

	wants_list(status, "addresses");
	for (size_t i = 0; i < gateway->n_addresses; i++) {
		struct json_object *address = wants_entry(status, "addresses");
		char text[ADDR_STR_LEN];

		wants_text(address, "type", "IPAddress");
		wants_text(address, "value", addr_format(&gateway->addresses[i], text));
	}
	add_conditions(status, &gateway->conditions, &force);
	wants_list(status, "listeners");
	for (size_t i = 0; i < gateway->n_listeners; i++)
		add_listener(status, &gateway->listeners[i], &force);
}

static void want_route(const struct verdict_route *route, struct wants *wants)
{
	struct json_object *status =
		want_of(wants, OBJECT_HTTP_ROUTE, route->namespace, route->name, route->generation);

	wants_list(status, "parents");
	for (size_t i = 0; i < route->n_parents; i++) {
		const struct verdict_parent *parent = &route->parents[i];
		const struct object_reference reference = {
			.group = parent->group,
			.kind = parent->kind,
			.namespace = parent->namespace,
			.name = parent->name,
			.section = parent->section,
			.port = parent->port,
		};
		struct json_object *entry = wants_entry(status, "parents");

		wants_parent(entry, &reference);
		wants_text(entry, "controllerName", VERDICT_CONTROLLER);
		add_conditions(entry, &parent->conditions, &in_force);
	}
}

void conditions_want(const struct verdicts *verdicts, const struct conditions_ack *ack,
		     struct wants *wants)
{
	for (size_t i = 0; i < verdicts->n_classes; i++)
		want_class(&verdicts->classes[i], ack, wants);
	for (size_t i = 0; i < verdicts->n_gateways; i++)
		want_gateway(&verdicts->gateways[i], ack, wants);
	for (size_t i = 0; i < verdicts->n_routes; i++)
		want_route(&verdicts->routes[i], wants);
}
