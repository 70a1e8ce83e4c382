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

struct listing {
	const struct inforce *in;
	uint32_t tick, tick_ms;
	int family;	 /* of the map that is being read */
	bool started;	 /* cursor is valid */
	uint32_t cursor; /* bucket, as the kernel hands it out */
	uint8_t *keys, *values;
};

const char *listing_road(enum naru_road road)
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
	case NARU_STREAM:
		return "replied";
	}
	return "unknown";
}

static const char *service_name(const struct inforce *in, uint32_t id)
{
	const struct live_service *service = id <= NARU_SERVICES_MAX ? in->by_id[id] : NULL;

	return service ? service->name : "";
}

static int map_of(const struct listing *l)
{
	return l->family == FLOW_V4 ? l->in->maps->flow4 : l->in->maps->flow6;
}

/* False: fn wants no more. */
static bool show(const struct listing *l, const void *key, const void *value, flow_fn fn, void *arg)
{
	const struct flow_family *family = &flow_families[l->family];
	uint8_t peer[FLOW_KEY_MAX], back[FLOW_VALUE_MAX] __attribute__((aligned(8)));
	const struct naru_flow *rev = NULL;
	struct flow flow;
	struct flow_info info;

	flow_read(family, key, value, &flow);
	if (flow.f->flags & NARU_F_REPLY)
		return true;
	flow_peer_key(family, key, value, peer);
	if (!bpf_map_lookup_elem(map_of(l), peer, back))
		rev = flow_tail(family, back);
	info = (struct flow_info){
		.proto = flow.proto,
		.client = flow.saddr,
		.vip = flow.daddr,
		.endpoint = flow.new_daddr,
		.client_port = flow.sport,
		.vip_port = flow.dport,
		.endpoint_port = flow.f->dport,
		.road = listing_road(flow.f->road),
		.state = state_name(naru_flow_state(flow.f, rev, flow.proto)),
		.service = service_name(l->in, flow.f->svc),
		.idle_s = (unsigned)((uint64_t)naru_flow_idle(flow.f, rev, l->tick) * l->tick_ms /
				     1000),
	};
	if (flow.f->flags & NARU_F_SNAT) {
		info.snat = flow.new_saddr;
		info.snat_port = flow.f->sport;
	}
	return fn(arg, &info);
}

struct listing *listing_begin(const struct inforce *in, uint32_t tick, uint32_t tick_ms)
{
	struct listing *l = mem_new(sizeof(*l));

	l->in = in;
	l->tick = tick;
	l->tick_ms = tick_ms;
	l->keys = mem_array(BATCH, FLOW_KEY_MAX);
	l->values = mem_array(BATCH, FLOW_VALUE_MAX);
	return l;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	free(l->keys);
	free(l->values);
	free(l);
}

int listing_next(struct listing *l, flow_fn fn, void *arg)
{
	const struct flow_family *family = &flow_families[l->family];
	uint32_t n = BATCH;
	int r = bpf_map_lookup_batch(map_of(l), l->started ? &l->cursor : NULL, &l->cursor, l->keys,
				     l->values, &n, NULL);

	if (r && r != -ENOENT)
		return r;
	for (uint32_t i = 0; i < n; i++)
		if (!show(l, l->keys + i * family->key_size, l->values + i * family->value_size, fn,
			  arg))
			return 0;
	l->started = !r;
	if (r)
		l->family++;
	return l->family < FLOW_FAMILIES;
}
