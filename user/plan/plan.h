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

enum plan_kind {
	PLAN_CLUSTER_IP = 1,
	PLAN_NODE_PORT,
	PLAN_LOAD_BALANCER,
};

/* Which of the service's two sets a class of clients uses. */
enum plan_policy {
	PLAN_CLUSTER,
	PLAN_LOCAL,
};

struct plan_frontend {
	enum plan_kind kind;
	struct addr addr; /* all zero for a NodePort */
	uint16_t port;
	enum plan_policy external; /* clients outside the node */
	enum plan_policy internal; /* pods and sockets of this node */
};

/* One port of one Service in one family. */
struct plan_service {
	char *name;	/* namespace/name:port, with the port's name or else its number */
	uint8_t proto;	/* 6 or 17 */
	uint8_t family; /* 4 or 6 */
	struct plan_frontend *frontends; /* sorted by kind, address, port */
	size_t n_frontends;
	struct plan_set cluster; /* E1 of kube-proxy's rules */
	struct plan_set local;	 /* E2; filled only when some frontend uses it */
};

struct plan {
	uint64_t generation;	/* of the model it was compiled from */
	char *node;		/* this node's name */
	struct cidr *pod_cidrs; /* of this node */
	size_t n_pod_cidrs;
	struct plan_service *services; /* sorted by name, proto, family */
	size_t n_services;
	struct plan_l7 l7;
	struct diag_list diags; /* what is wrong with single objects, sorted */
};

void plan_free(struct plan *plan);

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

/* Same endpoints in both sets. */
bool plan_set_equal(const struct plan_set *a, const struct plan_set *b);

/* -1, 0, 1 by name, proto, family. */
int plan_service_compare(const struct plan_service *a, const struct plan_service *b);
