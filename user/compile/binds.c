// SPDX-License-Identifier: Apache-2.0
/*
 * Two passes over all binds, each sorted so that rivals stand side by side, the first come first:
 * one for addresses and ports (whose is it, HTTP or HTTPS), one for host names on them. The zero
 * address and others are different addresses: the more specific one is asked first.
 */
#include "compile/binds.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/hostnames.h"
#include "compile/problem.h"

/* ---- what Services have -------------------------------------------------------------------- */

struct taken {
	struct addr addr; /* zero: of every node */
	uint16_t port;
	bool pod; /* of a hostPort: on this node only */
	const char *name;
};

struct taken_list {
	struct taken *items;
	size_t n, cap;
};

static int taken_compare(const void *pa, const void *pb)
{
	const struct taken *a = pa, *b = pb;
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->port - b->port;
}

/* TCP only: UDP on the same port is in nobody's way. */
static void list_taken(const struct drafts *drafts, struct taken_list *ret_list)
{
	for (size_t i = 0; i < drafts->n; i++) {
		const struct plan_service *plan = &drafts->items[i].plan;

		for (size_t j = 0; j < plan->n_frontends && plan->proto == L4_TCP; j++) {
			ret_list->items = mem_grow(ret_list->items, ret_list->n, &ret_list->cap,
						   sizeof(*ret_list->items));
			ret_list->items[ret_list->n++] =
				(struct taken){ .addr = plan->frontends[j].addr,
						.port = plan->frontends[j].port,
						.pod = drafts->items[i].pod,
						.name = plan->name };
		}
	}
	if (ret_list->n)
		qsort(ret_list->items, ret_list->n, sizeof(*ret_list->items), taken_compare);
}

static const struct taken *find_taken(const struct taken_list *list, struct addr addr,
				      uint16_t port)
{
	const struct taken key = { .addr = addr, .port = port };

	if (!list->n)
		return NULL;
	return bsearch(&key, list->items, list->n, sizeof(*list->items), taken_compare);
}

static void taken_fini(struct taken_list *list)
{
	free(list->items);
}

/* The Service that has a bind's address and port, or the port on all addresses of nodes. */
static const struct taken *holder(const struct taken_list *list, const struct bind_draft *bind)
{
	const struct taken *taken = find_taken(list, bind->addr, bind->port);

	if (!taken && bind->node)
		taken = find_taken(list, (struct addr){ 0 }, bind->port);
	return taken;
}

/* ---- order --------------------------------------------------------------------------------- */

static int socket_compare(const struct bind_draft *a, const struct bind_draft *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->port - b->port;
}

/* Who was there first. Drafts of one Gateway stand in its order. */
static int age_compare(const struct layer7 *l7, const struct bind_draft *a,
		       const struct bind_draft *b)
{
	const struct gateway *x = l7->listeners[a->listener].gateway;
	const struct gateway *y = l7->listeners[b->listener].gateway;
	int order = 0;

	if (x && y)
		order = layer7_age_compare(&x->object, x->created, &y->object, y->created);
	return order ? order : (a->listener > b->listener) - (a->listener < b->listener);
}

static int by_age(const void *a, const void *b, void *arg)
{
	int order = socket_compare(a, b);

	return order ? order : age_compare(arg, a, b);
}

static int by_hostname(const void *pa, const void *pb, void *arg)
{
	const struct layer7 *l7 = arg;
	const struct bind_draft *a = pa, *b = pb;
	int order = socket_compare(a, b);

	if (!order)
		order = hostnames_compare(l7->listeners[a->listener].plan.hostname,
					  l7->listeners[b->listener].plan.hostname);
	return order ? order : age_compare(l7, a, b);
}

void binds_sort(struct layer7 *l7)
{
	if (l7->n_binds)
		qsort_r(l7->binds, l7->n_binds, sizeof(*l7->binds), by_hostname, l7);
}

/* ---- who gets it --------------------------------------------------------------------------- */

/* What a listener is told that does not get an address and port. */
struct refusal {
	const char *field;
	const char *reason;
	enum verdict_id accepted;
	enum verdict_id conflicted; /* 0: is not */
};

static const struct refusal taken = {
	.field = "port",
	.reason = "is already served for Service",
	.accepted = VERDICT_LISTENER_NO_PORT,
};
static const struct refusal other_protocol = {
	.field = "protocol",
	.reason = "is served in the other protocol by",
	.accepted = VERDICT_LISTENER_LOST_PROTOCOL,
	.conflicted = VERDICT_LISTENER_PROTOCOL_CONFLICT,
};
static const struct refusal same_hostname = {
	.field = "hostname",
	.reason = "is served for this host by",
	.accepted = VERDICT_LISTENER_LOST_HOSTNAME,
	.conflicted = VERDICT_LISTENER_HOSTNAME_CONFLICT,
};

static void refuse(const struct layer7 *l7, const struct bind_draft *bind,
		   const struct refusal *refusal, const char *winner)
{
	struct listener_draft *draft = &l7->listeners[bind->listener];
	char path[LAYER7_FIELD_LEN], text[PLAN_SOCKET_LEN];
	struct problem problem = {
		.diags = l7->diags,
		.object = &draft->gateway->object,
		.field = path,
		.said = &draft->said,
		.id = refusal->accepted,
		.besides = refusal->conflicted,
	};

	snprintf(path, sizeof(path), "spec.listeners[%zu].%s", draft->index, refusal->field);
	problem_judge(&problem, "%s %s %s", plan_socket_format(&bind->addr, bind->port, text),
		      refusal->reason, winner);
}

/* Counts on the Gateway, too. */
static void grant(struct layer7 *l7, const struct bind_draft *bind)
{
	struct listener_draft *draft = &l7->listeners[bind->listener];
	struct gate *gate = &l7->gates[draft->gate];

	draft->bound |= !bind->elsewhere;
	draft->elsewhere |= bind->elsewhere;
	if (bind->address == LAYER7_EVERYWHERE)
		gate->everywhere = true;
	else
		gate->addressed[bind->address] = true;
}

/* A pod's hostPort is on this node only: the others serve the listener. */
static void give_way(struct layer7 *l7, const struct bind_draft *bind, const char *winner)
{
	const struct listener_draft *draft = &l7->listeners[bind->listener];
	struct bind_draft others = *bind;
	char path[LAYER7_FIELD_LEN], text[PLAN_SOCKET_LEN];

	others.elsewhere = true;
	grant(l7, &others);
	snprintf(path, sizeof(path), "spec.listeners[%zu].port", draft->index);
	problem_add(l7->diags, DIAG_ERROR, &draft->gateway->object, path, "%s %s %s",
		    plan_socket_format(&bind->addr, bind->port, text), taken.reason, winner);
}

/* One protocol an address and port, and none where a Service is. */
static void settle_sockets(struct layer7 *l7, const struct taken_list *services)
{
	const struct bind_draft *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l7->n_binds; i++) {
		struct bind_draft *bind = &l7->binds[i];
		const struct taken *held = holder(services, bind);

		if (held && !held->pod) {
			refuse(l7, bind, &taken, held->name);
			continue;
		}
		if (held && !bind->elsewhere) {
			give_way(l7, bind, held->name);
			continue;
		}
		if (!first || socket_compare(first, bind))
			first = bind; /* stays in place: the first of its group is kept as it is */
		if (l7->listeners[first->listener].plan.tls !=
		    l7->listeners[bind->listener].plan.tls) {
			refuse(l7, bind, &other_protocol, l7->listeners[first->listener].plan.name);
			continue;
		}
		l7->binds[n] = *bind;
		if (first == bind)
			first = &l7->binds[n];
		n++;
	}
	l7->n_binds = n;
}

/* One listener a host name. The same thing said twice is no conflict. */
static void settle_hostnames(struct layer7 *l7)
{
	size_t n = 0;

	for (size_t i = 0; i < l7->n_binds; i++) {
		const struct bind_draft *bind = &l7->binds[i];
		const struct bind_draft *last = n ? &l7->binds[n - 1] : NULL;
		const struct listener_draft *draft = &l7->listeners[bind->listener];

		if (!last || socket_compare(last, bind) ||
		    strcmp(l7->listeners[last->listener].plan.hostname, draft->plan.hostname)) {
			grant(l7, bind);
			l7->binds[n++] = *bind;
			continue;
		}
		if (last->listener != bind->listener)
			refuse(l7, bind, &same_hostname, l7->listeners[last->listener].plan.name);
	}
	l7->n_binds = n;
}

static void drop_elsewhere(struct layer7 *l7)
{
	size_t n = 0;

	for (size_t i = 0; i < l7->n_binds; i++)
		if (!l7->binds[i].elsewhere)
			l7->binds[n++] = l7->binds[i];
	l7->n_binds = n;
}

void binds_settle(struct layer7 *l7)
{
	_cleanup_(taken_fini) struct taken_list services = { 0 };

	list_taken(l7->drafts, &services);
	if (l7->n_binds)
		qsort_r(l7->binds, l7->n_binds, sizeof(*l7->binds), by_age, l7);
	settle_sockets(l7, &services);
	binds_sort(l7);
	settle_hostnames(l7);
	drop_elsewhere(l7);
}
