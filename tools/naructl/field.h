/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of narud's answers; what is absent reads as empty, so that versions may differ. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text as JSON, to be put. NULL: it is none, or more than is kept; after a complaint. */
struct json_object *field_parse(const char *text);
/* The same without a word. */
struct json_object *field_try(const char *text);

const char *field_text(struct json_object *object, const char *name);
uint64_t field_number(struct json_object *object, const char *name);
bool field_is(struct json_object *object, const char *name);
/* NULL when absent. */
struct json_object *field_of(struct json_object *object, const char *name);
/* Elements of an array field. */
size_t field_count(struct json_object *object, const char *name);
struct json_object *field_at(struct json_object *object, const char *name, size_t index);

/* Room for "[address]:port". */
#define FIELD_SOCKET_LEN 80
/* From an address field and a port field. Returns buf. */
const char *field_socket(struct json_object *object, const char *addr, const char *port,
			 char buf[static FIELD_SOCKET_LEN]);
