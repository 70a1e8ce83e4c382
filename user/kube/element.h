/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server sends as values, for reflector.c: of an object no more than its sink reads. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct json_tokener;
struct reflector_sink;

/* An object, or an event around one, for this sink, whose argument is arg. To be given back by
 * json_object_put(). NULL: not valid JSON, or null. */
struct json_object *element_parse(struct json_tokener *tokener, const struct reflector_sink *sink,
				  void *arg, bool event, const char *text, size_t len);
