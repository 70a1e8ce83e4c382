/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed Kubernetes objects, only the fields naru uses; gateway.h has those of layer 7. Objects are
 * immutable once put into the model: a change is a new object under the same key. Strings are
 * NUL-terminated, owned by the object, never NULL. Addresses are v4-mapped 16 bytes in wire order,
 * ports in host order.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"

struct member;

enum object_kind {
	OBJECT_SERVICE,
	OBJECT_ENDPOINT_SLICE,
	OBJECT_NODE,
	OBJECT_NAMESPACE,
	OBJECT_SECRET,
	OBJECT_GATEWAY_CLASS,
	OBJECT_GATEWAY,
	OBJECT_HTTP_ROUTE,
	OBJECT_REFERENCE_GRANT,
	OBJECT_DESTINATION_RULE,
	OBJECT_POD,
	OBJECT_ADDRESS_POOL,
	OBJECT_KIND_MAX,
};

/*
 * Where an object was read, for diagnostics, and what it was then, for who writes its status. No
 * part of the content, but see object_equal(). line counts from 1, 0 = unknown.
 */
struct origin {
	char *file; /* of a folder, or the path of the API server's list */
	int line;
	char *uid;		/* "" when it is not given */
	char *resource_version; /* the same */
	int64_t generation;	/* metadata.generation, 0 when it is not given */
};

/* First member of every typed object. */
struct object {
	enum object_kind kind;
	unsigned more_owners; /* besides the first, see object_ref() */
	char *namespace;      /* "" for objects of the cluster */
	char *name;
	struct origin origin;
	uint64_t generation; /* of the model, when the content last changed; set by the model */
};

struct label {
	char *key;
	char *value;
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

/* appProtocol, where it is one of those that Kubernetes has a name for; else APP_HTTP. */
enum app_protocol {
	APP_HTTP,
	APP_H2C, /* kubernetes.io/h2c: HTTP/2 without TLS, and no negotiation */
	APP_WS,	 /* kubernetes.io/ws: WebSocket */
	APP_WSS, /* kubernetes.io/wss: WebSocket over TLS */
};

struct service_port {
	char *name; /* "" when unnamed */
	enum l4_proto proto;
	enum app_protocol app_protocol;
	uint16_t port;
	uint16_t node_port; /* 0 = none */
};

/* One entry of status.loadBalancer.ingress that carries an IP. */
struct lb_ingress {
	struct addr ip;
	bool proxy; /* ipMode: Proxy, never captured */
	bool given; /* not by the object: by this narud, where nobody else can */
};

enum family_policy {
	FAMILIES_SINGLE,
	FAMILIES_PREFER_DUAL,
	FAMILIES_REQUIRE_DUAL,
};

/* What a Service of type LoadBalancer says of its addresses; nothing for other types. */
struct lb_request {
	char *class_name; /* loadBalancerClass, "" when absent */
	char *pool;	  /* annotation naru.io/address-pool, or "" */
	/* annotation naru.io/load-balancer-ips, or else spec.loadBalancerIP, as it stands, or "" */
	char *ips;
	char *sharing_key; /* annotation naru.io/sharing-key, or "" */
	uint8_t *families; /* ipFamilies: 4, 6 */
	size_t n_families;
	enum family_policy family_policy;
	struct label *labels; /* sorted by key */
	size_t n_labels;
};

/* The condition of Services and Gateways that naru gives addresses to. */
#define OBJECT_ASSIGNED "naru.io/AddressAssigned"

struct service {
	struct object object;
	int64_t created; /* seconds since 1970, 0 = unknown */
	enum service_type type;
	bool headless;	     /* clusterIP: None */
	bool foreign_proxy;  /* label service.kubernetes.io/service-proxy-name */
	uint32_t affinity_s; /* sessionAffinity ClientIP: its timeoutSeconds; None: 0 */
	char *distribution;  /* trafficDistribution, "" when absent */
	uint16_t health_check_port;
	enum traffic_policy internal_policy;
	enum traffic_policy external_policy;
	struct addr *cluster_ips; /* clusterIPs, or clusterIP alone */
	size_t n_cluster_ips;
	struct service_port *ports;
	size_t n_ports;
	struct lb_ingress *ingress;
	size_t n_ingress;
	bool hostnames; /* the status has entries that carry no IP */
	bool managed;	/* and a condition OBJECT_ASSIGNED: naru gave its addresses */
	struct lb_request request;
	struct addr *external_ips;
	size_t n_external_ips;
	struct cidr *source_ranges; /* loadBalancerSourceRanges */
	size_t n_source_ranges;
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
	char **zones;	  /* hints.forZones: whose clients it is meant for */
	size_t n_zones;
	char **nodes; /* hints.forNodes */
	size_t n_nodes;
};

struct endpoint_slice {
	struct object object;
	char *service; /* label kubernetes.io/service-name, "" when absent */
	int family;    /* 4, 6, or 0 for addressType FQDN */
	/* annotation endpoints.kubernetes.io/last-change-trigger-time in microseconds since 1970,
	 * 0 when absent */
	int64_t trigger_us;
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
	char *zone;   /* label topology.kubernetes.io/zone, "" when absent */
	bool unready; /* its condition Ready is there and not true */
	bool leaving; /* deletionTimestamp, or taint ToBeDeletedByClusterAutoscaler */
};

/* One entry of a container's ports that has a hostPort. */
struct pod_port {
	char *field; /* "spec.containers[0].ports[1]" */
	enum l4_proto proto;
	uint16_t port; /* containerPort */
	uint16_t host_port;
	int host_family; /* which hostIP allows: 4, 6, or 0 for both */
	/* hostIP; zero, also of IPv4: every address of the node in these families */
	struct addr host_ip;
};

struct pod {
	struct object object;
	char *uid;  /* as its cgroup has it */
	char *node; /* nodeName, "" while it has none */
	bool host_network;
	bool finished;		/* phase Succeeded or Failed: nothing of it runs any more */
	char *socket_balancing; /* label or else annotation naru.io/socket-balancing, or "" */
	struct addr *ips;
	size_t n_ips;
	struct pod_port *ports; /* of containers and sidecars */
	size_t n_ports;
};

struct namespace
{
	struct object object;
	struct label *labels; /* sorted by key */
	size_t n_labels;
};

/* A zeroed object of that kind with one owner. */
struct object *object_new(enum object_kind kind);
/* Adds an owner and returns the object. */
struct object *object_ref(struct object *object);
/* Takes one owner away; the last one frees. Any kind; NULL and half-built ones are legal. */
void object_free(struct object *object);
/* For _cleanup_. */
void object_freep(struct object **object);

/* The table of its struct's members, besides those of struct object. */
const struct member *object_members(enum object_kind kind);
/* "Service". */
const char *object_kind_name(enum object_kind kind);
/* By kind, namespace, name. */
int object_compare_key(const struct object *a, const struct object *b);
/* Same key and same content; where they were read does not count. metadata.generation does, of the
 * kinds that plan/verdict.h knows: it says that somebody changed something, if not for naru. */
bool object_equal(const struct object *a, const struct object *b);
