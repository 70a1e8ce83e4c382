/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is looked at how: an entry that was used within the shortest timeout of its protocol cannot
 * belong to a flow that is over, since a flow is as idle as its less idle direction. Only the
 * others cost a look-up of their other half.
 *
 * Removal takes the forward entry first. Should a new connection come in between, it misses,
 * finds the old reply key taken and goes another road; the other order could remove its new
 * forward entry.
 *
 * The packet path inserts the reply entry before the forward one, so a reply entry alone may be a
 * flow in the making: it goes only if it is still alone in a later step.
 */
#include "dataplane/sweep.h"

#include <errno.h>
#include <string.h>

#include <naru/expire.h>

#include "base/clock.h"
#include "base/mem.h"

#define STEP_BATCHES  2 /* in a step of a sweep that nobody waits for */
#define HURRY_BATCHES 16
#define STEP_US	      4000 /* no further batch in a step that took as long */
#define PERIOD_MS     5000
#define ORPHANS_MAX   1024

struct sweep {
	struct sweep_config config;
	bool running;
	bool hurry;
	bool failed; /* the last step: nobody waits for the sweep that begins anew */
	bool again;  /* asked to hurry while running: start anew after this one */
	uint64_t ended_ms;
	uint32_t tick;
	struct flowstore_cursor cursor;
	size_t count[FLOW_FAMILIES], last_count[FLOW_FAMILIES];
	/* Flows by service that this sweep has met, and what the programs counted before. */
	uint32_t *met, *before;
	uint32_t sum_before[FLOW_FAMILIES], sum[FLOW_FAMILIES];
	struct flow_copy *orphans;
	size_t n_orphans;
};

struct sweep *sweep_new(const struct sweep_config *config)
{
	struct sweep *s = mem_new(sizeof(*s));

	s->config = *config;
	s->met = mem_array(NARU_SERVICES_MAX + 1, sizeof(*s->met));
	s->before = mem_array(NARU_SERVICES_MAX + 1, sizeof(*s->before));
	s->orphans = mem_array(ORPHANS_MAX, sizeof(*s->orphans));
	return s;
}

void sweep_free(struct sweep *s)
{
	if (!s)
		return;
	free(s->met);
	free(s->before);
	free(s->orphans);
	free(s);
}

bool sweep_is_suspect(const struct naru_flow *f, uint8_t proto, uint32_t tick)
{
	uint32_t least = proto == NARU_UDP ? NARU_IDLE_UDP : NARU_IDLE_TCP_RESET;

	return !f->seen || (int32_t)(tick - f->seen) > (int32_t)least;
}

/* ---- one entry ---- */

/* The bits without which a flow's packets would pass by unseen, whatever the settings were when it
 * began. */
static void need_bits(struct sweep *s, const struct flow *flow)
{
	const struct sweep_config *c = &s->config;
	bool given_out = flow->dport >= c->snat_min && flow->dport <= c->snat_max;

	if (!(flow->f->flags & NARU_F_REPLY)) {
		filter_seen(c->filter, FILTER_FRONT, flow->proto, flow->dport, &flow->daddr);
		return;
	}
	filter_seen(c->filter, FILTER_BACK, flow->proto, flow->sport, &flow->saddr);
	if (flow->hook != NARU_INGRESS)
		return;
	/* Replies to clients whose address was kept come in by the back bits, as long as
	 * --bypass-netfilter looks at those. */
	if (flow->f->flags & NARU_F_SNAT || !c->bypass_netfilter)
		filter_seen(c->filter, FILTER_FRONT, flow->proto, given_out ? 0 : flow->dport,
			    &flow->daddr);
}

static void note(struct sweep *s, const struct flow_entry *entry)
{
	struct flow flow;

	flow_read(&flow_families[entry->family], entry->key, entry->value, &flow);
	ids_seen(s->config.services, flow.f->svc);
	ids_seen(s->config.endpoints, flow.f->ep);
	if (!(flow.f->flags & NARU_F_REPLY) && flow.f->svc <= NARU_SERVICES_MAX) {
		s->met[flow.f->svc]++;
		s->sum[entry->family]++;
	}
	need_bits(s, &flow);
}

static void visit_forward(struct sweep *s, const struct flow_entry *entry)
{
	const struct flow_family *family = &flow_families[entry->family];
	const struct naru_flow *fwd = flow_tail(family, entry->value), *rev = NULL;
	struct flow_copy peer;

	if (!flowstore_peer(s->config.store, entry, &peer))
		rev = flow_tail(family, peer.value);
	if (rev && !(rev->flags & NARU_F_REPLY))
		rev = NULL;
	if (naru_flow_expired(fwd, rev, flow_proto(family, entry->key), s->tick))
		flowstore_expire(s->config.store, entry, rev ? &peer : NULL);
	else
		note(s, entry);
}

/* The forward entry's visit judges the pair; here only its absence matters. */
static void visit_reply(struct sweep *s, const struct flow_entry *entry)
{
	struct flow_copy fwd;

	note(s, entry);
	if (s->n_orphans < ORPHANS_MAX && flowstore_peer(s->config.store, entry, &fwd) == -ENOENT)
		flowstore_copy(entry, &s->orphans[s->n_orphans++]);
}

static void visit(void *arg, const struct flow_entry *entry)
{
	struct sweep *s = arg;
	const struct flow_family *family = &flow_families[entry->family];
	const struct naru_flow *f = flow_tail(family, entry->value);
	uint8_t proto = flow_proto(family, entry->key);
	bool stale = proto == NARU_UDP && s->config.is_stale(s->config.arg, f->svc, f->ep);

	s->count[entry->family]++;
	/* Without its forward entry a flow is over. In a hurry the reply entry stays until the next
	 * sweep: the endpoint may be about to answer. */
	if (stale && !(s->hurry && f->flags & NARU_F_REPLY))
		flowstore_discard(s->config.store, entry);
	else if (stale || !sweep_is_suspect(f, proto, s->tick))
		note(s, entry);
	else if (f->flags & NARU_F_REPLY)
		visit_reply(s, entry);
	else
		visit_forward(s, entry);
}

/* Those met in an earlier step. */
static void remove_orphans(struct sweep *s)
{
	for (size_t i = 0; i < s->n_orphans; i++) {
		const struct flow_copy *orphan = &s->orphans[i];
		struct flow_copy fwd;

		if (flowstore_has(s->config.store, orphan) &&
		    flowstore_peer(s->config.store, &orphan->entry, &fwd) == -ENOENT)
			flowstore_remove(s->config.store, &orphan->entry);
	}
	s->n_orphans = 0;
}

/* ---- the walk ---- */

static void raise_bits(void *arg, const struct flow_entry *entry)
{
	struct flow flow;

	flow_read(&flow_families[entry->family], entry->key, entry->value, &flow);
	need_bits(arg, &flow);
}

int sweep_raise(struct sweep *s)
{
	struct flowstore_cursor cursor = { 0 };

	for (; cursor.family < FLOW_FAMILIES; cursor.family++) {
		int r;

		do
			r = flowstore_walk(s->config.store, &cursor, 0, raise_bits, s);
		while (!r);
		if (r != -ENOENT)
			return r;
	}
	return 0;
}

static void count_begin(struct sweep *s)
{
	memset(s->met, 0, (NARU_SERVICES_MAX + 1) * sizeof(*s->met));
	memset(s->sum, 0, sizeof(s->sum));
	for (uint32_t id = 0; id <= NARU_SERVICES_MAX; id++)
		s->before[id] = s->config.flows[id].flows;
	for (int i = 0; i < FLOW_FAMILIES; i++)
		s->sum_before[i] = *s->config.flows_of[i];
}

/* Of the flows made while it ran the sweep has met about half. */
static void set_count(uint32_t *count, uint32_t met, uint32_t before)
{
	int64_t n = (int64_t)met + (int32_t)(*count - before) / 2;

	if (*count || n > 0)
		__atomic_store_n(count, n < 0 ? 0 : (uint32_t)n, __ATOMIC_RELAXED);
}

static void count_end(struct sweep *s)
{
	for (uint32_t id = 0; id <= NARU_SERVICES_MAX; id++)
		set_count(&s->config.flows[id].flows, s->met[id], s->before[id]);
	for (int i = 0; i < FLOW_FAMILIES; i++)
		set_count(s->config.flows_of[i], s->sum[i], s->sum_before[i]);
}

static void start(struct sweep *s)
{
	count_begin(s);
	s->running = true;
	s->again = false;
	s->failed = false;
	s->cursor = (struct flowstore_cursor){ 0 };
	flowstore_begin(s->config.store);
	memset(s->count, 0, sizeof(s->count));
	ids_sweep_begin(s->config.services);
	ids_sweep_begin(s->config.endpoints);
	filter_sweep_begin(s->config.filter);
}

bool sweep_begin(struct sweep *s, uint64_t now_ms)
{
	if (s->running || (!s->hurry && s->ended_ms && now_ms - s->ended_ms < PERIOD_MS))
		return false;
	start(s);
	return true;
}

void sweep_hurry(struct sweep *s)
{
	s->hurry = true;
	s->again = s->running;
}

bool sweep_hurries(const struct sweep *s)
{
	return s->hurry && !s->failed;
}

static void finish(struct sweep *s, uint64_t now_ms)
{
	count_end(s);
	flowstore_end(s->config.store);
	memcpy(s->last_count, s->count, sizeof(s->count));
	s->running = false;
	s->hurry = s->again;
	s->ended_ms = now_ms;
}

bool sweep_step(struct sweep *s, uint32_t tick, uint64_t now_ms)
{
	int batches = s->hurry ? HURRY_BATCHES : STEP_BATCHES;
	uint64_t until_us = clock_us() + STEP_US;

	s->tick = tick;
	remove_orphans(s);
	while (s->running && batches--) {
		int r = flowstore_walk(s->config.store, &s->cursor, tick, visit, s);

		if (!r && clock_us() > until_us)
			return false;
		if (!r)
			continue;
		if (r != -ENOENT) {
			/* What was not met is not known to be absent. */
			s->running = false;
			s->failed = true;
			s->ended_ms = now_ms;
			return false;
		}
		if (++s->cursor.family < FLOW_FAMILIES)
			continue;
		finish(s, now_ms);
		return true;
	}
	return false;
}

size_t sweep_count(const struct sweep *s, int family)
{
	return s->last_count[family];
}
