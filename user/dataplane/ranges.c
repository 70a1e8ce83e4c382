/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists are sorted: whoever may write Services decides how long they are, so nothing here looks
 * through one for each item of another. Every entry of the map is in the list of its service or
 * among the old ones, never in both.
 */
#include "dataplane/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dataplane/encode.h"

struct old_range {
	UT_hash_handle hh;
	struct naru_range_key key;
};

/* What one service needs no more; never empty. */
struct ranges_old {
	UT_hash_handle hh;
	uint32_t service;
	struct old_range *items;
};

static struct ranges_old *find_old(const struct ranges *ranges, uint32_t service)
{
	struct ranges_old *old;

	HASH_FIND(hh, ranges->old, &service, sizeof(service), old);
	return old;
}

static void drop_item(struct ranges_old *old, struct old_range *item)
{
	HASH_DEL(old->items, item);
	free(item);
}

static void drop_old(struct ranges *ranges, struct ranges_old *old)
{
	HASH_DEL(ranges->old, old);
	free(old);
}

void ranges_fini(struct ranges *ranges)
{
	struct ranges_old *old, *next;

	HASH_ITER (hh, ranges->old, old, next) {
		struct old_range *item, *after;

		HASH_ITER (hh, old->items, item, after)
			drop_item(old, item);
		drop_old(ranges, old);
	}
	*ranges = (struct ranges){ .map = -1 };
}

/* ---- lists ---- */

static int compare(const void *pa, const void *pb)
{
	const struct cidr *a = pa, *b = pb;
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->len - (int)b->len;
}

static bool has(const struct cidr *items, size_t n, const struct cidr *range)
{
	return n && bsearch(range, items, n, sizeof(*items), compare);
}

static bool lists(const struct ranges_list *list, const struct cidr *range)
{
	return list && has(list->items, list->n, range);
}

bool ranges_equal(const struct ranges_list *list, const struct plan_service *plan)
{
	if (list->n != plan->n_ranges)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (compare(&list->items[i], &plan->ranges[i]))
			return false;
	}
	return true;
}

size_t ranges_missing(const struct ranges_list *list, const struct plan_service *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_ranges; i++)
		n += !lists(list, &plan->ranges[i]);
	return n;
}

/* ---- the map ---- */

static void leave(struct ranges *ranges, const struct naru_range_key *key)
{
	struct ranges_old *old = find_old(ranges, key->svc);
	struct old_range *item = mem_new(sizeof(*item));

	if (!old) {
		old = mem_new(sizeof(*old));
		old->service = key->svc;
		HASH_ADD(hh, ranges->old, service, sizeof(old->service), old);
	}
	item->key = *key;
	HASH_ADD(hh, old->items, key, sizeof(item->key), item);
}

/* A range that comes back before its removal was done is not to be removed. */
static void keep(struct ranges *ranges, const struct naru_range_key *key)
{
	struct ranges_old *old = find_old(ranges, key->svc);
	struct old_range *item = NULL;

	if (old)
		HASH_FIND(hh, old->items, key, sizeof(*key), item);
	if (!item)
		return;
	drop_item(old, item);
	if (!old->items)
		drop_old(ranges, old);
	ranges->n--;
}

static int write_one(struct ranges *ranges, uint32_t service, const struct cidr *range)
{
	struct naru_range_key key;
	uint8_t one = 1;
	int r;

	encode_range_key(service, range, &key);
	ranges->writes++;
	r = bpf_map_update_elem(ranges->map, &key, &one, BPF_ANY);
	if (r)
		return r;
	keep(ranges, &key);
	ranges->n++;
	return 0;
}

int ranges_write(struct ranges *ranges, uint32_t service, const struct ranges_list *list,
		 const struct plan_service *plan)
{
	int r = 0;
	size_t i = 0;

	for (; i < plan->n_ranges && !r; i++) {
		if (!lists(list, &plan->ranges[i]))
			r = write_one(ranges, service, &plan->ranges[i]);
	}
	for (i = r ? i - 1 : 0; i-- > 0;) {
		struct naru_range_key key;

		if (lists(list, &plan->ranges[i]))
			continue;
		encode_range_key(service, &plan->ranges[i], &key);
		leave(ranges, &key);
	}
	return r;
}

void ranges_adopt(struct ranges *ranges, uint32_t service, struct ranges_list *list,
		  const struct plan_service *plan)
{
	size_t n = plan ? plan->n_ranges : 0;

	for (size_t i = 0; i < list->n; i++) {
		struct naru_range_key key;

		if (plan && has(plan->ranges, n, &list->items[i]))
			continue;
		encode_range_key(service, &list->items[i], &key);
		leave(ranges, &key);
	}
	free(list->items);
	list->n = n;
	list->items = mem_array(n, sizeof(*list->items));
	if (n)
		memcpy(list->items, plan->ranges, n * sizeof(*list->items));
}

void ranges_restore(struct ranges *ranges, const struct naru_range_key *key,
		    struct ranges_list *list)
{
	size_t cap;

	ranges->n++;
	if (!list) {
		leave(ranges, key);
		return;
	}
	cap = list->n;
	list->items = mem_grow(list->items, list->n, &cap, sizeof(*list->items));
	encode_decode_range(key, &list->items[list->n++]);
}

void ranges_restored(struct ranges_list *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
}

static int delete_old(struct ranges *ranges, struct ranges_old *old)
{
	struct old_range *item, *next;
	int error = 0;

	HASH_ITER (hh, old->items, item, next) {
		int r = bpf_map_delete_elem(ranges->map, &item->key);

		ranges->writes++;
		if (r && r != -ENOENT) {
			error = error ? error : r;
			continue;
		}
		ranges->n--;
		drop_item(old, item);
	}
	if (!old->items)
		drop_old(ranges, old);
	return error;
}

int ranges_forget(struct ranges *ranges, uint32_t service)
{
	struct ranges_old *old = find_old(ranges, service);

	return old ? delete_old(ranges, old) : 0;
}

int ranges_clear(struct ranges *ranges, ranges_held_fn is_held, void *arg)
{
	struct ranges_old *old, *next;
	int error = 0;

	HASH_ITER (hh, ranges->old, old, next) {
		int r = is_held(arg, old->service) ? 0 : delete_old(ranges, old);

		error = error ? error : r;
	}
	return error;
}

void ranges_expect_old(const struct ranges *ranges, struct rows *rows)
{
	for (struct ranges_old *old = ranges->old; old; old = old->hh.next) {
		for (struct old_range *item = old->items; item; item = item->hh.next)
			rows_add(rows, &item->key, NULL);
	}
}
