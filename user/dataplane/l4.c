/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: nothing is removed before the first plan has been applied; nothing that a flow may
 * hold is given to somebody else before a whole sweep has met no such flow.
 */
#include "dataplane/l4.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <naru/abi.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/restore.h"
#include "dataplane/stats.h"

static size_t page_round(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

#define FLOWS_SIZE ((NARU_SERVICES_MAX + 1) * sizeof(struct naru_svc_flows))

static void *map_value(int fd, size_t size)
{
	void *map = mmap(NULL, page_round(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static int map_values(struct l4 *l4)
{
	l4->filter_map = map_value(l4->load->maps.filter, sizeof(*l4->filter_map));
	l4->state_map = map_value(l4->load->maps.state, sizeof(*l4->state_map));
	l4->flows_map = map_value(l4->load->maps.svc_flows, FLOWS_SIZE);
	return l4->filter_map && l4->state_map && l4->flows_map
		       ? 0
		       : log_err(-errno, "map filter, state and counts of flows");
}

void l4_void_next_hops(struct l4 *l4)
{
	uint32_t gen = __atomic_load_n(&l4->state_map->nh_gen, __ATOMIC_RELAXED) + 1;

	if (!(gen & 0xffff))
		gen++;
	__atomic_store_n(&l4->state_map->nh_gen, gen, __ATOMIC_RELEASE);
}

static bool is_stale(void *arg, uint32_t service, uint32_t endpoint)
{
	const struct l4 *l4 = arg;

	/* What an earlier process left does not tell who else serves. */
	return l4->applied && !inforce_has_endpoint(l4->in, service, endpoint);
}

static void init_parts(struct l4 *l4, const struct dataplane_config *config)
{
	struct sweep_config sweep = {
		.store = l4->store,
		.snat_min = config->snat_min,
		.snat_max = config->snat_max,
		.flows = l4->flows_map,
		.flows_of = { &l4->state_map->flows[0], &l4->state_map->flows[1] },
		.bypass_netfilter = config->bypass_netfilter,
		.is_stale = is_stale,
		.arg = l4,
	};

	l4->filter = filter_new(l4->filter_map);
	l4->in = inforce_new(&l4->load->maps, l4->filter);
	l4->in->tick_ms = l4->tick_ms;
	sync_init(&l4->sync, l4->in);
	sweep.services = l4->in->services;
	sweep.endpoints = l4->in->endpoints;
	sweep.filter = l4->filter;
	l4->sweep = sweep_new(&sweep);
	l4->watch = watch_new(l4->in, l4->state_map);
	heal_init(&l4->heal, l4->in);
	l4->verify.in = l4->in;
	l4->verify.every_ms = config->verify_s * 1000;
	l4->optout.map = l4->load->maps.sock_off;
	l4->optout.state = l4->state_map;
}

static uint32_t tick_length(uint32_t shift)
{
	struct timespec jiffy = { .tv_nsec = 4000000 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	return (uint32_t)(((uint64_t)jiffy.tv_nsec << shift) / 1000000);
}

int l4_open(struct l4 *l4, const struct load *load, const struct dataplane_config *config)
{
	int r;

	l4->load = load;
	r = map_values(l4);
	if (r)
		return r;
	r = flowstore_open(&load->maps, &load->config, &l4->store);
	if (r)
		return r;
	l4->tick_ms = tick_length(load->tick_shift);
	init_parts(l4, config);
	r = restore_all(l4->in);
	if (r)
		return log_err(r, "read the pinned maps");
	r = sweep_raise(l4->sweep);
	if (r)
		return log_err(r, "read the pinned flow maps");
	/* For flows that the old programs make from here on. */
	sweep_hurry(l4->sweep);
	return 0;
}

void l4_close(struct l4 *l4)
{
	watch_free(l4->watch);
	heal_fini(&l4->heal);
	optout_fini(&l4->optout);
	sweep_free(l4->sweep);
	flowstore_close(l4->store);
	sync_fini(&l4->sync);
	inforce_free(l4->in);
	filter_free(l4->filter);
	if (l4->filter_map)
		munmap(l4->filter_map, page_round(sizeof(*l4->filter_map)));
	if (l4->state_map)
		munmap(l4->state_map, page_round(sizeof(*l4->state_map)));
	if (l4->flows_map)
		munmap(l4->flows_map, page_round(FLOWS_SIZE));
	*l4 = (struct l4){};
}

void l4_set_cgroup(struct l4 *l4, const char *dir)
{
	l4->optout.dir = mem_strdup(dir);
}

struct freed {
	const struct l4 *l4;
	uint32_t *ids;
	size_t n, cap;
};

/* The id's next owner must not let in whom the former one let in. */
static bool free_service_id(void *arg, uint32_t id)
{
	struct freed *freed = arg;
	const struct l4 *l4 = freed->l4;

	if (ranges_forget(&l4->in->ranges, id))
		return false;
	bpf_map_delete_elem(l4->load->maps.svc_name, &id);
	freed->ids = mem_grow(freed->ids, freed->n, &freed->cap, sizeof(*freed->ids));
	freed->ids[freed->n++] = id;
	return true;
}

static void free_service_ids(struct l4 *l4)
{
	struct freed freed = { .l4 = l4 };

	ids_sweep_end(l4->in->services, free_service_id, &freed);
	stats_forget(&l4->load->maps, freed.ids, freed.n);
	free(freed.ids);
}

static bool free_endpoint_id(void *arg, uint32_t id)
{
	const struct l4 *l4 = arg;

	bpf_map_delete_elem(l4->load->maps.endpoint, &id);
	l4->in->eps[id] = (struct naru_endpoint){};
	return true;
}

/* A slice. frees: a sweep that begins with it may give ids to others. */
static void sweep_now(struct l4 *l4, uint64_t now_ms, bool frees)
{
	uint32_t tick;

	if (load_tick(l4->load, &tick))
		return;
	if (sweep_begin(l4->sweep, now_ms))
		l4->sweep_counts = l4->applied && frees;
	if (!sweep_step(l4->sweep, tick, now_ms))
		return;
	l4->urgent &= sweep_hurries(l4->sweep);
	if (!l4->sweep_counts)
		return;
	free_service_ids(l4);
	ids_sweep_end(l4->in->endpoints, free_endpoint_id, l4);
	filter_sweep_end(l4->filter);
}

/* Flows do not stay with what has left. */
static void let_go(struct l4 *l4, const struct sync_result *result, uint64_t now_ms)
{
	if (result->removed)
		sweep_hurry(l4->sweep);
	if (!result->udp)
		return;
	/* At once, and again: packets on their way may make flows with what has gone. */
	sweep_hurry(l4->sweep);
	sweep_now(l4, now_ms, false);
	sweep_hurry(l4->sweep);
	l4->urgent = true;
	heal_ask(&l4->heal, now_ms);
}

int l4_apply(struct l4 *l4, const struct plan *plan, uint64_t now_ms, struct diag_list *ret_diags,
	     bool *ret_changed)
{
	struct sync_result result;
	int r = sync_apply(&l4->sync, plan, now_ms, ret_diags, &result);
	int w = optout_apply(&l4->optout, plan->unbalanced, plan->n_unbalanced, now_ms);

	*ret_changed = result.changed || !l4->applied;
	l4->applied = true;
	let_go(l4, &result, now_ms);
	return r ? r : w;
}

int l4_step(struct l4 *l4, const struct plan *plan, uint64_t now_ms, struct diag_list *ret_diags,
	    bool *ret_changed)
{
	struct sync_result result;
	int r = sync_step(&l4->sync, plan, now_ms, ret_diags, &result);
	int w = optout_apply(&l4->optout, plan->unbalanced, plan->n_unbalanced, now_ms);

	*ret_changed = result.changed;
	let_go(l4, &result, now_ms);
	return r ? r : w;
}

bool l4_hurries(const struct l4 *l4)
{
	return l4->urgent && sweep_hurries(l4->sweep);
}

void l4_hurry(struct l4 *l4, uint64_t now_ms)
{
	sweep_now(l4, now_ms, true);
}

void l4_tick(struct l4 *l4, uint64_t now_ms)
{
	uint32_t tick;

	sync_tick(&l4->sync, now_ms);
	optout_tick(&l4->optout, now_ms);
	heal_tick(&l4->heal, now_ms);
	if (load_tick(l4->load, &tick))
		return;
	watch_tick(l4->watch, tick);
	sweep_now(l4, now_ms, true);
	if (l4->applied)
		verify_tick(&l4->verify, now_ms);
}
