// SPDX-License-Identifier: Apache-2.0
/*
 * An array in the order of adding, and a tree that finds its elements by the object's key: it keeps
 * their places, since the array moves as it grows. Out of memory aborts.
 */
#include "status/wants.h"

#include <json-c/json.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/gateway.h"

static struct json_object *sure(struct json_object *value)
{
	if (!value)
		abort();
	return value;
}

/* Takes the value; the name is copied. */
static struct json_object *set(struct json_object *owner, const char *name,
			       struct json_object *value)
{
	if (json_object_object_add(owner, name, sure(value)) < 0)
		abort();
	return value;
}

static struct json_object *get(struct json_object *owner, const char *name, enum json_type type)
{
	struct json_object *found = NULL;

	json_object_object_get_ex(owner, name, &found);
	return json_object_is_type(found, type) ? found : NULL;
}

/* ---- wants ---------------------------------------------------------------------------------- */

struct place {
	enum object_kind kind;
	const char *namespace, *name; /* the want's */
	size_t at;
};

static int compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->namespace, b->namespace);
	return order ? order : strcmp(a->name, b->name);
}

const struct want *wants_find(const struct wants *wants, enum object_kind kind,
			      const char *namespace, const char *name)
{
	const struct place wanted = { .kind = kind, .namespace = namespace, .name = name };
	struct place *const *found = tfind(&wanted, &wants->index, compare);

	return found ? &wants->items[(*found)->at] : NULL;
}

static void add_place(struct wants *wants, const struct want *want)
{
	struct place *place = mem_new(sizeof(*place));

	*place = (struct place){
		.kind = want->kind,
		.namespace = want->namespace,
		.name = want->name,
		.at = (size_t)(want - wants->items),
	};
	if (!tsearch(place, &wants->index, compare))
		abort();
}

struct json_object *wants_add(struct wants *wants, const struct object *object)
{
	const struct want *found = wants_find(wants, object->kind, object->namespace, object->name);
	struct want *want;

	if (found)
		return found->status;
	wants->items = mem_grow(wants->items, wants->n, &wants->cap, sizeof(*wants->items));
	want = &wants->items[wants->n++];
	*want = (struct want){
		.kind = object->kind,
		.namespace = mem_strdup(object->namespace),
		.name = mem_strdup(object->name),
		.generation = object->origin.generation,
		.uid = mem_strdup(object->origin.uid ? object->origin.uid : ""),
		.status = sure(json_object_new_object()),
	};
	add_place(wants, want);
	return want->status;
}

struct json_object *wants_replace(struct wants *wants, const struct object *object)
{
	struct want *want;

	wants_add(wants, object);
	want = (struct want *)wants_find(wants, object->kind, object->namespace, object->name);
	json_object_put(want->status);
	want->status = sure(json_object_new_object());
	want->generation = object->origin.generation;
	free(want->uid);
	want->uid = mem_strdup(object->origin.uid ? object->origin.uid : "");
	return want->status;
}

void wants_fini(struct wants *wants)
{
	tdestroy(wants->index, free);
	for (size_t i = 0; i < wants->n; i++) {
		free(wants->items[i].namespace);
		free(wants->items[i].name);
		free(wants->items[i].uid);
		json_object_put(wants->items[i].status);
	}
	free(wants->items);
	*wants = (struct wants){ 0 };
}

/* ---- what they say -------------------------------------------------------------------------- */

struct json_object *wants_list(struct json_object *owner, const char *list)
{
	struct json_object *found = get(owner, list, json_type_array);

	return found ? found : set(owner, list, json_object_new_array());
}

struct json_object *wants_entry(struct json_object *owner, const char *list)
{
	struct json_object *entry = sure(json_object_new_object());

	if (json_object_array_add(wants_list(owner, list), entry) < 0)
		abort();
	return entry;
}

struct json_object *wants_member(struct json_object *owner, const char *name)
{
	struct json_object *found = get(owner, name, json_type_object);

	return found ? found : set(owner, name, json_object_new_object());
}

void wants_parent(struct json_object *entry, const struct object_reference *parent)
{
	struct json_object *reference = wants_member(entry, "parentRef");

	wants_text(reference, "group", parent->group);
	wants_text(reference, "kind", parent->kind);
	if (*parent->namespace)
		wants_text(reference, "namespace", parent->namespace);
	wants_text(reference, "name", parent->name);
	if (*parent->section)
		wants_text(reference, "sectionName", parent->section);
	if (parent->port)
		wants_number(reference, "port", parent->port);
}

void wants_text(struct json_object *owner, const char *name, const char *text)
{
	set(owner, name, json_object_new_string(text));
}

void wants_number(struct json_object *owner, const char *name, int64_t number)
{
	set(owner, name, json_object_new_int64(number));
}

void wants_condition(struct json_object *owner, const char *type, bool holds, const char *reason,
		     const char *message)
{
	struct json_object *condition = wants_entry(owner, "conditions");

	wants_text(condition, "type", type);
	wants_text(condition, "status", holds ? "True" : "False");
	wants_text(condition, "reason", reason);
	wants_text(condition, "message", message);
}
