// SPDX-License-Identifier: Apache-2.0
/*
 * The store calls it. Each parent is decoded by itself, so that one that is wrong hides no other;
 * what is wrong was said by the decoder of the whole.
 */
#include "kube/refused.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/kind.h"
#include "kube/reference.h"
#include "model/gateway.h"

#define PARENTS_MAX 32 /* of the API */

static void free_reference(struct object_reference *reference)
{
	free(reference->group);
	free(reference->kind);
	free(reference->namespace);
	free(reference->name);
	free(reference->section);
	*reference = (struct object_reference){ 0 };
}

static bool read_parent(struct json_object *value, struct object_reference *ret_parent)
{
	_cleanup_(diag_fini) struct diag_list diags = { 0 };
	struct decode d = { .diags = &diags, .file = "", .object = "" };

	if (!json_object_is_type(value, json_type_object))
		return false;
	decode_fields(&d, reference_parent, value, ret_parent);
	if (d.errors)
		free_reference(ret_parent);
	return !d.errors;
}

static void read_route(struct json_object *spec, struct http_route *route)
{
	struct json_object *list = apijson_member(spec, "parentRefs");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	n = n < PARENTS_MAX ? n : PARENTS_MAX;
	route->parents = mem_array(n, sizeof(*route->parents));
	for (size_t i = 0; i < n; i++)
		route->n_parents += read_parent(json_object_array_get_idx(list, i),
						&route->parents[route->n_parents]);
}

static void read_key(struct json_object *value, struct object *object)
{
	struct json_object *metadata = apijson_member(value, "metadata");
	struct json_object *generation = apijson_member(metadata, "generation");

	object->namespace = mem_strdup(apijson_text(metadata, "namespace"));
	object->name = mem_strdup(apijson_text(metadata, "name"));
	object->origin.uid = mem_strdup(apijson_text(metadata, "uid"));
	if (json_object_is_type(generation, json_type_int))
		object->origin.generation = json_object_get_int64(generation);
}

struct object *refused_read(const struct kind *kind, struct json_object *value)
{
	_cleanup_(object_freep) struct object *object = NULL;
	struct json_object *spec = apijson_member(value, "spec");

	if (kind->object != OBJECT_HTTP_ROUTE && kind->object != OBJECT_GATEWAY)
		return NULL;
	object = object_new(kind->object);
	read_key(value, object);
	if (!*object->name)
		return NULL;
	if (kind->object == OBJECT_HTTP_ROUTE)
		read_route(spec, (struct http_route *)object);
	else
		((struct gateway *)object)->class_name =
			mem_strdup(apijson_text(spec, "gatewayClassName"));
	return TAKE_PTR(object);
}
