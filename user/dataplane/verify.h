/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps against what is in force, again and again, whoever may have changed them:
 * what differs is written anew, counted and told. Begins with what an earlier process left, once
 * the first plan has been applied. l4.c has one.
 */
#pragma once
#include <stdint.h>

#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"
#include "dataplane/nodemaps.h"

enum verify_map {
	VERIFY_SVC,
	VERIFY_SVC_NAME,
	VERIFY_ENDPOINT,
	VERIFY_EP_LIST,
	VERIFY_LUT,
	VERIFY_SOURCE_RANGE,
	VERIFY_FILTER,
	VERIFY_DEVICE,
	VERIFY_NODE_ADDR,
	VERIFY_STEER,
	VERIFY_STEER_VIP,
	VERIFY_MAPS,
};

struct verify {
	struct inforce *in; /* these three are set by the caller */
	struct nodemaps node;
	uint32_t every_ms; /* between two beginnings; 0: never */
	uint64_t due_ms;
	uint64_t node_ms; /* when the small maps are due, which mislead other machines */
	uint32_t next;	  /* id of the service to look at next, 0: between two rounds */
	unsigned found;	  /* in this round */
	uint64_t rounds, repairs[VERIFY_MAPS];
};

/* A slice of a few milliseconds. Not before a plan has been applied. */
void verify_tick(struct verify *verify, uint64_t now_ms);

/* Tells the differences there are now, all at once, and leaves them. 0 or -errno. */
int verify_look(const struct verify *verify, audit_fn fn, void *arg);

/* "svc" and so on. */
const char *verify_map_name(enum verify_map map);
