// SPDX-License-Identifier: Apache-2.0
/* Small questions to JSON of the API, for everything that reads it without a table. */
#include "kube/apijson.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kube/decode.h"
#include "kube/document.h"

#define INITIAL_END "k8s.io/initial-events-end"

static const struct decode_field annotations[] = {
	{ .name = INITIAL_END },
	{ 0 },
};

static const struct decode_field metadata[] = {
	{ .name = "resourceVersion" },
	{ .name = "annotations", .fn = decode_object, .arg = annotations },
	{ 0 },
};

const struct decode_field apijson_reads[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata },
	{ 0 },
};

struct json_tokener *apijson_tokener(void)
{
	struct json_tokener *tokener = json_tokener_new_ex(DOCUMENT_DEPTH_MAX);

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	return tokener;
}

struct json_object *apijson_parse(struct json_tokener *tokener, const char *text, size_t len)
{
	struct json_object *value;

	json_tokener_reset(tokener);
	value = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) == json_tokener_success)
		return value;
	json_object_put(value);
	return NULL;
}

struct json_object *apijson_member(struct json_object *value, const char *name)
{
	struct json_object *found = NULL;

	if (json_object_is_type(value, json_type_object))
		json_object_object_get_ex(value, name, &found);
	return found;
}

const char *apijson_text(struct json_object *value, const char *name)
{
	struct json_object *found = apijson_member(value, name);

	return json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "";
}

int apijson_number(struct json_object *value, const char *name)
{
	struct json_object *found = apijson_member(value, name);

	return json_object_is_type(found, json_type_int) ? json_object_get_int(found) : 0;
}

const char *apijson_version(struct json_object *value)
{
	return apijson_text(apijson_member(value, "metadata"), "resourceVersion");
}

uint64_t apijson_version_number(const char *version)
{
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(version, &end, 10);
	return *version >= '0' && *version <= '9' && !*end && !errno ? number : 0;
}

bool apijson_ends_initial(struct json_object *bookmark)
{
	struct json_object *about = apijson_member(bookmark, "metadata");

	return !strcmp(apijson_text(apijson_member(about, "annotations"), INITIAL_END), "true");
}

bool apijson_is_list(struct json_object *value)
{
	const char *kind = apijson_text(value, "kind");
	struct json_object *items = NULL;
	size_t len = strlen(kind);

	return len > 4 && !strcmp(kind + len - 4, "List") && *apijson_version(value) &&
	       json_object_object_get_ex(value, "items", &items) &&
	       (!items || json_object_is_type(items, json_type_array));
}
