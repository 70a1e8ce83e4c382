// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an object of the API server: the first one chooses its kind. Values of what is read
 * alone must make the same object, with the same diagnostics, as values of all of it; and be there
 * only when all of it is valid JSON.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/kind.h"
#include "kube/partial.h"
#include "kube/store.h"

#include "../unit/kube/same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GATEWAY_API "gateway.networking.k8s.io/v1"

static const struct {
	const char *version, *name;
} kinds[] = {
	{ "v1", "Service" },	    { "discovery.k8s.io/v1", "EndpointSlice" },
	{ "v1", "Node" },	    { "v1", "Pod" },
	{ "v1", "Namespace" },	    { "naru.io/v1alpha1", "AddressPool" },
	{ GATEWAY_API, "Gateway" }, { GATEWAY_API, "HTTPRoute" },
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void compare(const struct kind *kind, struct json_object *part, struct json_object *all)
{
	struct load a, b;

	load_value(kind, "f", part, &a);
	load_value(kind, "f", all, &b);
	require(same_load(&a, &b));
	load_fini(&a);
	load_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_tokener *tokener;
	struct json_object *part, *all;
	const struct kind *kind;
	struct store *store;
	char *text;

	if (size < 2)
		return 0;
	kind = kind_find(kinds[data[0] % ARRAY_SIZE(kinds)].version,
			 kinds[data[0] % ARRAY_SIZE(kinds)].name);
	/* A copy, so that not one byte too many is read. */
	text = malloc(size - 1);
	memcpy(text, data + 1, size - 1);
	tokener = apijson_tokener();
	store = store_new(kind, "f");
	part = partial_parse(text, size - 1, store_sink.reads(store));
	all = apijson_parse(tokener, text, size - 1);
	require(!part || all);
	if (part)
		compare(kind, part, all);
	json_object_put(part);
	json_object_put(all);
	store_free(store);
	json_tokener_free(tokener);
	free(text);
	return 0;
}
