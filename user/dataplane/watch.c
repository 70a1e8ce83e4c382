/* SPDX-License-Identifier: Apache-2.0 */
/* Times come as the kernel's monotonic clock and go as the wall clock. */
#include "dataplane/watch.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include <naru/counters.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dataplane/listing.h"

#define TICKS_AHEAD 2 /* ticks are about a second, and may differ by one between CPUs */

struct watch {
	const struct inforce *in;
	struct naru_state *state;
	struct ring_buffer *ring; /* NULL: off */
	uint32_t tick;
	event_fn fn; /* of the call under way */
	void *arg;
	unsigned left; /* events that it may still take */
};

struct watch *watch_new(const struct inforce *in, struct naru_state *state)
{
	struct watch *watch = mem_new(sizeof(*watch));

	watch->in = in;
	watch->state = state;
	/* It has run out by itself; but who looks at the map shall not have to know. */
	watch_set(watch, false);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	watch_set(watch, false);
	free(watch);
}

static const char *kind_name(enum naru_event_kind kind)
{
	switch (kind) {
	case NARU_EVENT_FLOW:
		return "flow";
	case NARU_EVENT_SOCKET:
		return "socket";
	case NARU_EVENT_DROP:
		return "drop";
	case NARU_EVENT_REFUSED:
		return "refused";
	}
	return "unknown";
}

static struct addr addr_of(const uint8_t byte[16])
{
	struct addr addr;

	memcpy(addr.byte, byte, sizeof(addr.byte));
	return addr;
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct watch *watch = ctx;
	const struct naru_event *e = data;
	const struct live_service *service;
	bool loss = e->kind == NARU_EVENT_DROP || e->kind == NARU_EVENT_REFUSED;
	struct event_info info;

	if (size < sizeof(*e) || !watch->fn)
		return 0;
	service = e->svc <= NARU_SERVICES_MAX ? watch->in->by_id[e->svc] : NULL;
	info = (struct event_info){
		.kind = kind_name(e->kind),
		.reason = loss && e->reason < NARU_C_MAX ? e->reason : -1,
		.proto = e->proto,
		.client = addr_of(e->client),
		.vip = addr_of(e->addr),
		.endpoint = addr_of(e->endpoint),
		.snat = addr_of(e->snat),
		.client_port = e->client_port,
		.vip_port = e->port,
		.endpoint_port = e->endpoint_port,
		.snat_port = e->snat_port,
		.road = e->road ? listing_road(e->road) : NULL,
		.service = service ? service->name : "",
		.ifindex = e->ifindex,
		.time_ns = e->time_ns + ((uint64_t)clock_wall_us() - clock_us()) * 1000,
	};
	watch->fn(watch->arg, &info);
	/* This event has been taken, whatever is returned. */
	return --watch->left ? 0 : -E2BIG;
}

static void renew(struct watch *watch)
{
	uint32_t until = watch->tick + TICKS_AHEAD;

	/* 0 stands for off. */
	__atomic_store_n(&watch->state->watched, until ? until : 1, __ATOMIC_RELAXED);
}

int watch_set(struct watch *watch, bool on)
{
	if (!on) {
		__atomic_store_n(&watch->state->watched, 0, __ATOMIC_RELAXED);
		ring_buffer__free(TAKE_PTR(watch->ring));
		return 0;
	}
	if (watch->ring)
		return 0;
	watch->ring = ring_buffer__new(watch->in->maps->events, on_event, watch, NULL);
	if (!watch->ring)
		return -errno;
	watch->fn = NULL;
	ring_buffer__consume(watch->ring);
	renew(watch);
	return 0;
}

void watch_tick(struct watch *watch, uint32_t tick)
{
	watch->tick = tick;
	if (watch->ring)
		renew(watch);
}

int watch_fd(const struct watch *watch)
{
	return watch->ring ? ring_buffer__epoll_fd(watch->ring) : -1;
}

void watch_read(struct watch *watch, event_fn fn, void *arg)
{
	if (!watch->ring)
		return;
	watch->fn = fn;
	watch->arg = arg;
	watch->left = DATAPLANE_WATCH_MAX;
	ring_buffer__consume(watch->ring);
	watch->fn = NULL;
}
