/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the maps now: services, their frontends and sets, endpoints, and who uses which
 * segment. publish.c and sync.c change it together with the maps, restore.c fills it from them.
 *
 * Glossary: a *round* is one apply; a *set* here is an endpoint list with its Maglev table in the
 * maps; it is immutable, a change makes a new one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/hash.h"
#include "dataplane/filter.h"
#include "dataplane/ids.h"
#include "dataplane/maps.h"
#include "dataplane/ranges.h"
#include "dataplane/segments.h"
#include "plan/plan.h"

struct live_set {
	struct plan_set content; /* owned */
	uint32_t *ids;		 /* by index in content; 0: unknown after a damaged restart */
	struct naru_set value;
};

struct live_front {
	UT_hash_handle hh;
	struct naru_svc_key key;
	struct naru_svc value;
	struct live_service *owner; /* NULL: left over from an earlier process */
	uint64_t round;		    /* of the last publish that wanted it */
	bool unsure;		    /* the kernel may hold something else */
};

enum {
	USE_CLUSTER,
	USE_LOCAL,
	USES,
};

struct live_service {
	UT_hash_handle hh;
	char *key; /* encode_service_key() */
	char *name;
	uint8_t proto, family;
	uint32_t id;
	struct plan_frontend *plan_fronts; /* as last published */
	size_t n_plan_fronts;
	struct live_front **fronts;
	size_t n_fronts;
	struct live_set **sets;
	size_t n_sets;
	struct live_set *use[USES]; /* of sets; NULL: empty or not used */
	enum naru_on_empty on_empty[USES];
	struct plan_set spare; /* see plan.h; owned */
	uint32_t affinity_s;
	struct ranges_list ranges;
	bool ranged_node;
	uint64_t round;	    /* the last one whose plan had it */
	uint64_t published; /* the last one that changed it */
	bool unsure;	    /* compare with the maps, not with the last plan */
};

struct inforce {
	const struct maps *maps;
	struct filter *filter;
	struct ids *services;
	struct ids *endpoints;
	struct segments *lut;
	struct segments *list;
	struct live_service *by_key;
	struct live_front *fronts;
	struct live_service **by_id;
	struct naru_endpoint *eps;     /* by id, as in the map; proto 0: not there */
	struct naru_lut_block *tables; /* the map `lut`, see write_begin(), or NULL */
	struct ranges ranges;
	uint64_t writes;  /* elements written or deleted, for who looks */
	uint32_t tick_ms; /* how long a tick is; set by the caller */
	uint64_t round;
	bool unsure; /* some service may not stand in the maps as its plan had it */
};

struct inforce *inforce_new(const struct maps *maps, struct filter *filter);
void inforce_free(struct inforce *in);

struct live_service *inforce_find(const struct inforce *in, const char *name, uint8_t proto,
				  uint8_t family);
/* The service's id is taken over. */
struct live_service *inforce_add_service(struct inforce *in, const char *name, uint8_t proto,
					 uint8_t family, uint32_t id);
/* Its frontends and sets must be gone. Gives the id back. */
void inforce_remove_service(struct inforce *in, struct live_service *service);

struct live_front *inforce_find_front(const struct inforce *in, const struct naru_svc_key *key);
/* Holds the filter's bits. */
struct live_front *inforce_add_front(struct inforce *in, const struct naru_svc_key *key);
void inforce_remove_front(struct inforce *in, struct live_front *front);

/* Frees the record, its ids' references and filter bits; segments are the caller's business. */
void inforce_free_set(struct inforce *in, struct live_set *set, uint8_t proto);
/* Blocks of a set in `lut` and `ep_list`. */
uint32_t inforce_lut_blocks(const struct naru_set *value);
uint32_t inforce_list_blocks(const struct naru_set *value);

/* In one of its sets, or spare. */
bool inforce_has_endpoint(const struct inforce *in, uint32_t service, uint32_t endpoint);
/* The same by address, for a service that there is. */
bool inforce_serves(const struct live_service *service, const struct addr *addr, uint16_t port);
