// SPDX-License-Identifier: Apache-2.0
/*
 * The table of resources, for discovery.c and apisource.c. Invariants: every kind of objects has a
 * row; every version of a row has one in kind.c; Secrets are never listed, only asked for by name.
 */
#include "kube/resources.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/listquery.h"

/*
 * What kube-proxy leaves out: what somebody else serves, and what nobody is to serve. But slices of
 * headless Services are read: a Service without an address is a good backend of a route.
 */
#define NOT_FOREIGN  "!service.kubernetes.io/service-proxy-name"
#define NOT_HEADLESS "!service.kubernetes.io/headless"

#define GATEWAY_API "gateway.networking.k8s.io"

const struct resource resources_table[RESOURCES_N] = {
	[OBJECT_SERVICE] = { .kind = OBJECT_SERVICE,
			     .group = "",
			     .versions = { "v1" },
			     .name = "services",
			     .labels = NOT_HEADLESS "," NOT_FOREIGN,
			     .built_in = true,
			     .status = true,
			     .status_type = "LoadBalancer" },
	[OBJECT_ENDPOINT_SLICE] = { .kind = OBJECT_ENDPOINT_SLICE,
				    .group = "discovery.k8s.io",
				    .versions = { "v1" },
				    .name = "endpointslices",
				    .labels = NOT_FOREIGN,
				    .built_in = true },
	/* All of them: each node works out which one answers for an address, and which addresses
	 * are nodes'. */
	[OBJECT_NODE] = { .kind = OBJECT_NODE,
			  .group = "",
			  .versions = { "v1" },
			  .name = "nodes",
			  .built_in = true },
	[OBJECT_NAMESPACE] = { .kind = OBJECT_NAMESPACE,
			       .group = "",
			       .versions = { "v1" },
			       .name = "namespaces",
			       .built_in = true,
			       .metadata = true },
	[OBJECT_SECRET] = { .kind = OBJECT_SECRET,
			    .group = "",
			    .versions = { "v1" },
			    .name = "secrets",
			    .built_in = true,
			    .referenced = true },
	[OBJECT_GATEWAY_CLASS] = { .kind = OBJECT_GATEWAY_CLASS,
				   .group = GATEWAY_API,
				   .versions = { "v1", "v1beta1" },
				   .name = "gatewayclasses",
				   .status = true },
	[OBJECT_GATEWAY] = { .kind = OBJECT_GATEWAY,
			     .group = GATEWAY_API,
			     .versions = { "v1", "v1beta1" },
			     .name = "gateways",
			     .status = true },
	[OBJECT_HTTP_ROUTE] = { .kind = OBJECT_HTTP_ROUTE,
				.group = GATEWAY_API,
				.versions = { "v1", "v1beta1" },
				.name = "httproutes",
				.status = true },
	[OBJECT_REFERENCE_GRANT] = { .kind = OBJECT_REFERENCE_GRANT,
				     .group = GATEWAY_API,
				     .versions = { "v1", "v1beta1" },
				     .name = "referencegrants" },
	[OBJECT_DESTINATION_RULE] = { .kind = OBJECT_DESTINATION_RULE,
				      .group = "networking.istio.io",
				      .versions = { "v1", "v1beta1", "v1alpha3" },
				      .name = "destinationrules" },
	[OBJECT_POD] = { .kind = OBJECT_POD,
			 .group = "",
			 .versions = { "v1" },
			 .name = "pods",
			 .node_field = "spec.nodeName",
			 .built_in = true },
	[OBJECT_ADDRESS_POOL] = { .kind = OBJECT_ADDRESS_POOL,
				  .group = "naru.io",
				  .versions = { "v1alpha1" },
				  .name = "addresspools",
				  .status = true },
};

static void add_root(struct str *path, const struct resource *resource, const char *version)
{
	if (*resource->group)
		str_addf(path, "/apis/%s/%s", resource->group, version);
	else
		str_addf(path, "/api/%s", version);
}

char *resources_path(const struct resource *resource, const char *version)
{
	struct str path = { 0 };

	add_root(&path, resource, version);
	str_addf(&path, "/%s", resource->name);
	return path.buf;
}

static void add_field(struct str *out, const char *field, const char *value)
{
	str_addf(out, "fieldSelector=%s%%3D", field);
	listquery_encode(out, value);
}

char *resources_selectors(const struct resource *resource, const char *node_name)
{
	struct str out = { 0 };

	str_add(&out, "", 0);
	if (resource->labels) {
		str_addf(&out, "labelSelector=");
		listquery_encode(&out, resource->labels);
	} else if (resource->node_field) {
		add_field(&out, resource->node_field, node_name);
	}
	return out.buf;
}

void resources_path_of(const struct resource *resource, const char *namespace, const char *name,
		       char **ret_path, char **ret_selectors)
{
	struct str path = { 0 }, selectors = { 0 };

	add_root(&path, resource, resource->versions[0]);
	str_addf(&path, "/namespaces/");
	listquery_encode(&path, namespace);
	str_addf(&path, "/%s", resource->name);
	add_field(&selectors, "metadata.name", name);
	*ret_path = path.buf;
	*ret_selectors = selectors.buf;
}

char *resources_path_below(const struct resource *resource, const char *version,
			   const struct resource_name *name, const char *below)
{
	struct str path = { 0 };

	add_root(&path, resource, version);
	if (*name->namespace) {
		str_addf(&path, "/namespaces/");
		listquery_encode(&path, name->namespace);
	}
	str_addf(&path, "/%s/", resource->name);
	listquery_encode(&path, name->name);
	str_addf(&path, "%s", below);
	return path.buf;
}

const struct kind *resources_kind(const struct resource *resource, const char *version)
{
	_cleanup_(mem_freep) char *api_version =
		mem_printf("%s%s%s", resource->group, *resource->group ? "/" : "", version);

	return kind_find(api_version, object_kind_name(resource->kind));
}

bool resources_is_crd(const struct resource *resource, const char *name)
{
	size_t len = strlen(resource->name);

	return !resource->built_in && !strncmp(name, resource->name, len) && name[len] == '.' &&
	       !strcmp(name + len + 1, resource->group);
}
