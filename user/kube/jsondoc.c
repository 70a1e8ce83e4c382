// SPDX-License-Identifier: Apache-2.0
/*
 * json-c's tokener reads and judges the text, for load.c. It knows neither lines nor keys that
 * are there twice (the last one wins silently) and takes keys in single quotes even when told to
 * be strict (json-c 0.16), so a second walk goes over the text, now known to
 * be valid, and the values together, in step. Invariant: the walk never leaves the range that the
 * tokener took, and where text and value do not fit together it goes on with the text alone.
 */
#include "kube/jsondoc.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"

/* Keys longer than this get no line: naru reads none of that length. */
#define KEY_MAX 128

struct walk {
	const char *p;
	const char *end;
	int line;
	struct document *document;
};

static void skip_blanks(struct walk *w)
{
	for (; w->p < w->end && (unsigned char)*w->p <= ' '; w->p++)
		w->line += *w->p == '\n';
}

/* Behind the closing quote. */
static void skip_string(struct walk *w)
{
	char quote = *w->p;

	for (w->p++; w->p < w->end && *w->p != quote; w->p++) {
		w->line += *w->p == '\n';
		if (*w->p == '\\' && w->p + 1 < w->end)
			w->p++;
	}
	if (w->p < w->end)
		w->p++;
}

static void skip_literal(struct walk *w)
{
	while (w->p < w->end && (unsigned char)*w->p > ' ' && !strchr(",:]}", *w->p))
		w->p++;
}

/* The member that the key at w->p names, NULL if it is not found. Moves to the value. */
static struct json_object *take_key(struct walk *w, struct json_object *map)
{
	const char *key = w->p + 1;
	struct json_object *value = NULL;
	char name[KEY_MAX];
	size_t len;

	skip_string(w);
	len = (size_t)(w->p - key) - (w->p > key);
	if (map && len < sizeof(name) && !memchr(key, '\\', len)) {
		memcpy(name, key, len);
		name[len] = '\0';
		json_object_object_get_ex(map, name, &value);
	}
	skip_blanks(w);
	if (w->p < w->end && *w->p == ':')
		w->p++;
	return value;
}

static void walk_value(struct walk *w, struct json_object *value);

static void walk_object(struct walk *w, struct json_object *value)
{
	struct json_object *map = json_object_is_type(value, json_type_object) ? value : NULL;
	int line = w->line, seen = 0;
	bool single = false;

	for (w->p++; skip_blanks(w), w->p < w->end && *w->p != '}';) {
		if (*w->p == ',') {
			w->p++;
			continue;
		}
		single |= *w->p == '\'';
		walk_value(w, take_key(w, map));
		seen++;
	}
	w->p += w->p < w->end;
	if (map && seen != json_object_object_length(map))
		document_add_fault(w->document, map, line, "a key is there twice");
	if (map && single)
		document_add_fault(w->document, map, line, "a key is not in double quotes");
}

static void walk_array(struct walk *w, struct json_object *value)
{
	struct json_object *list = json_object_is_type(value, json_type_array) ? value : NULL;
	size_t i = 0;

	for (w->p++; skip_blanks(w), w->p < w->end && *w->p != ']';) {
		if (*w->p == ',') {
			w->p++;
			continue;
		}
		walk_value(w, list ? json_object_array_get_idx(list, i) : NULL);
		i++;
	}
	w->p += w->p < w->end;
}

/* As deep as the tokener went at most. Takes at least one byte, so that loops end. */
static void walk_value(struct walk *w, struct json_object *value)
{
	const char *start;

	skip_blanks(w);
	if (w->p >= w->end)
		return;
	document_set_line(value, w->line);
	start = w->p;
	if (*w->p == '{')
		walk_object(w, value);
	else if (*w->p == '[')
		walk_array(w, value);
	else if (*w->p == '"')
		skip_string(w);
	else
		skip_literal(w);
	w->p += w->p == start;
}

static int count_lines(const char *text, size_t len)
{
	int lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Reads one document at w->p and moves behind it. Returns false at a reason not to go on. */
static bool read_document(struct json_tokener *tokener, struct walk *w)
{
	struct document *document = w->document;
	size_t len = (size_t)(w->end - w->p), used;
	enum json_tokener_error error;

	document->line = w->line;
	json_tokener_reset(tokener);
	document->root = json_tokener_parse_ex(tokener, w->p, (int)len);
	error = json_tokener_get_error(tokener);
	used = json_tokener_get_parse_end(tokener);
	if (error == json_tokener_success) {
		struct walk inside = *w;

		inside.end = w->p + used;
		walk_value(&inside, document->root);
		w->line += count_lines(w->p, used);
		w->p += used;
		return true;
	}
	document->line += count_lines(w->p, used < len ? used : len);
	document->unreadable =
		mem_printf("not valid JSON: %s", error == json_tokener_continue
							 ? "the text ends in the middle of a value"
							 : json_tokener_error_desc(error));
	return false;
}

void jsondoc_read(const char *text, size_t len, document_fn fn, void *arg)
{
	struct json_tokener *tokener = json_tokener_new_ex(DOCUMENT_DEPTH_MAX);
	struct document document = { 0 };
	struct walk w = { .p = text, .end = text + len, .line = 1, .document = &document };
	bool more = true;

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	for (skip_blanks(&w); more && w.p < w.end; skip_blanks(&w)) {
		more = read_document(tokener, &w);
		if (document.root || document.unreadable)
			fn(arg, &document);
		document_fini(&document);
	}
	json_tokener_free(tokener);
}
