/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network that packet tests live in: a node with two NICs and two pods in a network namespace
 * that belongs to this process alone and goes with it, so nothing is left behind however a test
 * ends. Far ends of the devices have no stack; who sits there is known by permanent neighbours.
 *
 *   nic0: clients behind GATEWAY, remote pods behind PEER0
 *   nic1: remote pods behind PEER1; its MTU is 1400
 *   pod0, pod1: the pods of this node
 *
 * Every host has an address of each family, so that a test case names hosts and runs for both.
 */
#pragma once
#include <stdint.h>

enum host {
	NOBODY,
	CLIENT, /* outside, behind GATEWAY */
	CLIENT2,
	NODE,  /* this node on nic0 */
	NODE1, /* this node on nic1 */
	VIP,   /* cluster addresses */
	VIP2,
	LB,  /* a load balancer's address */
	POD, /* on this node */
	POD2,
	REMOTE, /* pods on other nodes: behind nic0, behind nic1 */
	REMOTE1,
	UNREACHABLE, /* its route says so */
	SILENT,	     /* its next hop has no link address */
	STRANGER,    /* no business of ours */
	OWN,	     /* the loopback's address */
	HOST_MAX,
};

enum device {
	LOOPBACK,
	NIC0,
	NIC1,
	POD0,
	POD1,
	DEVICE_MAX,
};

/* Who has a link address. */
enum station {
	NONE,
	NIC0_MAC,
	NIC1_MAC,
	POD0_MAC, /* the host's end */
	POD1_MAC,
	GATEWAY,
	PEER0,
	PEER1,
	POD_MAC, /* the pod's end */
	POD2_MAC,
	STATION_MAX,
};

/* Enters a namespace of its own and builds the network there; ends the process on failure. */
void world_enter(void);

/* Addresses in wire order: 4 or 16 bytes; mapped: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
void world_addr(enum host host, int family, uint8_t *ret_addr);
void world_mapped(enum host host, int family, uint8_t ret_addr[16]);
void world_mac(enum station station, uint8_t ret_mac[6]);
const char *world_name(enum device device);
uint32_t world_ifindex(enum device device);
/* The address and link address of the node on a device, and of the usual sender there. */
enum host world_source(enum device device);
enum station world_own_mac(enum device device);
enum station world_sender_mac(enum device device);
