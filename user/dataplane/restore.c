/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads svc_name, endpoint, svc, the lists that it points at, and source_range. Every record is
 * marked unsure, so that the first apply compares each value with what the plan wants. What no plan
 * service claims then leaves like any removed service; ids without a frontend rest in quarantine
 * and leave after the first sweep.
 */
#include "dataplane/restore.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/encode.h"

typedef void (*entry_fn)(struct inforce *in, const void *key, const void *value);

/* Calls fn for each entry of a hash that nobody else writes. */
static int walk(struct inforce *in, int fd, size_t key_size, size_t value_size, entry_fn fn)
{
	enum {
		N = 1024
	};
	_cleanup_(mem_freep) uint8_t *keys = mem_array(N, key_size);
	_cleanup_(mem_freep) uint8_t *values = mem_array(N, value_size);
	uint32_t cursor = 0;
	bool started = false;
	int r;

	do {
		uint32_t n = N;

		r = bpf_map_lookup_batch(fd, started ? &cursor : NULL, &cursor, keys, values, &n,
					 NULL);
		if (r && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++)
			fn(in, keys + i * key_size, values + i * value_size);
		started = true;
	} while (!r);
	return 0;
}

static void on_name(struct inforce *in, const void *key, const void *value)
{
	const struct naru_svc_name *name = value;
	char text[ENCODE_SERVICE_KEY_LEN];
	uint32_t id;
	int r;

	memcpy(&id, key, sizeof(id));
	encode_service_key(name->name, (uint8_t)name->proto, (uint8_t)name->family, text);
	r = ids_restore(in->services, text, strlen(text), id);
	if (r)
		log_warn("svc_name %u: left aside: %s", id, strerror(-r));
}

static void on_endpoint(struct inforce *in, const void *key, const void *value)
{
	const struct naru_endpoint *ep = value;
	struct encode_endpoint_key ep_key;
	uint32_t id;
	int r;

	memcpy(&id, key, sizeof(id));
	encode_endpoint_key(ep, &ep_key);
	r = ids_restore(in->endpoints, &ep_key, sizeof(ep_key), id);
	if (r)
		log_warn("endpoint %u: left aside: %s", id, strerror(-r));
	else
		in->eps[id] = *ep;
}

/* ---- svc ---- */

/* Room for one more pointer. */
static void *grow(void *array, size_t n)
{
	size_t cap = n;

	return mem_grow(array, n, &cap, sizeof(void *));
}

static struct live_service *service_of(struct inforce *in, uint32_t id)
{
	struct naru_svc_name name;
	char text[ENCODE_SERVICE_KEY_LEN];

	if (!id || id > NARU_SERVICES_MAX)
		return NULL;
	if (in->by_id[id])
		return in->by_id[id];
	if (bpf_map_lookup_elem(in->maps->svc_name, &id, &name))
		return NULL;
	name.name[NARU_NAME_LEN - 1] = '\0';
	encode_service_key(name.name, (uint8_t)name.proto, (uint8_t)name.family, text);
	if (ids_find(in->services, text, strlen(text)) != id || ids_hold(in->services, id))
		return NULL;
	return inforce_add_service(in, name.name, (uint8_t)name.proto, (uint8_t)name.family, id);
}

static void read_list(struct inforce *in, struct live_set *set, uint8_t proto)
{
	for (uint32_t i = 0; i < set->value.count; i++) {
		uint32_t key = set->value.list + i / NARU_LIST_SLOTS, id;
		struct plan_endpoint *ep = &set->content.endpoints[i];
		static struct naru_list_block block;

		if (i % NARU_LIST_SLOTS == 0 &&
		    bpf_map_lookup_elem(in->maps->ep_list, &key, &block))
			return;
		id = block.id[i % NARU_LIST_SLOTS];
		if (!id || id > NARU_ENDPOINTS_MAX || !in->eps[id].proto)
			continue;
		/* What is in eps is bound. */
		if (ids_hold(in->endpoints, id))
			continue;
		set->ids[i] = id;
		encode_decode_endpoint(&in->eps[id], ep);
		filter_hold(in->filter, FILTER_BACK, proto, ep->port, &ep->addr);
	}
}

static bool same_place(const struct naru_set *a, const struct naru_set *b)
{
	return a->count == b->count && a->list == b->list && a->lut == b->lut &&
	       a->lut_len == b->lut_len;
}

static void add_set(struct inforce *in, struct live_service *service, const struct naru_set *value)
{
	struct live_set *set;
	int r;

	if (!value->count || value->count > NARU_SET_MAX)
		return;
	for (size_t i = 0; i < service->n_sets; i++) {
		if (same_place(&service->sets[i]->value, value))
			return;
	}
	r = segments_reserve(in->list, value->list, inforce_list_blocks(value));
	if (!r && value->lut_len) {
		r = segments_reserve(in->lut, value->lut, inforce_lut_blocks(value));
		if (r)
			segments_give(in->list, value->list, inforce_list_blocks(value));
	}
	if (r) {
		log_warn("service %s: its tables are not as they should be, writing them anew",
			 service->name);
		return;
	}
	set = mem_new(sizeof(*set));
	set->value = *value;
	set->content.n = value->count;
	set->content.endpoints = mem_array(value->count, sizeof(*set->content.endpoints));
	set->ids = mem_array(value->count, sizeof(*set->ids));
	read_list(in, set, service->proto);
	service->sets = grow(service->sets, service->n_sets);
	service->sets[service->n_sets++] = set;
}

static void on_svc(struct inforce *in, const void *key, const void *value)
{
	struct live_front *front = inforce_add_front(in, key);
	struct live_service *service;

	memcpy(&front->value, value, sizeof(front->value));
	front->unsure = false;
	service = service_of(in, front->value.id);
	if (!service)
		return;
	front->owner = service;
	service->unsure = true;
	service->fronts = grow(service->fronts, service->n_fronts);
	service->fronts[service->n_fronts++] = front;
	add_set(in, service, &front->value.external);
	add_set(in, service, &front->value.internal);
}

/* Not by walk(): the cursor of a trie is a key. */
static int read_ranges(struct inforce *in)
{
	struct naru_range_key key, *last = NULL;
	struct live_service *service, *next;
	int r;

	while (!(r = bpf_map_get_next_key(in->maps->source_range, last, &key))) {
		service = service_of(in, key.svc);
		if (service)
			service->unsure = true;
		ranges_restore(&in->ranges, &key, service ? &service->ranges : NULL);
		last = &key;
	}
	HASH_ITER (hh, in->by_key, service, next)
		ranges_restored(&service->ranges);
	return r == -ENOENT ? 0 : r;
}

int restore_all(struct inforce *in)
{
	const struct maps *maps = in->maps;
	int r = walk(in, maps->svc_name, sizeof(uint32_t), sizeof(struct naru_svc_name), on_name);

	if (!r)
		r = walk(in, maps->endpoint, sizeof(uint32_t), sizeof(struct naru_endpoint),
			 on_endpoint);
	if (!r)
		r = walk(in, maps->svc, sizeof(struct naru_svc_key), sizeof(struct naru_svc),
			 on_svc);
	return r ? r : read_ranges(in);
}
