/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into JSON of the API server, whatever it is: what is not there, or of another type, is
 * NULL, "" or 0. What is found is borrowed from the value. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/decode.h"

struct json_object;
struct json_tokener;

/* Of the right depth and strictness; for json_tokener_free(). */
struct json_tokener *apijson_tokener(void);
/* One value, to be given back by json_object_put(). NULL: not valid JSON, or null. */
struct json_object *apijson_parse(struct json_tokener *tokener, const char *text, size_t len);

struct json_object *apijson_member(struct json_object *value, const char *name);
const char *apijson_text(struct json_object *value, const char *name);
int apijson_number(struct json_object *value, const char *name);

/* metadata.resourceVersion, and the same as a number (they grow), 0 when it is none. */
const char *apijson_version(struct json_object *value);
uint64_t apijson_version_number(const char *version);

/* Is this a bookmark behind the last of the objects with which a watch began? */
bool apijson_ends_initial(struct json_object *bookmark);
/* What the functions above read of an object, for partial.h. */
extern const struct decode_field apijson_reads[];

/* Is this what stands around the elements of a list? They themselves may have been left out. */
bool apijson_is_list(struct json_object *value);
