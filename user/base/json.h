/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a string: commas and escapes are its business. name is NULL inside arrays.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json {
	struct str *out;
	bool comma; /* the next element needs one */
};

void json_object_begin(struct json *json, const char *name);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *name);
void json_array_end(struct json *json);
void json_string(struct json *json, const char *name, const char *value);
void json_printf(struct json *json, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void json_uint(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
