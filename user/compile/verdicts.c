// SPDX-License-Identifier: Apache-2.0
/*
 * Adds to what the steps said what is true because nobody said otherwise, and what follows from
 * the parts for the whole. layer7.c calls it. Invariant: nothing here depends on the node, so that
 * whichever node writes statuses, they are the same.
 */
#include "compile/verdicts.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "compile/attach.h"
#include "compile/hostnames.h"
#include "compile/problem.h"

/* The API's limit of a status. */
#define ADDRESSES_MAX 16

/* Moves what was said and leaves nothing behind. */
static struct verdict_conditions take(struct verdict_conditions *said)
{
	struct verdict_conditions taken = *said;

	*said = (struct verdict_conditions){ 0 };
	return taken;
}

static bool holds(const struct verdict_conditions *said, enum verdict_id id)
{
	const struct verdict_condition *condition = verdict_find(said, id);

	return condition && verdict_row(condition->id)->holds;
}

static enum verdict_id id_of(const struct verdict_conditions *said, enum verdict_id type)
{
	const struct verdict_condition *condition = verdict_find(said, type);

	return condition ? condition->id : VERDICT_ID_MAX;
}

/* Says it instead of whatever was said of the type; the message stays. */
static void overrule(struct verdict_conditions *said, enum verdict_id id)
{
	verdict_say(said, id, "");
	for (size_t i = 0; i < said->n; i++)
		if (&said->items[i] == verdict_find(said, id))
			said->items[i].id = id;
}

/* ---- classes ------------------------------------------------------------------------------- */

static void judge_class(struct layer7 *l7, const struct gateway_class *class)
{
	struct verdict_class *verdict = &l7->verdicts->classes[l7->verdicts->n_classes++];

	verdict->name = mem_strdup(class->object.name);
	verdict->generation = class->object.origin.generation;
	if (class->parameters)
		problem_judge(PROBLEM(l7->diags, &class->object, "spec.parametersRef",
				      &verdict->conditions, VERDICT_CLASS_INVALID_PARAMETERS),
			      "naru takes no parameters: Gateways of this class are not served");
	verdict_say(&verdict->conditions, VERDICT_CLASS_ACCEPTED, "");
}

static void judge_classes(struct layer7 *l7)
{
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_GATEWAY_CLASS, &objects);

	l7->verdicts->classes = mem_array(n, sizeof(*l7->verdicts->classes));
	for (size_t i = 0; i < n; i++) {
		const struct gateway_class *class = (const struct gateway_class *)objects[i];

		if (!strcmp(class->controller, VERDICT_CONTROLLER))
			judge_class(l7, class);
	}
}

/* ---- listeners ----------------------------------------------------------------------------- */

/* Clients that re-use a TLS connection for another host could end up at the other listener. */
static void find_overlaps(struct layer7 *l7, const struct gate *gate)
{
	const struct gateway *gateway = gate->gateway;

	for (size_t i = 0; i < gateway->n_listeners; i++) {
		const struct gateway_listener *a = &gateway->listeners[i];

		for (size_t j = 0; j < gateway->n_listeners; j++) {
			const struct gateway_listener *b = &gateway->listeners[j];
			_cleanup_(mem_freep) char *message = NULL;

			if (i == j || a->protocol != LISTENER_HTTPS || b->protocol != a->protocol ||
			    a->port != b->port || !strcmp(a->hostname, b->hostname) ||
			    !hostnames_meet(a->hostname, b->hostname))
				continue;
			message = mem_printf("host names are also those of listener %s", b->name);
			verdict_say(&l7->listeners[gate->first + i].said,
				    VERDICT_LISTENER_OVERLAPPING, message);
		}
	}
}

static void finish_programmed(struct verdict_conditions *said, bool usable, bool served)
{
	if (served)
		verdict_say(said, VERDICT_LISTENER_PROGRAMMED, "");
	else if (id_of(said, VERDICT_LISTENER_ACCEPTED) == VERDICT_LISTENER_LOST_HOSTNAME)
		verdict_say(said, VERDICT_LISTENER_IDLE_HOSTNAME, "");
	else if (id_of(said, VERDICT_LISTENER_ACCEPTED) == VERDICT_LISTENER_LOST_PROTOCOL)
		verdict_say(said, VERDICT_LISTENER_IDLE_PROTOCOL, "");
	else if (!usable || !holds(said, VERDICT_LISTENER_ACCEPTED))
		verdict_say(said, VERDICT_LISTENER_INVALID, "");
	else
		verdict_say(said, VERDICT_LISTENER_PENDING, "the Gateway has no usable address");
}

static struct verdict_listener judge_listener(struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	struct verdict_conditions *said = &draft->said;
	bool served = draft->bound || draft->elsewhere;

	/* What it does not get at one address it may get at another. */
	if (served)
		overrule(said, VERDICT_LISTENER_ACCEPTED);
	verdict_say(said, VERDICT_LISTENER_ACCEPTED, "");
	verdict_say(said, VERDICT_LISTENER_RESOLVED, "");
	verdict_say(said, VERDICT_LISTENER_DISTINCT, "");
	finish_programmed(said, draft->usable, served);
	return (struct verdict_listener){
		.name = mem_strdup(listener->name),
		.http_routes = listener->protocol != LISTENER_OTHER && attach_allows_kind(listener),
		.attached = draft->attached,
		.conditions = take(said),
	};
}

/* ---- Gateways ------------------------------------------------------------------------------ */

/* The addresses of all nodes, of which there may be more than a status can hold. */
static void list_nodes(const struct layer7 *l7, struct verdict_gateway *verdict)
{
	const struct object *const *nodes;
	size_t n = model_list(l7->model, OBJECT_NODE, &nodes), cap = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct node *node = (const struct node *)nodes[i];

		for (size_t j = 0; j < node->n_addrs; j++) {
			verdict->addresses = mem_grow(verdict->addresses, count, &cap,
						      sizeof(*verdict->addresses));
			verdict->addresses[count++] = node->addrs[j];
		}
	}
	if (count)
		qsort(verdict->addresses, count, sizeof(*verdict->addresses), addr_rank);
	for (size_t i = 0; i < count && verdict->n_addresses < ADDRESSES_MAX; i++)
		if (!i || addr_compare(&verdict->addresses[i], &verdict->addresses[i - 1]))
			verdict->addresses[verdict->n_addresses++] = verdict->addresses[i];
}

/* Once: a pool may have given what stands in the spec, too. */
static void add_address(struct verdict_gateway *verdict, const struct addr *addr)
{
	for (size_t i = 0; i < verdict->n_addresses; i++)
		if (!addr_compare(&verdict->addresses[i], addr))
			return;
	if (verdict->n_addresses < ADDRESSES_MAX)
		verdict->addresses[verdict->n_addresses++] = *addr;
}

static void list_addresses(const struct layer7 *l7, const struct gate *gate,
			   struct verdict_gateway *verdict)
{
	const struct gateway *gateway = gate->gateway;

	if (gate->everywhere) {
		list_nodes(l7, verdict);
		return;
	}
	verdict->addresses = mem_array(ADDRESSES_MAX, sizeof(*verdict->addresses));
	for (size_t i = 0; i < gateway->n_addresses; i++)
		if (gate->addressed[i])
			add_address(verdict, &gateway->addresses[i].addr);
	for (size_t i = 0; i < gateway->n_assigned; i++)
		if (gate->addressed[gateway->n_addresses + i])
			add_address(verdict, &gateway->assigned[i].addr);
}

static bool is_accepted(const struct verdict_listener *listener)
{
	return holds(&listener->conditions, VERDICT_LISTENER_ACCEPTED);
}

/* One that lost at one address is accepted for the others, and the Gateway has to say so. */
static bool is_distinct(const struct verdict_listener *listener)
{
	return is_accepted(listener) && !holds(&listener->conditions, VERDICT_LISTENER_DISTINCT);
}

static bool is_resolved(const struct verdict_listener *listener)
{
	return holds(&listener->conditions, VERDICT_LISTENER_RESOLVED);
}

static bool is_served(const struct verdict_listener *listener)
{
	return holds(&listener->conditions, VERDICT_LISTENER_PROGRAMMED);
}

static bool is_any(const struct verdict_gateway *verdict,
		   bool (*so)(const struct verdict_listener *))
{
	for (size_t i = 0; i < verdict->n_listeners; i++)
		if (so(&verdict->listeners[i]))
			return true;
	return false;
}

/* The title and the names of the listeners that are not so; nothing when all are. */
static void name_others(const struct verdict_gateway *verdict, const char *title,
			bool (*so)(const struct verdict_listener *), struct str *ret_text)
{
	for (size_t i = 0; i < verdict->n_listeners; i++)
		if (!so(&verdict->listeners[i]))
			str_addf(ret_text, "%s%s", ret_text->len ? ", " : title,
				 verdict->listeners[i].name);
}

static void finish_gateway(struct verdict_gateway *verdict)
{
	struct verdict_conditions *said = &verdict->conditions;
	_cleanup_(str_fini) struct str invalid = { 0 }, unresolved = { 0 };

	name_others(verdict, "listeners that are not valid: ", is_distinct, &invalid);
	name_others(verdict, "listeners whose references are not resolved: ", is_resolved,
		    &unresolved);
	if (!invalid.len)
		verdict_say(said, VERDICT_GATEWAY_ACCEPTED, "");
	else if (is_any(verdict, is_accepted))
		verdict_say(said, VERDICT_GATEWAY_SOME_LISTENERS, invalid.buf);
	else
		verdict_say(said, VERDICT_GATEWAY_NO_LISTENER, invalid.buf);
	if (!holds(said, VERDICT_GATEWAY_ACCEPTED) || !is_any(verdict, is_served))
		verdict_say(said, VERDICT_GATEWAY_INVALID, "");
	else
		verdict_say(said, VERDICT_GATEWAY_PROGRAMMED, "");
	if (unresolved.len)
		verdict_say(said, VERDICT_GATEWAY_UNRESOLVED, unresolved.buf);
	else
		verdict_say(said, VERDICT_GATEWAY_RESOLVED, "");
}

static struct verdict_gateway judge_gateway(struct layer7 *l7, struct gate *gate)
{
	const struct gateway *gateway = gate->gateway;
	struct verdict_gateway verdict = {
		.namespace = mem_strdup(gateway->object.namespace),
		.name = mem_strdup(gateway->object.name),
		.generation = gateway->object.origin.generation,
		.listeners = mem_array(gateway->n_listeners, sizeof(*verdict.listeners)),
		.n_listeners = gateway->n_listeners,
		.conditions = take(&gate->said),
	};

	find_overlaps(l7, gate);
	for (size_t i = 0; i < gateway->n_listeners; i++)
		verdict.listeners[i] = judge_listener(&l7->listeners[gate->first + i]);
	list_addresses(l7, gate, &verdict);
	finish_gateway(&verdict);
	return verdict;
}

static void judge_gateways(struct layer7 *l7)
{
	l7->verdicts->gateways = mem_array(l7->n_gates, sizeof(*l7->verdicts->gateways));
	for (size_t i = 0; i < l7->n_gates; i++)
		l7->verdicts->gateways[l7->verdicts->n_gateways++] =
			judge_gateway(l7, &l7->gates[i]);
}

/* ---- routes -------------------------------------------------------------------------------- */

/* Are all its rules of no use? */
static bool is_void(const struct route_draft *draft)
{
	return draft->n_dropped && draft->n_dropped == draft->route->n_rules;
}

/* An accepted route may be so in part; of one that is not, the whole is what counts. */
static void finish_parent(const struct route_draft *draft, struct verdict_conditions *said)
{
	const struct verdict_condition *partly = verdict_find(&draft->said, VERDICT_ROUTE_PARTLY);
	_cleanup_(mem_freep) char *message = NULL;

	if (is_void(draft))
		verdict_say(said, VERDICT_ROUTE_NO_VALUE, partly ? partly->message : "");
	for (size_t i = 0; i < draft->said.n; i++)
		if (&draft->said.items[i] != partly)
			verdict_say(said, draft->said.items[i].id, draft->said.items[i].message);
	verdict_say(said, VERDICT_ROUTE_ACCEPTED, "");
	verdict_say(said, VERDICT_ROUTE_RESOLVED, "");
	if (!partly || !holds(said, VERDICT_ROUTE_ACCEPTED))
		return;
	message = mem_printf("Dropped Rule: %s", partly->message);
	verdict_say(said, VERDICT_ROUTE_PARTLY, message);
}

static struct verdict_parent judge_parent(struct route_draft *draft, size_t index)
{
	const struct object_reference *parent = &draft->route->parents[index];
	struct verdict_conditions *said = &draft->parents[index].said;

	finish_parent(draft, said);
	return (struct verdict_parent){
		.index = index,
		.group = mem_strdup(parent->group),
		.kind = mem_strdup(parent->kind),
		.namespace = mem_strdup(parent->namespace),
		.name = mem_strdup(parent->name),
		.section = mem_strdup(parent->section),
		.port = parent->port,
		.conditions = take(said),
	};
}

static struct verdict_route judge_route(struct route_draft *draft)
{
	const struct http_route *route = draft->route;
	struct verdict_route verdict = {
		.namespace = mem_strdup(route->object.namespace),
		.name = mem_strdup(route->object.name),
		.generation = route->object.origin.generation,
		.parents = mem_array(route->n_parents, sizeof(*verdict.parents)),
	};

	for (size_t i = 0; i < route->n_parents; i++)
		if (draft->parents[i].ours)
			verdict.parents[verdict.n_parents++] = judge_parent(draft, i);
	return verdict;
}

static void judge_routes(struct layer7 *l7)
{
	l7->verdicts->routes = mem_array(l7->n_routes, sizeof(*l7->verdicts->routes));
	for (size_t i = 0; i < l7->n_routes; i++)
		l7->verdicts->routes[l7->verdicts->n_routes++] = judge_route(&l7->routes[i]);
}

/*
 * Each listener has a route once, by however many host names and parentRefs. Attachments stand in
 * the order of routes.
 */
static void count_attached(struct layer7 *l7)
{
	for (size_t i = 0; i < l7->n_attachments; i++) {
		const struct attachment *attachment = &l7->attachments[i];
		struct listener_draft *draft = &l7->listeners[attachment->listener];

		if (draft->counted == attachment->route + 1 ||
		    is_void(&l7->routes[attachment->route]))
			continue;
		draft->counted = attachment->route + 1;
		draft->attached++;
	}
}

void verdicts_make(struct layer7 *l7)
{
	judge_classes(l7);
	count_attached(l7);
	judge_gateways(l7);
	judge_routes(l7);
}
