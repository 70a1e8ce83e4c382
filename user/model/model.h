/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed Kubernetes objects, only the fields naru uses. Sources (kube/) fill the model; compile/
 * reads it; nothing else touches it. Objects are immutable once put: a change is a new object
 * under the same key. Strings are NUL-terminated, owned by the object, never NULL unless said.
 * Addresses are v4-mapped 16 bytes in wire order, ports in host order.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"

enum object_kind {
	OBJECT_SERVICE,
	OBJECT_ENDPOINT_SLICE,
	OBJECT_NODE,
	OBJECT_NAMESPACE,
	OBJECT_KIND_MAX,
};

/* Where an object was read: for diagnostics. line counts from 1, 0 = unknown. */
struct origin {
	char *file; /* path, or the API server's URL */
	int line;
};

/* First member of every typed object. */
struct object {
	enum object_kind kind;
	char *namespace; /* "" for objects of the cluster */
	char *name;
	struct origin origin;
};

enum l4_proto {
	L4_TCP = 6,
	L4_UDP = 17,
	L4_SCTP = 132,
};

enum service_type {
	SERVICE_CLUSTER_IP,
	SERVICE_NODE_PORT,
	SERVICE_LOAD_BALANCER,
	SERVICE_EXTERNAL_NAME,
};

enum traffic_policy {
	POLICY_CLUSTER,
	POLICY_LOCAL,
};

struct service_port {
	char *name; /* "" when unnamed */
	enum l4_proto proto;
	uint16_t port;
	uint16_t node_port; /* 0 = none */
};

/* One entry of status.loadBalancer.ingress that carries an IP. */
struct lb_ingress {
	struct addr ip;
	bool proxy; /* ipMode: Proxy, never captured */
};

struct service {
	struct object object;
	enum service_type type;
	bool headless;	    /* clusterIP: None */
	bool foreign_proxy; /* label service.kubernetes.io/service-proxy-name */
	bool affinity;	    /* sessionAffinity: ClientIP */
	bool source_ranges; /* loadBalancerSourceRanges given */
	bool external_ips;  /* externalIPs given */
	enum traffic_policy internal_policy;
	enum traffic_policy external_policy;
	struct addr *cluster_ips; /* clusterIPs, or clusterIP alone */
	size_t n_cluster_ips;
	struct service_port *ports;
	size_t n_ports;
	struct lb_ingress *ingress;
	size_t n_ingress;
};

struct slice_port {
	char *name; /* "" when unnamed */
	enum l4_proto proto;
	uint16_t port; /* 0 = null in the object: ignored */
};

struct slice_endpoint {
	struct addr *addrs;
	size_t n_addrs;
	char *node;	  /* nodeName, "" when absent */
	bool ready;	  /* defaults as in the API: ready true when absent, */
	bool serving;	  /* serving = ready when absent, */
	bool terminating; /* terminating false when absent */
};

struct endpoint_slice {
	struct object object;
	char *service; /* label kubernetes.io/service-name, "" when absent */
	int family;    /* 4, 6, or 0 for addressType FQDN */
	struct slice_endpoint *endpoints;
	size_t n_endpoints;
	struct slice_port *ports;
	size_t n_ports;
};

struct node {
	struct object object;
	struct cidr *pod_cidrs;
	size_t n_pod_cidrs;
	struct addr *addrs; /* status.addresses of type InternalIP and ExternalIP */
	size_t n_addrs;
};

struct namespace
{
	struct object object;
};

/* Object lifetime. object_free() knows every kind; NULL is legal. */
void object_free(struct object *object);
const char *object_kind_name(enum object_kind kind);

struct model;

struct model *model_new(void);
void model_free(struct model *model);

/*
 * Puts an object in, replacing the one of the same kind, namespace and name. Takes ownership.
 * Returns true when the stored object's content changed (origin does not count).
 */
bool model_put(struct model *model, struct object *object);

/* Removes an object. Returns false when there was none. */
bool model_remove(struct model *model, enum object_kind kind, const char *namespace,
		  const char *name);

/* The object of that key or NULL. Borrowed until the next put or remove. */
const struct object *model_get(const struct model *model, enum object_kind kind,
			       const char *namespace, const char *name);

/*
 * All objects of a kind, sorted by namespace and name. Returns their number; *ret_objects is owned
 * by the model and valid until the next put or remove.
 */
size_t model_list(struct model *model, enum object_kind kind,
		  const struct object *const **ret_objects);

/* Goes up by one with every change of content. */
uint64_t model_generation(const struct model *model);
