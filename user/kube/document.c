// SPDX-License-Identifier: Apache-2.0
/*
 * What yamldoc.c and jsondoc.c share. Lines are kept in the user data of json-c's values, so
 * that they cost no memory of their own and go where the value goes.
 */
#include "kube/document.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/utf8.h"

const char *document_check_text(const char *text, size_t len, int *ret_line)
{
	int line = 1;

	for (size_t i = 0, used; i < len; i += used) {
		used = text[i] > 0 ? 1 : utf8_char_len(text + i, len - i);
		if (!used || !text[i]) {
			*ret_line = line;
			return used ? "there is a NUL byte in it" : "this is not UTF-8 text";
		}
		line += text[i] == '\n';
	}
	return NULL;
}

/* json-c keeps the text of a fraction where the line would go. */
static bool has_line(struct json_object *value)
{
	return value && !json_object_is_type(value, json_type_double);
}

void document_set_line(struct json_object *value, int line)
{
	if (has_line(value))
		json_object_set_userdata(value, (void *)(intptr_t)line, NULL);
}

int document_line(struct json_object *value)
{
	return has_line(value) ? (int)(intptr_t)json_object_get_userdata(value) : 0;
}

void document_add_fault(struct document *document, struct json_object *at, int line,
			const char *reason, ...)
{
	struct document_fault *fault;
	va_list args;

	if (document->n_faults > DOCUMENT_FAULTS_MAX)
		return;
	document->faults = mem_grow(document->faults, document->n_faults, &document->cap_faults,
				    sizeof(*document->faults));
	fault = &document->faults[document->n_faults++];
	fault->at = at;
	fault->line = line;
	va_start(args, reason);
	fault->reason = mem_vprintf(reason, args);
	va_end(args);
}

static const struct document_fault *fault_at(const struct document *document,
					     struct json_object *value)
{
	for (size_t i = 0; i < document->n_faults; i++) {
		if (document->faults[i].at == value)
			return &document->faults[i];
	}
	return NULL;
}

/* Depth is bounded by DOCUMENT_DEPTH_MAX, and aliases by the YAML reader's cap. */
static const struct document_fault *search(const struct document *document,
					   struct json_object *value)
{
	const struct document_fault *fault = NULL;

	if (json_object_is_type(value, json_type_object)) {
		fault = fault_at(document, value);
		json_object_object_foreach (value, key, child) {
			(void)key;
			if (!fault)
				fault = search(document, child);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value) && !fault; i++)
			fault = search(document, json_object_array_get_idx(value, i));
	}
	return fault;
}

const struct document_fault *document_find_fault(const struct document *document,
						 struct json_object *value)
{
	return document->n_faults ? search(document, value) : NULL;
}

void document_wipe(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach (value, key, member) {
			(void)key;
			document_wipe(member);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			document_wipe(json_object_array_get_idx(value, i));
	} else if (json_object_is_type(value, json_type_string)) {
		secret_wipe((char *)json_object_get_string(value),
			    (size_t)json_object_get_string_len(value));
	}
}

void document_fini(struct document *document)
{
	for (size_t i = 0; i < document->n_faults; i++)
		free(document->faults[i].reason);
	free(document->faults);
	free(document->unreadable);
	json_object_put(document->root);
	*document = (struct document){ 0 };
}
