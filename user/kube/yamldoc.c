// SPDX-License-Identifier: Apache-2.0
/*
 * From libyaml's events to json-c's values, for load.c. Recursion follows the nesting of the
 * text, which is capped. Invariants: an anchor can be used only after its node is complete, so no
 * value contains itself; an alias shares the anchor's value, and what it would expand to is
 * counted, since whoever walks the value walks the expansion.
 */
#include "kube/yamldoc.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/secret.h"
#include "kube/scalar.h"

struct anchor {
	char *name;
	struct json_object *value;
	size_t nodes;
};

struct reader {
	yaml_parser_t parser;
	int line_before; /* lines of the file before this chunk */
	struct document document;
	struct anchor *anchors;
	size_t n_anchors;
	size_t cap_anchors;
	size_t nodes; /* so far, with aliases expanded */
	size_t alias_nodes;
	unsigned depth;
};

static void put_valuep(struct json_object **value)
{
	json_object_put(*value);
}

static int fail(struct reader *r, int line, const char *reason, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, int line, const char *reason, ...)
{
	va_list args;

	va_start(args, reason);
	r->document.unreadable = mem_vprintf(reason, args);
	va_end(args);
	r->document.line = line;
	return -EINVAL;
}

static int line_of(const struct reader *r, const yaml_mark_t *mark)
{
	return r->line_before + (int)mark->line + 1;
}

static int next_event(struct reader *r, yaml_event_t *ret_event)
{
	const yaml_parser_t *parser = &r->parser;

	if (yaml_parser_parse(&r->parser, ret_event))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		abort();
	return fail(r, line_of(r, &parser->problem_mark), "not valid YAML: %s%s%s",
		    parser->context ? parser->context : "", parser->context ? ", " : "",
		    parser->problem ? parser->problem : "unknown problem");
}

static struct anchor *find_anchor(struct reader *r, const char *name)
{
	/* A name may be given again: the last one counts. */
	for (size_t i = r->n_anchors; i > 0; i--) {
		if (!strcmp(r->anchors[i - 1].name, name))
			return &r->anchors[i - 1];
	}
	return NULL;
}

/* The table is searched one by one, so its length is capped, too. */
static int add_anchor(struct reader *r, int line, const char *name, struct json_object *value,
		      size_t nodes)
{
	if (r->n_anchors >= 1000)
		return fail(r, line, "there are more than 1000 anchors");
	r->anchors = mem_grow(r->anchors, r->n_anchors, &r->cap_anchors, sizeof(*r->anchors));
	r->anchors[r->n_anchors++] = (struct anchor){
		.name = mem_strdup(name),
		.value = json_object_get(value),
		.nodes = nodes,
	};
	return 0;
}

static int count_alias(struct reader *r, int line, size_t nodes)
{
	r->nodes += nodes;
	r->alias_nodes += nodes;
	if (r->alias_nodes <= YAMLDOC_ALIAS_NODES_MAX)
		return 0;
	return fail(r, line, "aliases expand to more than %d values", YAMLDOC_ALIAS_NODES_MAX);
}

static int read_alias(struct reader *r, const yaml_event_t *event, struct json_object **ret_value)
{
	const char *name = (const char *)event->data.alias.anchor;
	int line = line_of(r, &event->start_mark);
	const struct anchor *anchor = find_anchor(r, name);

	if (!anchor)
		return fail(r, line, "alias *%s: there is no such anchor before it", name);
	if (count_alias(r, line, anchor->nodes))
		return -EINVAL;
	*ret_value = json_object_get(anchor->value);
	return 0;
}

static struct json_object *read_scalar(const yaml_event_t *event)
{
	static const char *const resolved[] = { YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
						YAML_NULL_TAG };
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	size_t len = event->data.scalar.length;
	bool resolve = !tag && event->data.scalar.plain_implicit;

	for (size_t i = 0; tag && i < ARRAY_SIZE(resolved); i++)
		resolve |= !strcmp(tag, resolved[i]);
	if (resolve)
		return scalar_resolve(text, len);
	return json_object_new_string_len(text, (int)len);
}

static int read_node(struct reader *r, const yaml_event_t *event, struct json_object **ret_value);

static int read_sequence(struct reader *r, int line, struct json_object **ret_value)
{
	_cleanup_(put_valuep) struct json_object *list = json_object_new_array();

	document_set_line(list, line);
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
		struct json_object *item = NULL;

		if (next_event(r, &event))
			return -EINVAL;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (read_node(r, &event, &item))
			return -EINVAL;
		json_object_array_add(list, item);
	}
	*ret_value = TAKE_PTR(list);
	return 0;
}

/* Adds what `from` has and `to` has not. Explicit keys are all in `to` by now. */
static int merge_one(struct reader *r, int line, struct json_object *to, struct json_object *from)
{
	if (!json_object_is_type(from, json_type_object))
		return fail(r, line, "merge key: expected an object or a list of objects");
	if (count_alias(r, line, (size_t)json_object_object_length(from)))
		return -EINVAL;
	json_object_object_foreach (from, key, value) {
		if (!json_object_object_get_ex(to, key, NULL))
			json_object_object_add(to, key, json_object_get(value));
	}
	return 0;
}

static int merge(struct reader *r, int line, struct json_object *to, struct json_object *from)
{
	if (!json_object_is_type(from, json_type_array))
		return merge_one(r, line, to, from);
	for (size_t i = 0; i < json_object_array_length(from); i++) {
		if (merge_one(r, line, to, json_object_array_get_idx(from, i)))
			return -EINVAL;
	}
	return 0;
}

static bool is_merge_key(const yaml_event_t *key)
{
	return key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       !strcmp((const char *)key->data.scalar.value, "<<");
}

/* Reads the value of a key and puts the pair into map, or a merge key's value into *merged. */
static int read_pair(struct reader *r, const yaml_event_t *key, struct json_object *map,
		     struct json_object **merged)
{
	_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
	_cleanup_(put_valuep) struct json_object *value = NULL;
	int line = line_of(r, &key->start_mark);
	const char *name;

	if (key->type != YAML_SCALAR_EVENT)
		return fail(r, line, "expected a string as key");
	name = (const char *)key->data.scalar.value;
	if (strlen(name) != key->data.scalar.length)
		return fail(r, line, "there is a NUL byte in a key");
	if (next_event(r, &event) || read_node(r, &event, &value))
		return -EINVAL;
	if (is_merge_key(key) && !*merged)
		*merged = TAKE_PTR(value);
	else if (is_merge_key(key) || json_object_object_get_ex(map, name, NULL))
		document_add_fault(&r->document, map, line, "key \"%s\" is there twice", name);
	else
		json_object_object_add_ex(map, name, TAKE_PTR(value), JSON_C_OBJECT_ADD_KEY_IS_NEW);
	return 0;
}

static int read_mapping(struct reader *r, int line, struct json_object **ret_value)
{
	_cleanup_(put_valuep) struct json_object *map = json_object_new_object();
	_cleanup_(put_valuep) struct json_object *merged = NULL;

	document_set_line(map, line);
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };

		if (next_event(r, &event))
			return -EINVAL;
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		if (read_pair(r, &event, map, &merged))
			return -EINVAL;
	}
	if (merged && merge(r, line, map, merged))
		return -EINVAL;
	*ret_value = TAKE_PTR(map);
	return 0;
}

static int read_nested(struct reader *r, const yaml_event_t *event, int line,
		       struct json_object **ret_value)
{
	int err;

	if (r->depth >= DOCUMENT_DEPTH_MAX)
		return fail(r, line, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
	r->depth++;
	if (event->type == YAML_SEQUENCE_START_EVENT)
		err = read_sequence(r, line, ret_value);
	else
		err = read_mapping(r, line, ret_value);
	r->depth--;
	return err;
}

static int read_node(struct reader *r, const yaml_event_t *event, struct json_object **ret_value)
{
	_cleanup_(put_valuep) struct json_object *value = NULL;
	int line = line_of(r, &event->start_mark);
	const yaml_char_t *anchor = NULL;
	size_t before = r->nodes++;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, event, ret_value);
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		value = read_scalar(event);
		/* It may be part of a key; the copy is the document's to wipe. */
		secret_wipe(event->data.scalar.value, event->data.scalar.length);
		document_set_line(value, line);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		anchor = event->type == YAML_MAPPING_START_EVENT
				 ? event->data.mapping_start.anchor
				 : event->data.sequence_start.anchor;
		if (read_nested(r, event, line, &value))
			return -EINVAL;
		break;
	default:
		return fail(r, line, "not valid YAML: expected a value");
	}
	if (anchor && add_anchor(r, line, (const char *)anchor, value, r->nodes - before))
		return -EINVAL;
	*ret_value = TAKE_PTR(value);
	return 0;
}

static void drop_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++) {
		free(r->anchors[i].name);
		json_object_put(r->anchors[i].value);
	}
	r->n_anchors = 0;
}

/* Between the start and the end of a document. */
static int read_document(struct reader *r)
{
	_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
	_cleanup_(yaml_event_delete) yaml_event_t end = { 0 };

	r->nodes = 0;
	r->alias_nodes = 0;
	if (next_event(r, &event))
		return -EINVAL;
	if (read_node(r, &event, &r->document.root))
		return -EINVAL;
	r->document.line = line_of(r, &event.start_mark);
	return next_event(r, &end);
}

/* Returns 0 when there was one more document, 1 at the end. */
static int read_next(struct reader *r)
{
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = { 0 };

		if (next_event(r, &event))
			return -EINVAL;
		if (event.type == YAML_STREAM_END_EVENT)
			return 1;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			return read_document(r);
	}
}

static void read_chunk(const char *text, size_t len, int line_before, document_fn fn, void *arg)
{
	struct reader r = { .line_before = line_before };
	int state;

	if (!yaml_parser_initialize(&r.parser))
		abort();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	do {
		state = read_next(&r);
		if (state < 0) {
			json_object_put(r.document.root);
			r.document.root = NULL;
		}
		if (r.document.root || r.document.unreadable)
			fn(arg, &r.document);
		drop_anchors(&r);
		document_fini(&r.document);
	} while (state == 0);
	free(r.anchors);
	yaml_parser_delete(&r.parser);
}

/* Length of the text up to the next line that begins a document. */
static size_t chunk_len(const char *text, size_t len)
{
	static const char mark[] = "\n---";
	const size_t mark_len = sizeof(mark) - 1;
	/* Directives stand before the line that begins their own document. */
	bool directives = len && text[0] == '%';
	size_t pos = 0;

	for (;;) {
		const char *found = memmem(text + pos, len - pos, mark, mark_len);

		if (!found)
			return len;
		pos = (size_t)(found - text) + mark_len;
		if (pos < len && !strchr(" \t\r\n", text[pos]))
			continue;
		if (!directives)
			return (size_t)(found - text) + 1;
		directives = false;
	}
}

void yamldoc_read(const char *text, size_t len, document_fn fn, void *arg)
{
	int line_before = 0;

	while (len) {
		size_t chunk = chunk_len(text, len);

		read_chunk(text, chunk, line_before, fn, arg);
		for (size_t i = 0; i < chunk; i++)
			line_before += text[i] == '\n';
		text += chunk;
		len -= chunk;
	}
}
