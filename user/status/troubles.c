// SPDX-License-Identifier: Apache-2.0
/*
 * One table has what is said of each matter. Invariant: what comes of the same diagnostics, in
 * whatever order, is the same text, so that a status is written once.
 */
#include "status/troubles.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/apijson.h"

#define TROUBLES_MAX 64	 /* of a node */
#define MESSAGE_MAX  512 /* of one of them */
#define JOINED_MAX   3	 /* in one message */

#define PROGRAMMED "naru.io/Programmed"
#define CONFLICTED "naru.io/Conflicted"

static const struct {
	const char *type;
	bool holds;
	const char *reason;
} rows[] = {
	[DIAG_PORT_SHARED] = { CONFLICTED, true, "PortInUse" },
	[DIAG_ADDRESS] = { PROGRAMMED, false, "AddressNotUsable" },
	[DIAG_PORT] = { PROGRAMMED, false, "PortUnavailable" },
	[DIAG_ROOM] = { PROGRAMMED, false, "NoResources" },
};

/* What a diagnostic or a node may be about. */
static const enum object_kind kinds[] = { OBJECT_SERVICE, OBJECT_GATEWAY, OBJECT_POD };

static bool find_kind(const char *name, size_t len, enum object_kind *ret_kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *known = object_kind_name(kinds[i]);

		if (strlen(known) != len || strncmp(known, name, len) != 0)
			continue;
		*ret_kind = kinds[i];
		return true;
	}
	return false;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void fini_trouble(struct trouble *trouble)
{
	free(trouble->namespace);
	free(trouble->name);
	free(trouble->message);
}

void troubles_fini(struct troubles *troubles)
{
	for (size_t i = 0; i < troubles->n; i++)
		fini_trouble(&troubles->items[i]);
	free(troubles->items);
	*troubles = (struct troubles){ 0 };
}

/* Takes the strings. */
static void add(struct troubles *troubles, const struct trouble *trouble)
{
	troubles->items =
		mem_grow(troubles->items, troubles->n, &troubles->cap, sizeof(*troubles->items));
	troubles->items[troubles->n++] = *trouble;
}

static void add_diag(struct troubles *troubles, const struct diag *diag)
{
	const char *space = strchr(diag->object, ' ');
	const char *slash = space ? strchr(space, '/') : NULL;
	enum object_kind kind;

	if (!slash || !find_kind(diag->object, (size_t)(space - diag->object), &kind))
		return;
	add(troubles, &(struct trouble){
			      .kind = kind,
			      .namespace = mem_printf("%.*s", (int)(slash - space - 1), space + 1),
			      .name = mem_strdup(slash + 1),
			      .matter = diag->matter,
			      .message = mem_printf("%s%s%s", diag->field, *diag->field ? ": " : "",
						    diag->reason),
		      });
}

void troubles_add(struct troubles *troubles, const struct diag_list *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		if (diags->items[i].matter != DIAG_NONE)
			add_diag(troubles, &diags->items[i]);
}

/* By object and condition. */
static int compare(const struct trouble *a, const struct trouble *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (!order)
		order = strcmp(a->namespace, b->namespace);
	if (!order)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(rows[a->matter].type, rows[b->matter].type);
}

/* The worst of one condition first. */
static int rank(const void *left, const void *right)
{
	const struct trouble *a = left, *b = right;
	int order = compare(a, b);

	if (!order)
		order = (a->matter < b->matter) - (a->matter > b->matter);
	return order ? order : strcmp(a->message, b->message);
}

/* Those from `first` on, up to `end`, in the first one's words; they are gone but for it. */
static void join(struct troubles *troubles, size_t first, size_t end)
{
	struct trouble *head = &troubles->items[first];
	struct str text = { 0 };
	size_t n = 0, more = 0;

	for (size_t i = first; i < end; i++) {
		if (i > first &&
		    !strcmp(troubles->items[i].message, troubles->items[i - 1].message))
			continue;
		if (n < JOINED_MAX)
			str_addf(&text, "%s%s", n ? "; " : "", troubles->items[i].message);
		more += n++ >= JOINED_MAX;
	}
	if (more)
		str_addf(&text, "; and %zu more", more);
	for (size_t i = first + 1; i < end; i++)
		fini_trouble(&troubles->items[i]);
	free(head->message);
	head->message = text.buf;
}

void troubles_sort(struct troubles *troubles)
{
	size_t n = 0;

	if (troubles->n)
		qsort(troubles->items, troubles->n, sizeof(*troubles->items), rank);
	for (size_t i = 0, end; i < troubles->n; i = end) {
		for (end = i + 1; end < troubles->n; end++)
			if (compare(&troubles->items[i], &troubles->items[end]) != 0)
				break;
		if (end > i + 1)
			join(troubles, i, end);
		troubles->items[n++] = troubles->items[i];
	}
	troubles->n = n;
}

bool troubles_equal(const struct troubles *a, const struct troubles *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (rank(&a->items[i], &b->items[i]) != 0)
			return false;
	return true;
}

const struct trouble *troubles_find(const struct troubles *troubles, enum object_kind kind,
				    const char *namespace, const char *name,
				    enum diag_matter matter)
{
	for (size_t i = 0; i < troubles->n; i++) {
		const struct trouble *trouble = &troubles->items[i];

		if (trouble->kind == kind && trouble->matter == matter &&
		    !strcmp(trouble->namespace, namespace) && !strcmp(trouble->name, name))
			return trouble;
	}
	return NULL;
}

/* Takes the message. */
static void add_as(struct troubles *troubles, const struct trouble *trouble, char *message)
{
	add(troubles, &(struct trouble){
			      .kind = trouble->kind,
			      .namespace = mem_strdup(trouble->namespace),
			      .name = mem_strdup(trouble->name),
			      .matter = trouble->matter,
			      .message = message,
		      });
}

void troubles_copy(struct troubles *troubles, const struct trouble *trouble)
{
	add_as(troubles, trouble, mem_strdup(trouble->message));
}

void troubles_append(struct troubles *troubles, const struct troubles *from, const char *node)
{
	for (size_t i = 0; i < from->n; i++)
		add_as(troubles, &from->items[i],
		       mem_printf("node %s: %s", node, from->items[i].message));
}

/* ---- NodeStates ------------------------------------------------------------------------------ */

struct json_object *troubles_format(const struct troubles *troubles)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		abort();
	for (size_t i = 0; i < troubles->n && i < TROUBLES_MAX; i++) {
		const struct trouble *trouble = &troubles->items[i];
		_cleanup_(mem_freep) char *message =
			mem_printf("%.*s", MESSAGE_MAX, trouble->message);
		struct json_object *entry = json_object_new_object();

		if (!entry || json_object_array_add(list, entry) < 0)
			abort();
		wants_text(entry, "kind", object_kind_name(trouble->kind));
		wants_text(entry, "namespace", trouble->namespace);
		wants_text(entry, "name", trouble->name);
		wants_text(entry, "reason", rows[trouble->matter].reason);
		wants_text(entry, "message", message);
	}
	return list;
}

static bool find_reason(const char *reason, enum diag_matter *ret_matter)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].reason || strcmp(rows[i].reason, reason) != 0)
			continue;
		*ret_matter = (enum diag_matter)i;
		return true;
	}
	return false;
}

void troubles_parse(struct json_object *list, struct troubles *ret_troubles)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	troubles_fini(ret_troubles);
	for (size_t i = 0; i < n && i < TROUBLES_MAX; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *kind = apijson_text(entry, "kind");
		struct trouble trouble;

		if (!find_kind(kind, strlen(kind), &trouble.kind) ||
		    !find_reason(apijson_text(entry, "reason"), &trouble.matter))
			continue;
		trouble.namespace = mem_strdup(apijson_text(entry, "namespace"));
		trouble.name = mem_strdup(apijson_text(entry, "name"));
		trouble.message = mem_printf("%.*s", MESSAGE_MAX, apijson_text(entry, "message"));
		add(ret_troubles, &trouble);
	}
	troubles_sort(ret_troubles);
}

/* ---- Services -------------------------------------------------------------------------------- */

void troubles_want(const struct troubles *troubles, struct model *model, struct wants *wants)
{
	for (size_t i = 0; i < troubles->n; i++) {
		const struct trouble *trouble = &troubles->items[i];
		const struct object *service =
			trouble->kind == OBJECT_SERVICE
				? model_get(model, OBJECT_SERVICE, trouble->namespace,
					    trouble->name)
				: NULL;

		if (service)
			wants_condition(wants_add(wants, service), rows[trouble->matter].type,
					rows[trouble->matter].holds, rows[trouble->matter].reason,
					trouble->message);
	}
}

/* Of whose domain it is does not matter here, and a slash may be written in two ways. */
bool troubles_said(const char *status)
{
	return strstr(status, "/Programmed\"") || strstr(status, "/Conflicted\"");
}

static bool is_wanted(struct json_object *status, const char *type)
{
	struct json_object *list = wants_list(status, "conditions");

	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(apijson_text(json_object_array_get_idx(list, i), "type"), type))
			return true;
	return false;
}

void troubles_clear(const struct object *service, struct wants *wants)
{
	static const char *const types[] = { PROGRAMMED, CONFLICTED };
	struct json_object *status = wants_add(wants, service);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!is_wanted(status, types[i]))
			wants_text(wants_entry(status, "conditions"), "type", types[i]);
}
