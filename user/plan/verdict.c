// SPDX-License-Identifier: Apache-2.0
/*
 * The table of all that can be said, and the life and text of what is. compile/ says, plan.c frees
 * and prints. Invariant: a condition is a row of the table, so no other reason can be given.
 */
#include "plan/verdict.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Where messages stop growing: people read them, and the API takes 32,768 bytes. */
#define MESSAGE_MAX 1024

static const struct verdict_row rows[] = {
#define ROW(name, subject_, type_, holds_, reason_)                                                \
	[VERDICT_##name] = { .subject = VERDICT_##subject_,                                        \
			     .type = (type_),                                                      \
			     .holds = (holds_),                                                    \
			     .reason = (reason_) },
	VERDICT_ROWS(ROW)
#undef ROW
};

const struct verdict_row *verdict_row(enum verdict_id id)
{
	assert(id < VERDICT_ID_MAX);
	return &rows[id];
}

/* ---- saying -------------------------------------------------------------------------------- */

/* Where a condition of the type is, or belongs: types are in the order of their first rows. */
static size_t place_of(const struct verdict_conditions *conditions, enum verdict_id id)
{
	size_t i;

	for (i = 0; i < conditions->n; i++) {
		const char *type = rows[conditions->items[i].id].type;

		if (!strcmp(type, rows[id].type) || conditions->items[i].id > id)
			break;
	}
	return i;
}

const struct verdict_condition *verdict_find(const struct verdict_conditions *conditions,
					     enum verdict_id id)
{
	size_t place = place_of(conditions, id);

	if (place == conditions->n ||
	    strcmp(rows[conditions->items[place].id].type, rows[id].type) != 0)
		return NULL;
	return &conditions->items[place];
}

static void add_message(struct verdict_condition *condition, const char *message)
{
	char *joined;

	if (!*message || strlen(condition->message) + strlen(message) > MESSAGE_MAX ||
	    strstr(condition->message, message))
		return;
	joined = mem_printf("%s%s%s", condition->message, *condition->message ? "; " : "", message);
	free(condition->message);
	condition->message = joined;
}

void verdict_say(struct verdict_conditions *conditions, enum verdict_id id, const char *message)
{
	size_t place = place_of(conditions, id);
	struct verdict_condition *items;

	assert(id < VERDICT_ID_MAX);
	if (verdict_find(conditions, id)) {
		add_message(&conditions->items[place], message);
		return;
	}
	items = mem_array(conditions->n + 1, sizeof(*items));
	for (size_t i = 0; i < conditions->n; i++)
		items[i + (i >= place)] = conditions->items[i];
	items[place] = (struct verdict_condition){ .id = id, .message = mem_strdup(message) };
	free(conditions->items);
	conditions->items = items;
	conditions->n++;
}

void verdict_say_all(struct verdict_conditions *to, const struct verdict_conditions *from)
{
	for (size_t i = 0; i < from->n; i++)
		verdict_say(to, from->items[i].id, from->items[i].message);
}

void verdict_forget(struct verdict_conditions *conditions)
{
	for (size_t i = 0; i < conditions->n; i++)
		free(conditions->items[i].message);
	free(conditions->items);
	*conditions = (struct verdict_conditions){ 0 };
}

/* ---- life ---------------------------------------------------------------------------------- */

static void class_fini(struct verdict_class *class)
{
	free(class->name);
	verdict_forget(&class->conditions);
}

static void gateway_fini(struct verdict_gateway *gateway)
{
	for (size_t i = 0; i < gateway->n_listeners; i++) {
		free(gateway->listeners[i].name);
		verdict_forget(&gateway->listeners[i].conditions);
	}
	free(gateway->listeners);
	free(gateway->namespace);
	free(gateway->name);
	free(gateway->addresses);
	verdict_forget(&gateway->conditions);
}

static void route_fini(struct verdict_route *route)
{
	for (size_t i = 0; i < route->n_parents; i++) {
		struct verdict_parent *parent = &route->parents[i];

		free(parent->group);
		free(parent->kind);
		free(parent->namespace);
		free(parent->name);
		free(parent->section);
		verdict_forget(&parent->conditions);
	}
	free(route->parents);
	free(route->namespace);
	free(route->name);
}

void verdict_fini(struct verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->n_classes; i++)
		class_fini(&verdicts->classes[i]);
	for (size_t i = 0; i < verdicts->n_gateways; i++)
		gateway_fini(&verdicts->gateways[i]);
	for (size_t i = 0; i < verdicts->n_routes; i++)
		route_fini(&verdicts->routes[i]);
	free(verdicts->classes);
	free(verdicts->gateways);
	free(verdicts->routes);
	*verdicts = (struct verdicts){ 0 };
}

/* ---- text ---------------------------------------------------------------------------------- */

static void print_generation(int64_t generation, FILE *out)
{
	if (generation)
		fprintf(out, " generation %" PRId64, generation);
	fputc('\n', out);
}

static void print_conditions(const struct verdict_conditions *conditions, int indent, FILE *out)
{
	for (size_t i = 0; i < conditions->n; i++) {
		const struct verdict_row *row = verdict_row(conditions->items[i].id);
		const char *message = conditions->items[i].message;

		fprintf(out, "%*s%s %s %s%s%s\n", indent, "", row->type,
			row->holds ? "True" : "False", row->reason, *message ? ": " : "", message);
	}
}

static void print_gateway(const struct verdict_gateway *gateway, FILE *out)
{
	char text[ADDR_STR_LEN];

	fprintf(out, "\nverdict Gateway %s/%s", gateway->namespace, gateway->name);
	print_generation(gateway->generation, out);
	for (size_t i = 0; i < gateway->n_addresses; i++)
		fprintf(out, "  address %s\n", addr_format(&gateway->addresses[i], text));
	print_conditions(&gateway->conditions, 2, out);
	for (size_t i = 0; i < gateway->n_listeners; i++) {
		const struct verdict_listener *listener = &gateway->listeners[i];

		fprintf(out, "  listener %s kinds %s attached %" PRIu32 "\n", listener->name,
			listener->http_routes ? "HTTPRoute" : "-", listener->attached);
		print_conditions(&listener->conditions, 4, out);
	}
}

static void print_route(const struct verdict_route *route, FILE *out)
{
	if (!route->n_parents)
		return;
	fprintf(out, "\nverdict HTTPRoute %s/%s", route->namespace, route->name);
	print_generation(route->generation, out);
	for (size_t i = 0; i < route->n_parents; i++) {
		const struct verdict_parent *parent = &route->parents[i];

		fprintf(out, "  parent %zu %s ", parent->index, parent->kind);
		if (*parent->namespace)
			fprintf(out, "%s/", parent->namespace);
		fputs(parent->name, out);
		if (*parent->section)
			fprintf(out, " section %s", parent->section);
		if (parent->port)
			fprintf(out, " port %u", parent->port);
		fputc('\n', out);
		print_conditions(&parent->conditions, 4, out);
	}
}

void verdict_print(const struct verdicts *verdicts, FILE *out)
{
	for (size_t i = 0; i < verdicts->n_classes; i++) {
		fprintf(out, "\nverdict GatewayClass %s", verdicts->classes[i].name);
		print_generation(verdicts->classes[i].generation, out);
		print_conditions(&verdicts->classes[i].conditions, 2, out);
	}
	for (size_t i = 0; i < verdicts->n_gateways; i++)
		print_gateway(&verdicts->gateways[i], out);
	for (size_t i = 0; i < verdicts->n_routes; i++)
		print_route(&verdicts->routes[i], out);
}
