/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ranges.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"

void ranges_fini(struct ranges *ranges)
{
	free(ranges->old);
	*ranges = (struct ranges){ .map = -1 };
}

/* ---- lists ---- */

static bool same(const struct cidr *a, const struct cidr *b)
{
	return a->len == b->len && !addr_compare(&a->addr, &b->addr);
}

static bool has(const struct cidr *items, size_t n, const struct cidr *range)
{
	for (size_t i = 0; i < n; i++) {
		if (same(&items[i], range))
			return true;
	}
	return false;
}

bool ranges_equal(const struct ranges_list *list, const struct plan_service *plan)
{
	if (list->n != plan->n_ranges)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (!same(&list->items[i], &plan->ranges[i]))
			return false;
	}
	return true;
}

size_t ranges_missing(const struct ranges_list *list, const struct plan_service *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_ranges; i++)
		n += !list || !has(list->items, list->n, &plan->ranges[i]);
	return n;
}

/* ---- the map ---- */

static void leave(struct ranges *ranges, const struct naru_range_key *key)
{
	ranges->old = mem_grow(ranges->old, ranges->n_old, &ranges->cap_old, sizeof(*ranges->old));
	ranges->old[ranges->n_old++] = *key;
}

/* A range that comes back before its removal was done is not to be removed. */
static void keep(struct ranges *ranges, const struct naru_range_key *key)
{
	for (size_t i = 0; i < ranges->n_old; i++) {
		if (!memcmp(&ranges->old[i], key, sizeof(*key))) {
			ranges->old[i] = ranges->old[--ranges->n_old];
			ranges->n--;
			return;
		}
	}
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
		if (!list || !has(list->items, list->n, &plan->ranges[i]))
			r = write_one(ranges, service, &plan->ranges[i]);
	}
	for (i = r ? i - 1 : 0; i-- > 0;) {
		struct naru_range_key key;

		if (list && has(list->items, list->n, &plan->ranges[i]))
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

int ranges_clear(struct ranges *ranges)
{
	size_t kept = 0;
	int error = 0;

	for (size_t i = 0; i < ranges->n_old; i++) {
		int r = bpf_map_delete_elem(ranges->map, &ranges->old[i]);

		ranges->writes++;
		if (!r || r == -ENOENT) {
			ranges->n--;
			continue;
		}
		error = error ? error : r;
		ranges->old[kept++] = ranges->old[i];
	}
	ranges->n_old = kept;
	return error;
}
