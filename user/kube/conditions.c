// SPDX-License-Identifier: Apache-2.0
/* Passes over everything that is not as it should be. Called by decoders of kinds with statuses. */
#include "kube/conditions.h"

#include <json-c/json.h>
#include <string.h>

/* "" when there is no such text. */
static const char *text_of(struct json_object *owner, const char *name)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(owner, name, &member);
	return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

const char *conditions_find(struct json_object *conditions, const char *type)
{
	if (!json_object_is_type(conditions, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(conditions); i++) {
		struct json_object *condition = json_object_array_get_idx(conditions, i);

		if (json_object_is_type(condition, json_type_object) &&
		    !strcmp(text_of(condition, "type"), type))
			return text_of(condition, "status");
	}
	return NULL;
}
