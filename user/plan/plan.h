/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desired state of one node as plain data: what compile/ produces and dataplane/ makes true.
 * It prints, compares and frees; it holds no kernel id. Everything is sorted, so that equal input
 * in any order gives an equal plan. Addresses are v4-mapped 16 bytes in wire order, ports in host
 * order.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cidr.h"
#include "base/diag.h"
#include "plan/l7.h"
#include "plan/set.h"
#include "plan/verdict.h"

enum plan_kind {
	PLAN_CLUSTER_IP = 1,
	PLAN_NODE_PORT,
	PLAN_LOAD_BALANCER,
	PLAN_EXTERNAL_IP,
	PLAN_HOST_PORT,
};

/* Which of the service's two sets a class of clients uses. */
enum plan_policy {
	PLAN_CLUSTER,
	PLAN_LOCAL,
};

struct plan_frontend {
	enum plan_kind kind;
	struct addr addr; /* all zero for a NodePort, and a hostPort without hostIP */
	uint16_t port;
	enum plan_policy external; /* clients outside the node */
	enum plan_policy internal; /* pods and sockets of this node */
	bool ranged;		   /* only for clients in the service's source ranges */
};

/* One port of one Service in one family, or a hostPort. */
struct plan_service {
	/* namespace/name:port, with the port's name or else its number; of a hostPort
	 * namespace/pod/name:port, the word pod and the number of the node's port. */
	char *name;
	uint8_t proto;			 /* 6, 17 or 132 */
	uint8_t family;			 /* 4 or 6 */
	struct plan_frontend *frontends; /* sorted by kind, address, port */
	size_t n_frontends;
	struct plan_set cluster; /* E1 of kube-proxy's rules */
	struct plan_set local;	 /* E2; filled only when some frontend uses it */
	struct plan_set spare;	 /* UDP: those that serve, too, but take no new flows here */
	uint32_t affinity_s;	 /* ClientIP affinity's time-out; 0: none */
	struct cidr *ranges;	 /* loadBalancerSourceRanges of this family, sorted */
	size_t n_ranges;
	bool ranged_node; /* an address of this node is in one of them */
};

/* A Service with a healthCheckNodePort. */
struct plan_health {
	char *namespace;
	char *name;
	uint16_t port;
	size_t local_ready; /* endpoints of this node, over all ports */
};

/* A node of the cluster. */
struct plan_node {
	char *name;
	struct addr *addrs;
	size_t n_addrs;
	bool leaving; /* as node_leaving */
};

/* A VIP that only some nodes may answer for: of Services with externalTrafficPolicy Local. */
struct plan_local_vip {
	struct addr addr;
	uint32_t *nodes; /* indices, sorted */
	size_t n_nodes;
};

/*
 * What a plan was made from and differs in, so that who has the former one in force need not look
 * at the rest. No part of its content.
 */
struct plan_step {
	uint64_t serial;    /* of this plan; 0: it has none */
	uint64_t since;	    /* that of the former plan, 0: everything may differ */
	uint32_t *services; /* indices of those whose sets differ; all else of them is the same */
	size_t n_services, cap_services;
	bool l7, healths; /* differ */
};

struct plan {
	uint64_t generation; /* of the model it was compiled from */
	struct plan_step step;
	char *node;		/* this node's name */
	bool node_leaving;	/* it is being deleted, or the autoscaler is about to remove it */
	struct cidr *pod_cidrs; /* of this node */
	size_t n_pod_cidrs;
	struct plan_service *services; /* sorted by name, proto, family */
	size_t n_services;
	struct addr *closed; /* ClusterIPs whose ports without a service refuse; sorted */
	size_t n_closed;
	struct plan_health *healths; /* sorted by namespace, name */
	size_t n_healths;
	char **unbalanced; /* UIDs of this node's pods whose sockets are not translated; sorted */
	size_t n_unbalanced;
	struct plan_node *nodes; /* sorted by name */
	size_t n_nodes;
	struct plan_local_vip *local_vips; /* sorted by address */
	size_t n_local_vips;
	struct plan_l7 l7;
	struct verdicts verdicts;
	struct diag_list diags; /* what is wrong with single objects, sorted */
};

void plan_free(struct plan *plan);

/* NULL: there is no such node; or every node may answer for the address. */
const struct plan_node *plan_find_node(const struct plan *plan, const char *name);
const struct plan_local_vip *plan_find_local_vip(const struct plan *plan, const struct addr *addr);

/* Writes the plan as text: the golden format of `narud --check --print-plan`. */
void plan_print(const struct plan *plan, FILE *out);

/* By address, then port: the order of every set. */
int plan_endpoint_compare(const struct plan_endpoint *a, const struct plan_endpoint *b);

/* "cluster-ip", "node-port", "load-balancer"; "tcp", "udp"; "cluster", "local". */
const char *plan_kind_name(enum plan_kind kind);
const char *plan_proto_name(uint8_t proto);
const char *plan_policy_name(enum plan_policy policy);

/* Room for "[address]:port". */
#define PLAN_SOCKET_LEN (ADDR_STR_LEN + 8)
/* Returns buf: "10.0.0.1:80", "[fd00::1]:80", "*:80" for the zero address of a NodePort. */
const char *plan_socket_format(const struct addr *addr, uint16_t port,
			       char buf[static PLAN_SOCKET_LEN]);

/* Frees what a service has, not itself. */
void plan_service_fini(struct plan_service *service);

/* Same endpoints in both sets. */
bool plan_set_equal(const struct plan_set *a, const struct plan_set *b);

/* -1, 0, 1 by name, proto, family. */
int plan_service_compare(const struct plan_service *a, const struct plan_service *b);
