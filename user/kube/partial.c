// SPDX-License-Identifier: Apache-2.0
/*
 * One walk over the text, for element.c. Invariants: all of the text is checked, also what becomes
 * no value, by rules at least as strict as the parser's; what is not understood gives up all of it.
 */
#include "kube/partial.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "base/chars.h"
#include "base/mem.h"
#include "kube/plain.h"

/* Less than the parser's, so that it is never this module that lets something pass. */
#define DEPTH_MAX 32
/* Of whole numbers and of fractions: whatever it is, it fits. */
#define DIGITS_MAX 15
/* Of members that are not known by name. */
#define KEY_MAX 128

struct walk {
	const char *at, *end;
	unsigned depth;
};

/* What is to become of a value; a NULL pointer to one: nothing. */
struct wanted {
	const struct decode_field *tables[PARTIAL_TABLES_MAX];
	size_t n;
	bool list; /* the tables are for the elements */
	bool all;
};

static const struct wanted everything = { .all = true };

static void put_value(struct json_object **value)
{
	json_object_put(*value);
}

/* ---- tables -------------------------------------------------------------------------------- */

/* False: only its function knows what it reads. */
static bool add_row(struct wanted *wanted, const struct decode_field *row)
{
	bool list = row->fn == decode_array || row->flags & DECODE_LIST;
	const struct decode_array *array = row->arg;
	const struct decode_field *object = list ? &array->element : row;

	if (object->fn != decode_object || wanted->n == PARTIAL_TABLES_MAX ||
	    (wanted->n && wanted->list != list))
		return false;
	wanted->list = list;
	wanted->tables[wanted->n++] = object->arg;
	return true;
}

/* The name of the member, NULL: nobody reads it. */
static const char *pick(const struct wanted *from, const char *key, size_t len,
			struct wanted *ret_wanted)
{
	const char *name = NULL;

	for (size_t i = 0; i < from->n; i++)
		for (const struct decode_field *row = from->tables[i]; row->name; row++) {
			if (strncmp(row->name, key, len) != 0 || row->name[len])
				continue;
			name = row->name;
			ret_wanted->all |= !add_row(ret_wanted, row);
		}
	return name;
}

/* ---- text ---------------------------------------------------------------------------------- */

static char peek(const struct walk *w)
{
	return w->at < w->end ? *w->at : '\0';
}

static void skip_blanks(struct walk *w)
{
	while (peek(w) == ' ' || peek(w) == '\n' || peek(w) == '\r' || peek(w) == '\t')
		w->at++;
}

static bool pass(struct walk *w, char c)
{
	if (peek(w) != c)
		return false;
	w->at++;
	return true;
}

/* Halves of pairs (UTF-16) are left to the parser. */
static bool pass_escape(struct walk *w)
{
	int value = 0;

	w->at++;
	if (peek(w) && strchr("\"\\/bfnrt", peek(w))) {
		w->at++;
		return true;
	}
	if (w->end - w->at < 5 || *w->at++ != 'u')
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = chars_hex(*w->at++);

		if (digit < 0)
			return false;
		value = value * 16 + digit;
	}
	return value < 0xd800 || value > 0xdfff;
}

static bool pass_text(struct walk *w)
{
	w->at++;
	for (;;) {
		w->at += plain_len(w->at, (size_t)(w->end - w->at));
		if (pass(w, '"'))
			return true;
		if (peek(w) != '\\' || !pass_escape(w))
			return false;
	}
}

/* One without escapes; the bytes between the quotes. */
static bool take_plain(struct walk *w, const char **ret_text, size_t *ret_len)
{
	if (!pass(w, '"'))
		return false;
	*ret_text = w->at;
	*ret_len = plain_len(w->at, (size_t)(w->end - w->at));
	w->at += *ret_len;
	return pass(w, '"');
}

static bool pass_digits(struct walk *w)
{
	const char *start = w->at;

	while (w->at < w->end && chars_is(*w->at, CHARS_DIGIT))
		w->at++;
	return w->at > start && w->at - start <= DIGITS_MAX;
}

/* Without exponents, which nobody writes. */
static bool pass_number(struct walk *w)
{
	pass(w, '-');
	if (!pass(w, '0') && !pass_digits(w))
		return false;
	return !pass(w, '.') || pass_digits(w);
}

static bool pass_word(struct walk *w, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(w->end - w->at) < len || memcmp(w->at, word, len) != 0)
		return false;
	w->at += len;
	return true;
}

/* ---- single values ------------------------------------------------------------------------- */

static bool take_text(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	const char *text;
	size_t len;

	if (!wanted)
		return pass_text(w);
	if (!take_plain(w, &text, &len))
		return false;
	*ret_value = json_object_new_string_len(text, (int)len);
	return true;
}

/* Fractions and what is below zero nobody reads. */
static bool take_number(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	const char *start = w->at;
	int64_t number = 0;

	if (!pass_number(w))
		return false;
	if (!wanted)
		return true;
	for (const char *at = start; at < w->at; at++) {
		if (!chars_is(*at, CHARS_DIGIT))
			return false;
		number = number * 10 + (*at - '0');
	}
	*ret_value = json_object_new_int64(number);
	return true;
}

static bool take_flag(struct walk *w, const struct wanted *wanted, bool flag,
		      struct json_object **ret_value)
{
	if (!pass_word(w, flag ? "true" : "false"))
		return false;
	if (wanted)
		*ret_value = json_object_new_boolean(flag);
	return true;
}

/* ---- values around values ------------------------------------------------------------------ */

static bool take_value(struct walk *w, const struct wanted *wanted, struct json_object **ret_value);

/* The key's name is constant when a table has it, else NULL. */
static void add_member(struct json_object *object, const char *name, const char *key, size_t len,
		       struct json_object *value)
{
	char copy[KEY_MAX] = { 0 };
	int r;

	if (name) {
		r = json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_CONSTANT_KEY);
	} else {
		memcpy(copy, key, len);
		r = json_object_object_add(object, copy, value);
	}
	if (r)
		abort();
}

static bool pass_colon(struct walk *w)
{
	skip_blanks(w);
	if (!pass(w, ':'))
		return false;
	skip_blanks(w);
	return true;
}

static bool take_member(struct walk *w, const struct wanted *wanted, struct json_object *object)
{
	struct json_object *value = NULL;
	struct wanted inner = { .n = 0 };
	const char *key, *name = NULL;
	size_t len;

	if (!take_plain(w, &key, &len) || !pass_colon(w))
		return false;
	if (!wanted->all) {
		name = pick(wanted, key, len, &inner);
		if (!name)
			return take_value(w, NULL, &value);
	} else if (len >= KEY_MAX) {
		return false;
	}
	if (!take_value(w, wanted->all || inner.all ? &everything : &inner, &value))
		return false;
	add_member(object, name, key, len, value);
	return true;
}

static bool pass_member(struct walk *w)
{
	struct json_object *none = NULL;

	return peek(w) == '"' && pass_text(w) && pass_colon(w) && take_value(w, NULL, &none);
}

static bool take_object(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	_cleanup_(put_value) struct json_object *object = wanted ? json_object_new_object() : NULL;

	w->at++;
	skip_blanks(w);
	if (!pass(w, '}')) {
		do {
			skip_blanks(w);
			if (!(wanted ? take_member(w, wanted, object) : pass_member(w)))
				return false;
			skip_blanks(w);
		} while (pass(w, ','));
		if (!pass(w, '}'))
			return false;
	}
	*ret_value = TAKE_PTR(object);
	return true;
}

static bool take_elements(struct walk *w, const struct wanted *wanted, struct json_object *list)
{
	do {
		struct json_object *value = NULL;

		skip_blanks(w);
		if (!take_value(w, wanted, &value))
			return false;
		if (list && json_object_array_add(list, value))
			abort();
		skip_blanks(w);
	} while (pass(w, ','));
	return pass(w, ']');
}

static bool take_list(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	_cleanup_(put_value) struct json_object *list =
		wanted ? json_object_new_array_ext(4) : NULL;
	struct wanted element;

	if (wanted && !wanted->all) {
		element = *wanted;
		element.list = false;
		wanted = &element;
	}
	w->at++;
	skip_blanks(w);
	if (!pass(w, ']') && !take_elements(w, wanted, list))
		return false;
	*ret_value = TAKE_PTR(list);
	return true;
}

static bool take_nested(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	bool list = peek(w) == '[', whole;

	if (w->depth == DEPTH_MAX)
		return false;
	if (wanted && !wanted->all && wanted->list != list)
		wanted = &everything;
	w->depth++;
	whole = (list ? take_list : take_object)(w, wanted, ret_value);
	w->depth--;
	return whole;
}

/* *ret_value stays NULL when nothing is wanted of it. */
static bool take_value(struct walk *w, const struct wanted *wanted, struct json_object **ret_value)
{
	switch (peek(w)) {
	case '{':
	case '[':
		return take_nested(w, wanted, ret_value);
	case '"':
		return take_text(w, wanted, ret_value);
	case 't':
	case 'f':
		return take_flag(w, wanted, peek(w) == 't', ret_value);
	case 'n':
		return pass_word(w, "null");
	default:
		return take_number(w, wanted, ret_value);
	}
}

struct json_object *partial_parse(const char *text, size_t len,
				  const struct decode_field *const *tables)
{
	struct walk w = { .at = text, .end = text + len };
	_cleanup_(put_value) struct json_object *value = NULL;
	struct wanted wanted = { .n = 0 };

	for (; tables[wanted.n]; wanted.n++) {
		if (wanted.n == PARTIAL_TABLES_MAX)
			return NULL;
		wanted.tables[wanted.n] = tables[wanted.n];
	}
	if (peek(&w) != '{' || !take_nested(&w, &wanted, &value) || w.at != w.end)
		return NULL;
	return TAKE_PTR(value);
}
