/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks forward entries and looks their other halves up. The kernel changes the maps meanwhile: a
 * flow that comes or goes during the walk may be shown or not.
 */
#include "dataplane/listing.h"

#include <errno.h>

#include <bpf/bpf.h>

#include <naru/expire.h>

#include "base/mem.h"
#include "dataplane/flow.h"

#define BATCH 1024

struct walk {
	const struct inforce *in;
	uint32_t tick, tick_ms;
	flow_fn fn;
	void *arg;
	bool stop;
};

static const char *road_name(enum naru_road road)
{
	switch (road) {
	case NARU_STACK:
		return "stack";
	case NARU_REDIRECT:
		return "redirect";
	case NARU_HAIRPIN:
		return "hairpin";
	}
	return "unknown";
}

static const char *state_name(enum naru_flow_state state)
{
	switch (state) {
	case NARU_OPENING:
		return "opening";
	case NARU_ESTABLISHED:
		return "established";
	case NARU_HALF_CLOSED:
		return "closing";
	case NARU_CLOSED:
	case NARU_RESET:
		return "closed";
	case NARU_ONE_WAY:
		return "one-way";
	case NARU_REPLIED:
		return "replied";
	}
	return "unknown";
}

static const char *service_name(const struct inforce *in, uint32_t id)
{
	const struct live_service *service = id <= NARU_SERVICES_MAX ? in->by_id[id] : NULL;

	return service ? service->name : "";
}

static void show(struct walk *walk, int fd, const struct flow_family *family, const void *key,
		 const void *value)
{
	uint8_t peer[FLOW_KEY_MAX], back[FLOW_VALUE_MAX] __attribute__((aligned(8)));
	const struct naru_flow *rev = NULL;
	struct flow flow;
	struct flow_info info;

	flow_read(family, key, value, &flow);
	if (flow.f->flags & NARU_F_REPLY)
		return;
	flow_peer_key(family, key, value, peer);
	if (!bpf_map_lookup_elem(fd, peer, back))
		rev = flow_tail(family, back);
	info = (struct flow_info){
		.proto = flow.proto,
		.client = flow.saddr,
		.vip = flow.daddr,
		.endpoint = flow.new_daddr,
		.client_port = flow.sport,
		.vip_port = flow.dport,
		.endpoint_port = flow.f->dport,
		.road = road_name(flow.f->road),
		.state = state_name(naru_flow_state(flow.f, rev, flow.proto)),
		.service = service_name(walk->in, flow.f->svc),
		.idle_s = (unsigned)((uint64_t)naru_flow_idle(flow.f, rev, walk->tick) *
				     walk->tick_ms / 1000),
	};
	if (flow.f->flags & NARU_F_SNAT) {
		info.snat = flow.new_saddr;
		info.snat_port = flow.f->sport;
	}
	walk->stop = !walk->fn(walk->arg, &info);
}

static int walk_map(struct walk *walk, int fd, const struct flow_family *family)
{
	_cleanup_(mem_freep) uint8_t *keys = mem_array(BATCH, family->key_size);
	_cleanup_(mem_freep) uint8_t *values = mem_array(BATCH, family->value_size);
	uint32_t cursor = 0;
	bool started = false;
	int r = 0;

	while (!r && !walk->stop) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(fd, started ? &cursor : NULL, &cursor, keys, values, &n,
					 NULL);
		if (r && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n && !walk->stop; i++)
			show(walk, fd, family, keys + i * family->key_size,
			     values + i * family->value_size);
		started = true;
	}
	return 0;
}

int listing_flows(const struct inforce *in, uint32_t tick, uint32_t tick_ms, flow_fn fn, void *arg)
{
	struct walk walk = { .in = in, .tick = tick, .tick_ms = tick_ms, .fn = fn, .arg = arg };
	int r = walk_map(&walk, in->maps->flow4, &flow_families[FLOW_V4]);

	return r || walk.stop ? r : walk_map(&walk, in->maps->flow6, &flow_families[FLOW_V6]);
}
