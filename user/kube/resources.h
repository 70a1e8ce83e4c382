/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of an API server: one row a kind. The rows name versions, paths and selectors; how
 * objects are decoded is kind.h's.
 */
#pragma once
#include "kube/kind.h"

struct resource {
	enum object_kind kind;
	const char *group;			 /* "" is the core group */
	const char *versions[KIND_VERSIONS_MAX]; /* the one that is liked best first */
	const char *name;			 /* "services" */
	const char *labels;			 /* a label selector, or NULL */
	const char *node_field;	 /* only those in which this field names the node, or NULL: all */
	bool built_in;		 /* every cluster has it: nobody needs to ask */
	bool metadata;		 /* nothing but metadata is of use */
	bool referenced;	 /* only those that others refer to, each by its name */
	bool status;		 /* naru writes it */
	const char *status_type; /* only of those of this spec.type or with conditions; NULL: all */
};

struct resource_name {
	const char *namespace; /* "" for objects of the cluster */
	const char *name;
};

#define RESOURCES_N OBJECT_KIND_MAX
extern const struct resource resources_table[RESOURCES_N];

/* "/apis/gateway.networking.k8s.io/v1/gateways": new strings, to be freed, all three. */
char *resources_path(const struct resource *resource, const char *version);
char *resources_selectors(const struct resource *resource, const char *node_name);
/* The list that has one object at most. */
void resources_path_of(const struct resource *resource, const char *namespace, const char *name,
		       char **ret_path, char **ret_selectors);

/* "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/web/status": below: "/status". */
char *resources_path_below(const struct resource *resource, const char *version,
			   const struct resource_name *name, const char *below);

/* How objects of this version are decoded. */
const struct kind *resources_kind(const struct resource *resource, const char *version);

#define RESOURCES_CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
/* Whether a CustomResourceDefinition of this name is that of the resource. */
bool resources_is_crd(const struct resource *resource, const char *name);
