// SPDX-License-Identifier: Apache-2.0
/* The table of kinds, for load.c. Invariant: no kind and version has two rows. */
#include "kube/kind.h"

#include <string.h>

#include "base/mem.h"
#include "kube/field.h"
#include "kube/labels.h"

static const struct decode_field label_fields[] = {
	{ .name = "labels", .fn = labels_map, .offset = offsetof(struct namespace, labels) },
	{ 0 },
};

static const struct decode_field namespace_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = label_fields },
	{ 0 },
};

#define GATEWAY_API(version) "gateway.networking.k8s.io/" version
#define ISTIO_API(version)   "networking.istio.io/" version

static const struct kind kinds[] = {
	{
		.api_versions = { "v1" },
		.name = "Service",
		.object = OBJECT_SERVICE,
		.namespaced = true,
		.name_type = field_label,
		.fields = decode_service_fields,
		.finish = decode_service_finish,
	},
	{
		.api_versions = { "discovery.k8s.io/v1" },
		.name = "EndpointSlice",
		.object = OBJECT_ENDPOINT_SLICE,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_slice_fields,
		.finish = decode_slice_finish,
	},
	{
		.api_versions = { "v1" },
		.name = "Node",
		.object = OBJECT_NODE,
		.name_type = field_subdomain,
		.fields = decode_node_fields,
	},
	{
		.api_versions = { "v1" },
		.name = "Namespace",
		.object = OBJECT_NAMESPACE,
		.name_type = field_label,
		.fields = namespace_fields,
	},
	{
		.api_versions = { "v1" },
		.name = "Pod",
		.object = OBJECT_POD,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_pod_fields,
		.finish = decode_pod_finish,
	},
	{
		.api_versions = { "v1" },
		.name = "Secret",
		.object = OBJECT_SECRET,
		.namespaced = true,
		.confidential = true,
		.name_type = field_subdomain,
		.type = "kubernetes.io/tls",
		.fields = decode_secret_fields,
		.finish = decode_secret_finish,
	},
	{
		.api_versions = { GATEWAY_API("v1"), GATEWAY_API("v1beta1") },
		.name = "GatewayClass",
		.object = OBJECT_GATEWAY_CLASS,
		.name_type = field_subdomain,
		.fields = decode_class_fields,
	},
	{
		.api_versions = { GATEWAY_API("v1"), GATEWAY_API("v1beta1") },
		.name = "Gateway",
		.object = OBJECT_GATEWAY,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_gateway_fields,
	},
	{
		.api_versions = { GATEWAY_API("v1"), GATEWAY_API("v1beta1") },
		.name = "HTTPRoute",
		.object = OBJECT_HTTP_ROUTE,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_route_fields,
	},
	{
		.api_versions = { GATEWAY_API("v1"), GATEWAY_API("v1beta1") },
		.name = "ReferenceGrant",
		.object = OBJECT_REFERENCE_GRANT,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_grant_fields,
	},
	{
		.api_versions = { ISTIO_API("v1"), ISTIO_API("v1beta1"), ISTIO_API("v1alpha3") },
		.name = "DestinationRule",
		.object = OBJECT_DESTINATION_RULE,
		.namespaced = true,
		.name_type = field_subdomain,
		.fields = decode_destination_fields,
	},
	{
		.api_versions = { "naru.io/v1alpha1" },
		.name = "AddressPool",
		.object = OBJECT_ADDRESS_POOL,
		.name_type = field_subdomain,
		.fields = decode_pool_fields,
	},
};

static bool has_version(const struct kind *kind, const char *api_version)
{
	for (size_t i = 0; i < KIND_VERSIONS_MAX && kind->api_versions[i]; i++) {
		if (!strcmp(kind->api_versions[i], api_version))
			return true;
	}
	return false;
}

const struct kind *kind_find(const char *api_version, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].name, name) && has_version(&kinds[i], api_version))
			return &kinds[i];
	}
	return NULL;
}
