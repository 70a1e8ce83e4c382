// SPDX-License-Identifier: Apache-2.0
/* A sorted array. What others wrote is sorted, not believed to be. */
#include "status/inforce.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "plan/verdict.h"
#include "status/troubles.h"
#include "status/wants.h"

#define GATEWAYS_MAX 10000 /* of a node */

static int compare(const void *left, const void *right)
{
	const struct inforce_gateway *a = left, *b = right;
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

static bool is_accepted(const struct verdict_gateway *gateway)
{
	const struct verdict_condition *said =
		verdict_find(&gateway->conditions, VERDICT_GATEWAY_ACCEPTED);

	return said && verdict_row(said->id)->holds;
}

static void add(struct inforce *inforce, const char *namespace, const char *name,
		int64_t generation)
{
	inforce->items[inforce->n++] = (struct inforce_gateway){
		.namespace = mem_strdup(namespace),
		.name = mem_strdup(name),
		.generation = generation,
	};
}

static bool has_room(const struct troubles *left_out, const struct verdict_gateway *gateway)
{
	return !left_out || !troubles_find(left_out, OBJECT_GATEWAY, gateway->namespace,
					   gateway->name, DIAG_ROOM);
}

void inforce_take(const struct verdicts *verdicts, const struct troubles *left_out,
		  struct inforce *ret_inforce)
{
	inforce_fini(ret_inforce);
	ret_inforce->items = mem_array(verdicts->n_gateways + 1, sizeof(*ret_inforce->items));
	for (size_t i = 0; i < verdicts->n_gateways; i++) {
		const struct verdict_gateway *gateway = &verdicts->gateways[i];

		if (is_accepted(gateway) && has_room(left_out, gateway))
			add(ret_inforce, gateway->namespace, gateway->name, gateway->generation);
	}
}

bool inforce_has(const struct inforce *inforce, const char *namespace, const char *name,
		 int64_t generation)
{
	const struct inforce_gateway key = { (char *)namespace, (char *)name, 0 };
	const struct inforce_gateway *found =
		inforce->n ? bsearch(&key, inforce->items, inforce->n, sizeof(key), compare) : NULL;

	return found && found->generation >= generation;
}

bool inforce_equal(const struct inforce *a, const struct inforce *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (compare(&a->items[i], &b->items[i]) ||
		    a->items[i].generation != b->items[i].generation)
			return false;
	return true;
}

struct json_object *inforce_format(const struct inforce *inforce)
{
	struct json_object *list = json_object_new_array_ext((int)inforce->n);

	if (!list)
		abort();
	for (size_t i = 0; i < inforce->n; i++) {
		struct json_object *entry = json_object_new_object();

		if (!entry || json_object_array_add(list, entry) < 0)
			abort();
		wants_text(entry, "namespace", inforce->items[i].namespace);
		wants_text(entry, "name", inforce->items[i].name);
		wants_number(entry, "generation", inforce->items[i].generation);
	}
	return list;
}

void inforce_parse(struct json_object *list, struct inforce *ret_inforce)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (n > GATEWAYS_MAX)
		n = GATEWAYS_MAX;
	inforce_fini(ret_inforce);
	ret_inforce->items = mem_array(n + 1, sizeof(*ret_inforce->items));
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *generation = apijson_member(entry, "generation");

		if (*apijson_text(entry, "name") && json_object_is_type(generation, json_type_int))
			add(ret_inforce, apijson_text(entry, "namespace"),
			    apijson_text(entry, "name"), json_object_get_int64(generation));
	}
	qsort(ret_inforce->items, ret_inforce->n, sizeof(*ret_inforce->items), compare);
}

void inforce_fini(struct inforce *inforce)
{
	for (size_t i = 0; i < inforce->n; i++) {
		free(inforce->items[i].namespace);
		free(inforce->items[i].name);
	}
	free(inforce->items);
	*inforce = (struct inforce){ 0 };
}
