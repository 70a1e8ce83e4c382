// SPDX-License-Identifier: Apache-2.0
/*
 * From a text to objects, for manifests.c, store.c and the fuzzer. Invariants: a wrong object harms
 * itself only; what is wrong with it names file, line, object, field and reason; an object is in
 * one of objects, broken and skipped, unless it is so wrong that partial stands for it.
 */
#include "kube/load.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/decode.h"
#include "kube/field.h"
#include "kube/jsondoc.h"
#include "kube/kind.h"
#include "kube/yamldoc.h"

struct loader {
	const char *file;
	const struct document *document;
	struct load *load;
	bool confidential; /* the document holds something that shall not stay in memory */
};

/* Elements of a typed list may leave both out: they take them from the list. */
struct type {
	char *api_version;
	char *kind;
};

static const struct decode_field type_fields[] = {
	{ .name = "apiVersion", .fn = field_string, .offset = offsetof(struct type, api_version) },
	{ .name = "kind", .fn = field_string, .offset = offsetof(struct type, kind) },
	{ 0 },
};

static void free_type(struct type *type)
{
	free(type->api_version);
	free(type->kind);
}

static void add_object(struct object *object, struct object ***array, size_t *n, size_t *cap)
{
	*array = mem_grow(*array, *n, cap, sizeof(**array));
	(*array)[(*n)++] = object;
}

static int line_of(const struct loader *l, struct json_object *value)
{
	int line = document_line(value);

	return line ? line : l->document->line;
}

/* Nobody can tell which object this was meant to be. */
static void report_unknown(struct loader *l, struct json_object *value, const char *field,
			   const char *reason)
{
	diag_add(&l->load->diags, DIAG_ERROR, l->file, line_of(l, value), "", field, "%s", reason);
	l->load->partial = true;
}

/* Who needs these asks for them; nothing that naru serves depends on them. */
static void take_mark(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	char **mark = target;

	(void)d;
	(void)field;
	*mark = mem_strdup(text);
}

static void take_generation(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	int64_t *generation = target;

	(void)d;
	(void)field;
	if (json_object_is_type(value, json_type_int))
		*generation = json_object_get_int64(value);
}

#define OBJECT(member) offsetof(struct object, member)
#define IDS(name_type)                                                                             \
	{                                                                                          \
		{ .name = "namespace", .fn = field_label, .offset = OBJECT(namespace) },           \
			{ .name = "name",                                                          \
			  .fn = (name_type),                                                       \
			  .offset = OBJECT(name),                                                  \
			  .flags = DECODE_REQUIRED },                                              \
			{ .name = "uid", .fn = take_mark, .offset = OBJECT(origin.uid) },          \
			{ .name = "resourceVersion",                                               \
			  .fn = take_mark,                                                         \
			  .offset = OBJECT(origin.resource_version) },                             \
			{ .name = "generation",                                                    \
			  .fn = take_generation,                                                   \
			  .offset = OBJECT(origin.generation) },                                   \
			{ 0 },                                                                     \
	}
#define METADATA(ids)                                                                              \
	{                                                                                          \
		{ .name = "metadata",                                                              \
		  .fn = decode_object,                                                             \
		  .arg = (ids),                                                                    \
		  .flags = DECODE_REQUIRED },                                                      \
			{ 0 },                                                                     \
	}
static const struct decode_field label_ids[] = IDS(field_label);
static const struct decode_field subdomain_ids[] = IDS(field_subdomain);
static const struct decode_field named_by_label[] = METADATA(label_ids);
static const struct decode_field named_by_subdomain[] = METADATA(subdomain_ids);

const struct decode_field *load_reads(const struct kind *kind)
{
	return kind->name_type == field_label ? named_by_label : named_by_subdomain;
}

/* Name and namespace, checked. Returns NULL after a report. */
static struct object *read_key(struct decode *d, const struct kind *kind, struct json_object *value)
{
	_cleanup_(object_freep) struct object *object = object_new(kind->object);

	d->object = kind->name;
	decode_fields(d, load_reads(kind), value, object);
	if (!d->errors && !*object->name) {
		diag_add(d->diags, DIAG_ERROR, d->file, d->line, d->object, "metadata.name",
			 "is empty");
		return NULL;
	}
	if (d->errors)
		return NULL;
	if (!kind->namespaced || !*object->namespace) {
		free(object->namespace);
		object->namespace = mem_strdup(kind->namespaced ? "default" : "");
	}
	object->origin.file = mem_strdup(d->file);
	object->origin.line = d->line;
	return TAKE_PTR(object);
}

static char *describe(const struct object *object)
{
	return mem_printf("%s %s%s%s", object_kind_name(object->kind), object->namespace,
			  *object->namespace ? "/" : "", object->name);
}

static struct object *copy_key(const struct object *object)
{
	struct object *key = object_new(object->kind);

	key->namespace = mem_strdup(object->namespace);
	key->name = mem_strdup(object->name);
	return key;
}

/* A key that is there twice makes the whole object doubtful, also where naru does not look. */
static bool has_fault(struct loader *l, struct json_object *value, const char *object)
{
	const struct document_fault *fault = document_find_fault(l->document, value);

	if (fault)
		diag_add(&l->load->diags, DIAG_ERROR, l->file, fault->line, object, "", "%s",
			 fault->reason);
	return fault != NULL;
}

static void take_object(struct loader *l, const struct kind *kind, struct json_object *value)
{
	struct load *load = l->load;
	struct decode d = { .diags = &load->diags, .file = l->file, .line = line_of(l, value) };
	_cleanup_(object_freep) struct object *object = read_key(&d, kind, value);
	_cleanup_(mem_freep) char *name = NULL;

	if (!object) {
		load->partial = true;
		return;
	}
	name = describe(object);
	d.object = name;
	d.confidential = kind->confidential;
	decode_fields(&d, kind->fields, value, object);
	if (!d.errors && kind->finish)
		kind->finish(&d, object);
	if (has_fault(l, value, name) || d.errors)
		add_object(copy_key(object), &load->broken, &load->n_broken, &load->cap_broken);
	else
		add_object(TAKE_PTR(object), &load->objects, &load->n, &load->cap);
}

static void take_value(struct loader *l, struct json_object *value, const struct type *from_list);

/* "List" of anything, "ServiceList"… The name of the element's kind is what stands before. */
static void take_list(struct loader *l, struct json_object *list, struct json_object *items,
		      const struct type *type)
{
	size_t len = strlen(type->kind) - strlen("List");
	struct type element = { 0 };

	if (items && !json_object_is_type(items, json_type_array))
		return report_unknown(l, items, "items", "expected a list");
	for (size_t i = 0; i < l->document->n_faults; i++) {
		if (l->document->faults[i].at == list)
			return report_unknown(l, list, "", l->document->faults[i].reason);
	}
	if (len) {
		element.api_version = mem_strdup(type->api_version);
		element.kind = mem_printf("%.*s", (int)len, type->kind);
	}
	for (size_t i = 0; items && i < json_object_array_length(items); i++)
		take_value(l, json_object_array_get_idx(items, i), len ? &element : NULL);
	free_type(&element);
}

/* A kind that ends in List but has no items is an object like any other. */
static bool is_list(const struct type *type, struct json_object *value,
		    struct json_object **ret_items)
{
	size_t len = strlen(type->kind);
	bool found = json_object_object_get_ex(value, "items", ret_items);

	return len >= 4 && !strcmp(type->kind + len - 4, "List") && (found || len == 4);
}

static void inherit(struct type *type, const struct type *from_list)
{
	if (from_list && !*type->api_version && !*type->kind) {
		free_type(type);
		type->api_version = mem_strdup(from_list->api_version);
		type->kind = mem_strdup(from_list->kind);
	}
}

/* Of the kind's types the one that naru reads. What is no text is for the decoder to report. */
static bool is_of_type(const struct kind *kind, struct json_object *value)
{
	struct json_object *type = NULL;

	if (!kind->type)
		return true;
	json_object_object_get_ex(value, "type", &type);
	if (!json_object_is_type(type, json_type_string))
		return type != NULL;
	return !strcmp(json_object_get_string(type), kind->type);
}

static void take_value(struct loader *l, struct json_object *value, const struct type *from_list)
{
	struct decode d = { .diags = &l->load->diags, .file = l->file, .object = "" };
	_cleanup_(free_type) struct type type = { 0 };
	struct json_object *items = NULL;
	const struct kind *kind;

	d.line = line_of(l, value);
	if (!value)
		return report_unknown(l, value, "", "expected an object, found null");
	decode_fields(&d, type_fields, value, &type);
	if (d.errors) {
		l->load->partial = true;
		return;
	}
	inherit(&type, from_list);
	if (!*type.kind)
		return report_unknown(l, value, "kind", "is required");
	if (!*type.api_version)
		return report_unknown(l, value, "apiVersion", "is required");
	if (is_list(&type, value, &items))
		return take_list(l, value, items, &type);
	kind = kind_find(type.api_version, type.kind);
	l->confidential |= kind && kind->confidential;
	if (kind && is_of_type(kind, value))
		take_object(l, kind, value);
	else
		l->load->skipped++;
}

static void on_document(void *arg, const struct document *document)
{
	struct loader *l = arg;

	l->document = document;
	l->confidential = false;
	if (document->unreadable)
		report_unknown(l, NULL, "", document->unreadable);
	else if (document->n_faults > DOCUMENT_FAULTS_MAX)
		report_unknown(l, NULL, "", "too many keys are there twice");
	else
		take_value(l, document->root, NULL);
	/* Only now: an alias may have made one text a part of several objects. */
	if (l->confidential)
		document_wipe(document->root);
}

/* By key; of one key the later first. Objects of a text are numbered in more_owners meanwhile. */
static int compare_later_first(const void *left, const void *right)
{
	const struct object *a = *(struct object *const *)left;
	const struct object *b = *(struct object *const *)right;
	int r = object_compare_key(a, b);

	return r ? r : (a->more_owners < b->more_owners) - (a->more_owners > b->more_owners);
}

static void drop_duplicate(struct load *load, const struct object *kept, struct object *object)
{
	_cleanup_(mem_freep) char *name = describe(object);

	diag_add(&load->diags, DIAG_WARNING, object->origin.file, object->origin.line, name, "",
		 "is defined again in line %d, which counts", kept->origin.line);
	object_free(object);
}

static void sort_objects(struct load *load)
{
	size_t n = 0;

	if (!load->n)
		return;
	for (size_t i = 0; i < load->n; i++)
		load->objects[i]->more_owners = (unsigned)i;
	qsort(load->objects, load->n, sizeof(struct object *), compare_later_first);
	for (size_t i = 0; i < load->n; i++) {
		struct object *object = load->objects[i];

		object->more_owners = 0;
		if (n && !object_compare_key(load->objects[n - 1], object))
			drop_duplicate(load, load->objects[n - 1], object);
		else
			load->objects[n++] = object;
	}
	load->n = n;
}

void load_text(enum load_format format, const char *file, const char *text, size_t len,
	       struct load *ret_load)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct loader l = { .file = file, .load = ret_load };
	const char *reason;
	int line;

	*ret_load = (struct load){ 0 };
	reason = document_check_text(text, len, &line);
	if (reason) {
		diag_add(&ret_load->diags, DIAG_ERROR, file, line, "", "", "%s", reason);
		ret_load->partial = true;
		return;
	}
	if (len >= sizeof(bom) - 1 && !memcmp(text, bom, sizeof(bom) - 1)) {
		text += sizeof(bom) - 1;
		len -= sizeof(bom) - 1;
	}
	if (format == LOAD_JSON)
		jsondoc_read(text, len, on_document, &l);
	else
		yamldoc_read(text, len, on_document, &l);
	sort_objects(ret_load);
}

void load_value(const struct kind *kind, const char *file, struct json_object *value,
		struct load *ret_load)
{
	const struct document document = { .root = value };
	struct loader l = { .file = file, .document = &document, .load = ret_load };

	*ret_load = (struct load){ 0 };
	if (is_of_type(kind, value))
		take_object(&l, kind, value);
	else
		ret_load->skipped++;
	if (kind->confidential)
		document_wipe(value);
}

void load_fini(struct load *load)
{
	for (size_t i = 0; i < load->n; i++)
		object_free(load->objects[i]);
	for (size_t i = 0; i < load->n_broken; i++)
		object_free(load->broken[i]);
	free(load->objects);
	free(load->broken);
	diag_fini(&load->diags);
	*load = (struct load){ 0 };
}
