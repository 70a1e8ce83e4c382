/* SPDX-License-Identifier: Apache-2.0 */
/* The services of the test node, each for TCP, UDP and SCTP and both families. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "world.h"

enum service_port {
	PORT_LOCAL = 80,      /* VIP, VIP2: the pod of this node */
	PORT_REMOTE = 81,     /* VIP: a pod behind nic0 */
	PORT_FAR = 82,	      /* VIP: a pod behind nic1 */
	PORT_EMPTY = 83,      /* VIP: no endpoint at all */
	PORT_LOCAL_ONLY = 84, /* VIP: outside: none of this node; inside: REMOTE */
	PORT_UNREACHABLE = 85,
	PORT_SILENT = 86,
	PORT_MANY = 87,	      /* VIP: POD, REMOTE, REMOTE1 */
	PORT_BROKEN = 88,     /* VIP: a list that names an endpoint that is not there */
	PORT_HOST = 89,	      /* VIP: the node itself, by an address that no object says is here */
	PORT_LB_REMOTE = 443, /* LB */
	PORT_LB_LOCAL = 444,
	PORT_NODE_REMOTE = 30080, /* any address of the node */
	PORT_NODE_LOCAL = 30081,
	PORT_NODE_EMPTY = 30082,
	PORT_OWN = 8080, /* OWN: a hostPort of POD */
	PORT_NONE = 99,	 /* no service has it */
};

/* Prime and less than NARU_LUT_SLOTS: tables fit into one block. */
#define SERVICES_LUT_LEN 31

/* Fills every map that narud fills. */
void node_services_fill(void);
uint32_t node_services_id(enum host vip, uint16_t port, uint8_t proto, int family);
uint32_t node_services_endpoint(enum host host, uint8_t proto, int family);
