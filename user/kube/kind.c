// SPDX-License-Identifier: Apache-2.0
/* The table of kinds, for load.c. Invariant: no kind and version has two rows. */
#include "kube/kind.h"

#include <string.h>

#include "base/mem.h"
#include "kube/field.h"

/* Nothing beyond its name is used. */
static const struct decode_field namespace_fields[] = { { 0 } };

static const struct kind kinds[] = {
	{
		.api_version = "v1",
		.name = "Service",
		.object = OBJECT_SERVICE,
		.namespaced = true,
		.name_type = field_label,
		.fields = decode_service_fields,
		.finish = decode_service_finish,
	},
	{
		.api_version = "discovery.k8s.io/v1",
		.name = "EndpointSlice",
		.object = OBJECT_ENDPOINT_SLICE,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_slice_fields,
		.finish = decode_slice_finish,
	},
	{
		.api_version = "v1",
		.name = "Node",
		.object = OBJECT_NODE,
		.name_type = field_subdomain,
		.fields = decode_node_fields,
	},
	{
		.api_version = "v1",
		.name = "Namespace",
		.object = OBJECT_NAMESPACE,
		.name_type = field_label,
		.fields = namespace_fields,
	},
};

const struct kind *kind_find(const char *api_version, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].name, name) && !strcmp(kinds[i].api_version, api_version))
			return &kinds[i];
	}
	return NULL;
}
