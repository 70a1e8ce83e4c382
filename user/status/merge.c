// SPDX-License-Identifier: Apache-2.0
/*
 * One recursion over the members of a want. Nothing is changed in place: what stays is shared with
 * the current status. Invariants: an entry of another controller is never touched or moved; a
 * condition's lastTransitionTime changes with its status and at no other time.
 */
#include "status/merge.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kube/apijson.h"

struct merge {
	const struct want *want;
	const char *controller;
	const char *now;
};

/* ---- json-c -------------------------------------------------------------------------------- */

static struct json_object *sure(struct json_object *value)
{
	if (!value)
		abort();
	return value;
}

/* Takes the value, which may be NULL. */
static void set(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, value) < 0)
		abort();
}

/* Takes the value. */
static void append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0)
		abort();
}

static bool is_object(struct json_object *value)
{
	return json_object_is_type(value, json_type_object);
}

static size_t length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static bool is_text(struct json_object *object, const char *name, const char *text)
{
	return !strcmp(apijson_text(object, name), text);
}

/* The first entry of each text of that member, by the text: others may have left thousands. */
static struct json_object *by_text(struct json_object *array, const char *name)
{
	struct json_object *made = sure(json_object_new_object());

	for (size_t i = 0; i < length(array); i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);
		const char *text = apijson_text(entry, name);

		if (!apijson_member(made, text))
			set(made, text, json_object_get(entry));
	}
	return made;
}

/* The entry in which that member is that text, NULL: there is none. */
static struct json_object *find(struct json_object *array, const char *name, const char *text)
{
	for (size_t i = 0; i < length(array); i++)
		if (is_text(json_object_array_get_idx(array, i), name, text))
			return json_object_array_get_idx(array, i);
	return NULL;
}

/* ---- the same? ----------------------------------------------------------------------------- */

/* The server leaves such members out, or puts them in. */
static bool is_empty(struct json_object *value)
{
	if (!is_object(value))
		return !value || (json_object_is_type(value, json_type_array) && !length(value));
	json_object_object_foreach (value, name, member) {
		(void)name;
		if (!is_empty(member))
			return false;
	}
	return true;
}

static bool has_all(struct json_object *a, struct json_object *b)
{
	json_object_object_foreach (a, name, value) {
		if (!merge_is_same(value, apijson_member(b, name)))
			return false;
	}
	return true;
}

/* Of members that the other one has as well has_all() has told. */
static bool has_no_more(struct json_object *a, struct json_object *b)
{
	json_object_object_foreach (a, name, value) {
		if (!apijson_member(b, name) && !is_empty(value))
			return false;
	}
	return true;
}

bool merge_is_same(struct json_object *a, struct json_object *b)
{
	if (is_empty(a) || is_empty(b))
		return is_empty(a) && is_empty(b);
	if (is_object(a) && is_object(b))
		return has_all(a, b) && has_no_more(b, a);
	if (!json_object_is_type(a, json_type_array) || !json_object_is_type(b, json_type_array))
		return json_object_equal(a, b);
	if (length(a) != length(b))
		return false;
	for (size_t i = 0; i < length(a); i++)
		if (!merge_is_same(json_object_array_get_idx(a, i),
				   json_object_array_get_idx(b, i)))
			return false;
	return true;
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* A time the API would not take is none. */
static bool is_time(const char *text)
{
	return strlen(text) >= strlen("2000-01-01T00:00:00Z") && text[4] == '-' && text[10] == 'T';
}

static struct json_object *make_condition(const struct merge *merge, struct json_object *former,
					  struct json_object *wanted)
{
	static const char *const copied[] = { "type", "status", "reason", "message" };
	struct json_object *made = sure(json_object_new_object());
	const char *since = apijson_text(former, "lastTransitionTime");

	if (!is_text(former, "status", apijson_text(wanted, "status")) || !is_time(since))
		since = merge->now;
	for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
		set(made, copied[i], sure(json_object_new_string(apijson_text(wanted, copied[i]))));
	set(made, "lastTransitionTime", sure(json_object_new_string(since)));
	if (merge->want->generation > 0)
		set(made, "observedGeneration",
		    sure(json_object_new_int64(merge->want->generation)));
	return made;
}

/* One without a status is not to be there. */
static void add_condition(const struct merge *merge, struct json_object *made,
			  struct json_object *former, struct json_object *wanted)
{
	if (*apijson_text(wanted, "status"))
		append(made, make_condition(merge, former, wanted));
}

/* ours: no other types stay. */
static struct json_object *merge_conditions(const struct merge *merge, struct json_object *current,
					    struct json_object *wanted, bool ours)
{
	struct json_object *made = sure(json_object_new_array());
	struct json_object *types = by_text(current, "type");

	for (size_t i = 0; i < length(current); i++) {
		struct json_object *former = json_object_array_get_idx(current, i), *mine;
		const char *type = apijson_text(former, "type");

		if (!*type || apijson_member(types, type) != former)
			continue;
		mine = find(wanted, "type", type);
		if (mine)
			add_condition(merge, made, former, mine);
		else if (!ours)
			append(made, json_object_get(former));
	}
	for (size_t i = 0; i < length(wanted); i++) {
		struct json_object *mine = json_object_array_get_idx(wanted, i);

		if (!apijson_member(types, apijson_text(mine, "type")))
			add_condition(merge, made, NULL, mine);
	}
	json_object_put(types);
	return made;
}

/* ---- lists of entries that have conditions -------------------------------------------------- */

/* An entry that is naru's alone: nothing of the former one stays but the times of conditions. */
static struct json_object *merge_entry(const struct merge *merge, struct json_object *former,
				       struct json_object *wanted)
{
	struct json_object *made = sure(json_object_new_object());

	json_object_object_foreach (wanted, name, value) {
		if (!strcmp(name, "conditions"))
			set(made, name,
			    merge_conditions(merge, apijson_member(former, name), value, true));
		else
			set(made, name, json_object_get(value));
	}
	return made;
}

static struct json_object *merge_listeners(const struct merge *merge, struct json_object *current,
					   struct json_object *wanted)
{
	struct json_object *made = sure(json_object_new_array());

	for (size_t i = 0; i < length(wanted); i++) {
		struct json_object *mine = json_object_array_get_idx(wanted, i);

		append(made,
		       merge_entry(merge, find(current, "name", apijson_text(mine, "name")), mine));
	}
	return made;
}

/* ---- parents of routes --------------------------------------------------------------------- */

static const char *text_or(struct json_object *object, const char *name, const char *otherwise)
{
	const char *text = apijson_text(object, name);

	return *text ? text : otherwise;
}

/* The server fills in what a reference leaves out. */
static bool is_same_parent(const struct merge *merge, struct json_object *a, struct json_object *b)
{
	const struct {
		const char *name, *otherwise;
	} parts[] = {
		{ "group", "gateway.networking.k8s.io" },
		{ "kind", "Gateway" },
		{ "namespace", merge->want->namespace },
		{ "name", "" },
		{ "sectionName", "" },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strcmp(text_or(a, parts[i].name, parts[i].otherwise),
			   text_or(b, parts[i].name, parts[i].otherwise)) != 0)
			return false;
	return apijson_number(a, "port") == apijson_number(b, "port");
}

static struct json_object *find_parent(const struct merge *merge, struct json_object *parents,
				       struct json_object *entry)
{
	for (size_t i = 0; i < length(parents); i++) {
		struct json_object *parent = json_object_array_get_idx(parents, i);

		if (is_text(parent, "controllerName", merge->controller) &&
		    is_same_parent(merge, apijson_member(parent, "parentRef"),
				   apijson_member(entry, "parentRef")))
			return parent;
	}
	return NULL;
}

/* The reference stays as it was written: two ways to say the same are no change. */
static struct json_object *merge_parent(const struct merge *merge, struct json_object *former,
					struct json_object *wanted)
{
	struct json_object *made = merge_entry(merge, former, wanted);

	if (former)
		set(made, "parentRef", json_object_get(apijson_member(former, "parentRef")));
	return made;
}

static struct json_object *merge_parents(const struct merge *merge, struct json_object *current,
					 struct json_object *wanted)
{
	struct json_object *made = sure(json_object_new_array());

	for (size_t i = 0; i < length(current); i++) {
		struct json_object *former = json_object_array_get_idx(current, i);
		struct json_object *mine = find_parent(merge, wanted, former);

		if (!is_object(former))
			continue;
		if (!is_text(former, "controllerName", merge->controller))
			append(made, json_object_get(former));
		else if (mine && find_parent(merge, current, former) == former)
			append(made, merge_parent(merge, former, mine));
	}
	for (size_t i = 0; i < length(wanted) && length(made) < MERGE_PARENTS_MAX; i++) {
		struct json_object *mine = json_object_array_get_idx(wanted, i);

		if (!find_parent(merge, current, mine))
			append(made, merge_parent(merge, NULL, mine));
	}
	return made;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static struct json_object *merge_member(const struct merge *merge, const char *name,
					struct json_object *current, struct json_object *wanted)
{
	if (!strcmp(name, "conditions"))
		return merge_conditions(merge, current, wanted, false);
	if (!strcmp(name, "listeners"))
		return merge_listeners(merge, current, wanted);
	if (!strcmp(name, "parents"))
		return merge_parents(merge, current, wanted);
	return json_object_get(wanted);
}

struct json_object *merge_status(const struct want *want, struct json_object *current,
				 const char *controller, const char *now)
{
	const struct merge merge = { .want = want, .controller = controller, .now = now };
	struct json_object *made = sure(json_object_new_object());

	if (is_object(current)) {
		json_object_object_foreach (current, name, value) {
			set(made, name, json_object_get(value));
		}
	}
	json_object_object_foreach (want->status, wanted_name, wanted) {
		set(made, wanted_name,
		    merge_member(&merge, wanted_name, apijson_member(current, wanted_name),
				 wanted));
	}
	if (!merge_is_same(made, current))
		return made;
	json_object_put(made);
	return NULL;
}

size_t merge_left_out(const struct want *want, struct json_object *status, const char *controller)
{
	const struct merge merge = { .want = want, .controller = controller };
	struct json_object *wanted = apijson_member(want->status, "parents");
	struct json_object *parents = apijson_member(status, "parents");
	size_t n = 0;

	for (size_t i = 0; i < length(wanted); i++)
		n += !find_parent(&merge, parents, json_object_array_get_idx(wanted, i));
	return n;
}

struct json_object *merge_patch(struct json_object *from, struct json_object *to)
{
	struct json_object *patch;

	if (!is_object(from) || !is_object(to))
		return json_object_get(to);
	patch = sure(json_object_new_object());
	json_object_object_foreach (from, gone, former) {
		if (former && !apijson_member(to, gone))
			set(patch, gone, NULL);
	}
	json_object_object_foreach (to, name, value) {
		struct json_object *before = apijson_member(from, name);

		if (!json_object_equal(before, value))
			set(patch, name, merge_patch(before, value));
	}
	return patch;
}
