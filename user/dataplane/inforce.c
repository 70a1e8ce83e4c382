/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of what is in the maps and the references that go with them: a frontend holds bits
 * of the filter, a set holds ids and bits of its endpoints. No system call is made here.
 */
#include "dataplane/inforce.h"

#include <string.h>

#include "base/mem.h"
#include "dataplane/encode.h"

struct inforce *inforce_new(const struct maps *maps, struct filter *filter)
{
	struct inforce *in = mem_new(sizeof(*in));

	in->maps = maps;
	in->filter = filter;
	in->ranges.map = maps->source_range;
	in->services = ids_new(NARU_SERVICES_MAX);
	in->endpoints = ids_new(NARU_ENDPOINTS_MAX);
	in->lut = segments_new(NARU_LUT_BLOCKS);
	in->list = segments_new(NARU_LIST_BLOCKS);
	in->by_id = mem_array(NARU_SERVICES_MAX + 1, sizeof(*in->by_id));
	in->eps = mem_array(NARU_ENDPOINTS_MAX + 1, sizeof(*in->eps));
	return in;
}

static void free_service(struct live_service *service)
{
	for (size_t i = 0; i < service->n_sets; i++) {
		free(service->sets[i]->content.endpoints);
		free(service->sets[i]->ids);
		free(service->sets[i]);
	}
	free(service->sets);
	free(service->fronts);
	free(service->plan_fronts);
	free(service->spare.endpoints);
	free(service->ranges.items);
	free(service->name);
	free(service->key);
	free(service);
}

void inforce_free(struct inforce *in)
{
	struct live_service *service, *next_service;
	struct live_front *front, *next_front;

	if (!in)
		return;
	HASH_ITER (hh, in->by_key, service, next_service) {
		HASH_DEL(in->by_key, service);
		free_service(service);
	}
	HASH_ITER (hh, in->fronts, front, next_front) {
		HASH_DEL(in->fronts, front);
		free(front);
	}
	ranges_fini(&in->ranges);
	ids_free(in->services);
	ids_free(in->endpoints);
	segments_free(in->lut);
	segments_free(in->list);
	free(in->by_id);
	free(in->eps);
	free(in);
}

/* ---- services ---- */

struct live_service *inforce_find(const struct inforce *in, const char *name, uint8_t proto,
				  uint8_t family)
{
	char key[ENCODE_SERVICE_KEY_LEN];
	struct live_service *service;

	encode_service_key(name, proto, family, key);
	HASH_FIND_STR(in->by_key, key, service);
	return service;
}

struct live_service *inforce_add_service(struct inforce *in, const char *name, uint8_t proto,
					 uint8_t family, uint32_t id)
{
	char key[ENCODE_SERVICE_KEY_LEN];
	struct live_service *service = mem_new(sizeof(*service));

	service->key = mem_strdup(encode_service_key(name, proto, family, key));
	service->name = mem_strdup(name);
	service->proto = proto;
	service->family = family;
	service->id = id;
	HASH_ADD_KEYPTR(hh, in->by_key, service->key, strlen(service->key), service);
	in->by_id[id] = service;
	return service;
}

void inforce_remove_service(struct inforce *in, struct live_service *service)
{
	HASH_DEL(in->by_key, service);
	in->by_id[service->id] = NULL;
	ids_put(in->services, service->id);
	free_service(service);
}

/* ---- frontends ---- */

struct live_front *inforce_find_front(const struct inforce *in, const struct naru_svc_key *key)
{
	struct live_front *front;

	HASH_FIND(hh, in->fronts, key, sizeof(*key), front);
	return front;
}

struct live_front *inforce_add_front(struct inforce *in, const struct naru_svc_key *key)
{
	struct live_front *front = mem_new(sizeof(*front));
	struct addr addr = encode_addr(key->addr, 16);

	front->key = *key;
	front->unsure = true;
	HASH_ADD(hh, in->fronts, key, sizeof(front->key), front);
	filter_hold(in->filter, FILTER_FRONT, key->proto, key->port, &addr);
	if (encode_is_closed(key))
		filter_hold(in->filter, FILTER_CLOSED, 0, 0, &addr);
	return front;
}

void inforce_remove_front(struct inforce *in, struct live_front *front)
{
	struct addr addr = encode_addr(front->key.addr, 16);

	filter_drop(in->filter, FILTER_FRONT, front->key.proto, front->key.port, &addr);
	if (encode_is_closed(&front->key))
		filter_drop(in->filter, FILTER_CLOSED, 0, 0, &addr);
	HASH_DEL(in->fronts, front);
	free(front);
}

/* ---- sets ---- */

void inforce_free_set(struct inforce *in, struct live_set *set, uint8_t proto)
{
	for (size_t i = 0; i < set->content.n; i++) {
		const struct plan_endpoint *ep = &set->content.endpoints[i];

		if (!set->ids[i])
			continue;
		ids_put(in->endpoints, set->ids[i]);
		filter_drop(in->filter, FILTER_BACK, proto, ep->port, &ep->addr);
	}
	free(set->content.endpoints);
	free(set->ids);
	free(set);
}

uint32_t inforce_lut_blocks(const struct naru_set *value)
{
	return (value->lut_len + NARU_LUT_SLOTS - 1) / NARU_LUT_SLOTS;
}

uint32_t inforce_list_blocks(const struct naru_set *value)
{
	return (value->count + NARU_LIST_SLOTS - 1) / NARU_LIST_SLOTS;
}

static bool set_has(const struct live_set *set, uint32_t endpoint)
{
	for (size_t i = 0; i < set->content.n; i++) {
		if (set->ids[i] == endpoint)
			return true;
	}
	return false;
}

static bool has_address(const struct plan_set *set, const uint8_t addr[16], uint16_t port)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct plan_endpoint *other = &set->endpoints[i];

		if (other->port == port && !memcmp(other->addr.byte, addr, 16))
			return true;
	}
	return false;
}

bool inforce_has_endpoint(const struct inforce *in, uint32_t id, uint32_t endpoint)
{
	const struct live_service *service = id <= NARU_SERVICES_MAX ? in->by_id[id] : NULL;

	for (size_t i = 0; service && i < service->n_sets; i++) {
		if (set_has(service->sets[i], endpoint))
			return true;
	}
	return service && endpoint <= NARU_ENDPOINTS_MAX &&
	       has_address(&service->spare, in->eps[endpoint].addr, in->eps[endpoint].port);
}

bool inforce_serves(const struct live_service *service, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < service->n_sets; i++) {
		if (has_address(&service->sets[i]->content, addr->byte, port))
			return true;
	}
	return has_address(&service->spare, addr->byte, port);
}
