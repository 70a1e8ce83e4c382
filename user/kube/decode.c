// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher behind the tables of decode_*.c. Invariants: no value, whatever its type, makes
 * a row do anything but report; the path of a diagnostic is put together only when one is due.
 */
#include "kube/decode.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "kube/document.h"

/* More of them help nobody, and a tenant could ask for a million. */
#define ERRORS_MAX 10
/* Bytes of a wrong value that are shown. */
#define FOUND_MAX 64

/* Names that are no plain words (labels) stand in brackets, as the API server shows them. */
static void add_path(struct str *path, const struct decode_frame *frame)
{
	if (!frame)
		return;
	add_path(path, frame->up);
	if (!frame->name)
		str_addf(path, "[%zu]", frame->index);
	else if (strpbrk(frame->name, "./"))
		str_addf(path, "[%s]", frame->name);
	else
		str_addf(path, "%s%s", path->len ? "." : "", frame->name);
}

/* Of the value itself or the nearest one around it. */
static int find_line(const struct decode *d)
{
	for (const struct decode_frame *frame = d->top; frame; frame = frame->up) {
		int line = document_line(frame->value);

		if (line)
			return line;
	}
	return d->line;
}

void decode_error(struct decode *d, const char *reason, ...)
{
	_cleanup_(str_fini) struct str path = { 0 };
	_cleanup_(mem_freep) char *text = NULL;
	va_list args;

	if (d->errors++ >= ERRORS_MAX)
		return;
	va_start(args, reason);
	text = mem_vprintf(reason, args);
	va_end(args);
	add_path(&path, d->top);
	diag_add(d->diags, DIAG_ERROR, d->file, find_line(d), d->object, path.buf, "%s", text);
}

void decode_error_at(struct decode *d, const char *list, size_t index, const char *reason)
{
	struct decode_frame field = { .up = d->top, .name = list };
	struct decode_frame element = { .up = &field, .index = index };

	if (json_object_object_get_ex(d->top->value, list, &field.value))
		element.value = json_object_array_get_idx(field.value, index);
	d->top = &element;
	decode_error(d, "%s", reason);
	d->top = field.up;
}

void decode_expected(struct decode *d, const char *what, struct json_object *found)
{
	const char *text;
	size_t len, shown = 0;

	if (d->confidential)
		return decode_error(d, "expected %s", what);
	if (json_object_is_type(found, json_type_object))
		return decode_error(d, "expected %s, found an object", what);
	if (json_object_is_type(found, json_type_array))
		return decode_error(d, "expected %s, found a list", what);
	text = json_object_to_json_string_ext(found, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
	len = strlen(text);
	while (shown < len && shown < FOUND_MAX) {
		size_t used = utf8_char_len(text + shown, len - shown);

		shown += used ? used : 1;
	}
	decode_error(d, "expected %s, found %.*s%s", what, (int)shown, text,
		     shown < len ? "..." : "");
}

static void decode_one(struct decode *d, const struct decode_field *field,
		       struct json_object *object, void *target)
{
	struct decode_frame frame = { .up = d->top, .name = field->name, .value = NULL };

	if (object)
		json_object_object_get_ex(object, field->name, &frame.value);
	d->top = &frame;
	if (!frame.value && (field->flags & DECODE_REQUIRED))
		decode_error(d, "is required");
	else
		field->fn(d, field, frame.value, (char *)target + field->offset);
	d->top = frame.up;
}

void decode_fields(struct decode *d, const struct decode_field *fields, struct json_object *value,
		   void *target)
{
	if (value && !json_object_is_type(value, json_type_object)) {
		decode_expected(d, "an object", value);
		value = NULL;
	}
	for (; fields->name; fields++)
		decode_one(d, fields, value, target);
}

void decode_object(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target)
{
	decode_fields(d, field->arg, value, target);
}

/* place says where in its list the element is. */
static void decode_element(struct decode *d, const struct decode_array *array,
			   const struct decode_frame *place, struct json_object *value,
			   void *target)
{
	struct decode_frame frame = *place;

	frame.up = d->top;
	frame.value = value;
	d->top = &frame;
	if (value)
		array->element.fn(d, &array->element, value, target);
	else
		decode_error(d, "expected a value, found null");
	d->top = frame.up;
}

/* Makes the list. Also after an error its elements are whole ones, so that freeing them is. */
static char *add_elements(struct decode *d, const struct decode_array *array, size_t n,
			  void *target)
{
	char *elements;

	if (n > array->max)
		decode_error(d, "has %zu entries, at most %zu are allowed", n, array->max);
	if (n < array->min)
		decode_error(d, "has %zu entries, at least %zu needed", n, array->min);
	if (!n || n > array->max)
		return NULL;
	elements = mem_array(n, array->size);
	memcpy(target, &elements, sizeof(elements));
	memcpy((char *)target + array->count_offset, &n, sizeof(n));
	return elements;
}

void decode_array(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target)
{
	const struct decode_array *array = field->arg;
	char *elements;

	if (!value)
		return;
	if (!json_object_is_type(value, json_type_array))
		return decode_expected(d, "a list", value);
	elements = add_elements(d, array, json_object_array_length(value), target);
	for (size_t i = 0; elements && i < json_object_array_length(value); i++)
		decode_element(d, array, &(struct decode_frame){ .index = i },
			       json_object_array_get_idx(value, i), elements + i * array->size);
}

void decode_map(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	const struct decode_array *array = field->arg;
	char *element;

	if (!value)
		return;
	if (!json_object_is_type(value, json_type_object))
		return decode_expected(d, "an object", value);
	element = add_elements(d, array, (size_t)json_object_object_length(value), target);
	if (!element)
		return;
	json_object_object_foreach (value, key, member) {
		decode_element(d, array, &(struct decode_frame){ .name = key }, member, element);
		element += array->size;
	}
}

bool decode_has(struct json_object *value, const char *name)
{
	struct json_object *member = NULL;

	return json_object_is_type(value, json_type_object) &&
	       json_object_object_get_ex(value, name, &member) && member;
}
