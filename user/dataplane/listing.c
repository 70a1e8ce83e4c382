/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks forward entries and looks their other halves up. The kernel changes the maps meanwhile: a
 * flow that comes or goes during the walk may be shown or not.
 */
#include "dataplane/listing.h"

#include <errno.h>

#include <naru/expire.h>

#include "base/mem.h"

struct listing {
	const struct inforce *in;
	uint32_t tick, tick_ms;
	struct flowstore *store;
	struct flowstore_cursor cursor;
	/* Of the caller of listing_next(). */
	flow_fn fn;
	void *arg;
	bool enough;
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

static void show(void *arg, const struct flow_entry *entry)
{
	struct listing *l = arg;
	const struct flow_family *family = &flow_families[entry->family];
	const struct naru_flow *rev = NULL;
	struct flow_copy back;
	struct flow flow;
	struct flow_info info;

	flow_read(family, entry->key, entry->value, &flow);
	if (l->enough || flow.f->flags & NARU_F_REPLY)
		return;
	if (!flowstore_peer(l->store, entry, &back))
		rev = flow_tail(family, back.value);
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
	l->enough = !l->fn(l->arg, &info);
}

struct listing *listing_begin(const struct inforce *in, struct flowstore *store, uint32_t tick,
			      uint32_t tick_ms)
{
	struct listing *l = mem_new(sizeof(*l));

	l->in = in;
	l->store = store;
	l->tick = tick;
	l->tick_ms = tick_ms;
	return l;
}

void listing_free(struct listing *l)
{
	free(l);
}

int listing_next(struct listing *l, flow_fn fn, void *arg)
{
	int r;

	l->fn = fn;
	l->arg = arg;
	r = flowstore_walk(l->store, &l->cursor, l->tick, show, l);
	if (l->enough)
		return 0;
	if (r && r != -ENOENT)
		return r;
	if (r)
		l->cursor.family++;
	return l->cursor.family < FLOW_FAMILIES;
}
