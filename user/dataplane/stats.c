/* SPDX-License-Identifier: Apache-2.0 */
/* Both maps are read in batches: a scrape costs few system calls, however many services. */
#include "dataplane/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/counters.h>

#include "base/mem.h"

#define BATCH 256u

static uint8_t family_of(const struct live_service *service)
{
	/* encode_service_key(): protocol, family, name. */
	return (uint8_t)(strchr(service->key, ' ')[1] - '0');
}

static const struct live_service *find(const struct inforce *in, uint32_t id)
{
	return id <= NARU_SERVICES_MAX ? in->by_id[id] : NULL;
}

static void tell_traffic(const struct live_service *service, const struct naru_svc_stat *cpu,
			 size_t cpus, traffic_fn fn, void *arg)
{
	struct service_traffic sum = { .service = service->name,
				       .proto = service->proto,
				       .family = family_of(service) };

	for (size_t i = 0; i < cpus; i++) {
		for (size_t way = 0; way < ARRAY_SIZE(sum.packets); way++) {
			sum.packets[way] += cpu[i].packets[way];
			sum.bytes[way] += cpu[i].bytes[way];
		}
		sum.flows += cpu[i].flows;
	}
	if (sum.packets[0] || sum.packets[1] || sum.flows)
		fn(arg, &sum);
}

int stats_traffic(const struct inforce *in, traffic_fn fn, void *arg)
{
	_cleanup_(mem_freep) struct naru_svc_stat *values = NULL;
	uint32_t keys[BATCH], cursor = 0, top = 0;
	int cpus = libbpf_num_possible_cpus(), r = 0;

	if (cpus < 0)
		return cpus;
	values = mem_array(BATCH * (size_t)cpus, sizeof(*values));
	for (uint32_t id = 0; id <= NARU_SERVICES_MAX; id++)
		top = in->by_id[id] ? id : top;
	for (bool started = false; !r && cursor <= top; started = true) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(in->maps->svc_stat, started ? &cursor : NULL, &cursor,
					 keys, values, &n, NULL);
		if (r && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++)
			if (find(in, keys[i]))
				tell_traffic(find(in, keys[i]), values + i * (size_t)cpus,
					     (size_t)cpus, fn, arg);
	}
	return 0;
}

int stats_losses(const struct inforce *in, loss_fn fn, void *arg)
{
	struct naru_svc_drop keys[BATCH];
	uint64_t values[BATCH];
	uint32_t cursor = 0;
	int r = 0;

	for (bool started = false; !r; started = true) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(in->maps->svc_drop, started ? &cursor : NULL, &cursor,
					 keys, values, &n, NULL);
		if (r && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++) {
			const struct live_service *service = find(in, keys[i].svc);
			struct service_loss loss = { .reason = keys[i].reason, .count = values[i] };

			if (!service || loss.reason >= NARU_C_MAX)
				continue;
			loss.service = service->name;
			loss.proto = service->proto;
			loss.family = family_of(service);
			fn(arg, &loss);
		}
	}
	return 0;
}

size_t stats_entries(int map)
{
	_cleanup_(mem_freep) uint8_t *keys = NULL, *values = NULL;
	struct bpf_map_info info = {};
	uint32_t cursor = 0, size = sizeof(info);
	size_t entries = 0;
	int r = 0;

	if (bpf_obj_get_info_by_fd(map, &info, &size))
		return 0;
	keys = mem_array(BATCH, info.key_size);
	values = mem_array(BATCH, info.value_size);
	for (bool started = false; !r; started = true) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(map, started ? &cursor : NULL, &cursor, keys, values, &n,
					 NULL);
		if (r && r != -ENOENT)
			break;
		entries += n;
	}
	return entries;
}

static int compare(const void *pa, const void *pb)
{
	const uint32_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static void forget_traffic(const struct maps *maps, const uint32_t *ids, size_t n)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(mem_freep) struct naru_svc_stat *zero = NULL;

	if (cpus < 0)
		return;
	zero = mem_array(BATCH * (size_t)cpus, sizeof(*zero));
	for (size_t i = 0; i < n && ids[i] < NARU_STATS_MAX;) {
		uint32_t some = 0;

		while (some < BATCH && i + some < n && ids[i + some] < NARU_STATS_MAX)
			some++;
		bpf_map_update_batch(maps->svc_stat, ids + i, zero, &some, NULL);
		if (!some)
			return;
		i += some;
	}
}

static void forget_losses(const struct maps *maps, const uint32_t *ids, size_t n)
{
	struct naru_svc_drop keys[BATCH];
	uint64_t values[BATCH];
	uint32_t cursor = 0;
	int r = 0;

	for (bool started = false; !r; started = true) {
		uint32_t some = BATCH;

		r = bpf_map_lookup_batch(maps->svc_drop, started ? &cursor : NULL, &cursor, keys,
					 values, &some, NULL);
		if (r && r != -ENOENT)
			return;
		for (uint32_t i = 0; i < some; i++)
			if (bsearch(&keys[i].svc, ids, n, sizeof(*ids), compare))
				bpf_map_delete_elem(maps->svc_drop, &keys[i]);
	}
}

void stats_forget(const struct maps *maps, uint32_t *ids, size_t n)
{
	if (!n)
		return;
	qsort(ids, n, sizeof(*ids), compare);
	forget_traffic(maps, ids, n);
	forget_losses(maps, ids, n);
}
