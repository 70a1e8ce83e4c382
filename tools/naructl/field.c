/* SPDX-License-Identifier: Apache-2.0 */
/* json-c with the answer "empty" instead of NULL. Everything returned is borrowed. */
#include "field.h"

#include <stdio.h>
#include <string.h>

#include "client.h"

/* About what json-c takes for each; narud's longest list has 262,144 objects. */
#define CONTAINER_BYTES 800
#define VALUE_BYTES	64
#define BYTES_MAX	(1024u << 20)

/* Of a few bytes json-c makes hundreds. */
static bool is_costly(const char *text)
{
	size_t bytes = 0;

	for (; *text && bytes <= BYTES_MAX; text++)
		bytes += *text == '{' || *text == '[' ? CONTAINER_BYTES
			 : *text == ','		      ? VALUE_BYTES
						      : 1;
	return bytes > BYTES_MAX;
}

struct json_object *field_try(const char *text)
{
	return is_costly(text) ? NULL : json_tokener_parse(text);
}

struct json_object *field_parse(const char *text)
{
	struct json_object *object = field_try(text);

	if (!object)
		client_complain("narud's answer is %s", is_costly(text) ? "too large" : "no JSON");
	return object;
}

struct json_object *field_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

const char *field_text(struct json_object *object, const char *name)
{
	struct json_object *value = field_of(object, name);

	return value ? json_object_get_string(value) : "";
}

uint64_t field_number(struct json_object *object, const char *name)
{
	return json_object_get_uint64(field_of(object, name));
}

bool field_is(struct json_object *object, const char *name)
{
	return json_object_get_boolean(field_of(object, name));
}

size_t field_count(struct json_object *object, const char *name)
{
	struct json_object *value = field_of(object, name);

	return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

struct json_object *field_at(struct json_object *object, const char *name, size_t index)
{
	struct json_object *value = field_of(object, name);

	return json_object_is_type(value, json_type_array) ? json_object_array_get_idx(value, index)
							   : NULL;
}

const char *field_socket(struct json_object *object, const char *addr, const char *port,
			 char buf[static FIELD_SOCKET_LEN])
{
	const char *text = field_text(object, addr);
	bool v6 = strchr(text, ':') != NULL;

	if (!*text)
		return "-";
	snprintf(buf, FIELD_SOCKET_LEN, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "",
		 (unsigned)field_number(object, port));
	return buf;
}
