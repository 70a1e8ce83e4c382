/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply in steps: mark what is as it should be, publish what differs, delete frontends that
 * nobody wants any more, then free what only they pointed at. Since frontends move between
 * services by one update and deletions come last, no frontend of the plan is ever missing.
 */
#include "dataplane/sync.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/closed.h"
#include "dataplane/write.h"

void sync_init(struct sync *sync, struct inforce *in)
{
	*sync = (struct sync){ .in = in };
}

void sync_fini(struct sync *sync)
{
	publish_leftovers_fini(&sync->leftovers);
	free(sync->graves);
}

/* ---- segments ---- */

static void bury(struct sync *sync, const struct naru_set *value, uint64_t now_ms)
{
	if (!value->count)
		return;
	sync->graves =
		mem_grow(sync->graves, sync->n_graves, &sync->cap_graves, sizeof(*sync->graves));
	sync->graves[sync->n_graves++] = (struct sync_grave){ *value, now_ms + SYNC_GRACE_MS };
}

void sync_tick(struct sync *sync, uint64_t now_ms)
{
	struct inforce *in = sync->in;
	size_t n = 0;

	for (; n < sync->n_graves && sync->graves[n].due_ms <= now_ms; n++) {
		const struct naru_set *value = &sync->graves[n].value;

		segments_give(in->list, value->list, inforce_list_blocks(value));
		if (value->lut_len)
			segments_give(in->lut, value->lut, inforce_lut_blocks(value));
	}
	if (!n)
		return;
	sync->n_graves -= n;
	memmove(sync->graves, sync->graves + n, sync->n_graves * sizeof(*sync->graves));
}

/* ---- removal ---- */

static int delete_front(struct inforce *in, struct live_front *front)
{
	int r = bpf_map_delete_elem(in->maps->svc, &front->key);

	in->writes++;
	if (r && r != -ENOENT) {
		/* Without an owner it is tried again by the next apply. */
		front->owner = NULL;
		return r;
	}
	inforce_remove_front(in, front);
	return 0;
}

/* Frontends first: sets are what they point at. */
static int clear_leftovers(struct sync *sync, uint64_t now_ms)
{
	struct publish_leftovers *left = &sync->leftovers;
	int r = 0;

	for (size_t i = 0; i < left->n_fronts; i++) {
		int w = left->fronts[i]->round == sync->in->round
				? 0
				: delete_front(sync->in, left->fronts[i]);

		r = r ? r : w;
	}
	for (size_t i = 0; i < left->n_sets; i++) {
		bury(sync, &left->sets[i].set->value, now_ms);
		inforce_free_set(sync->in, left->sets[i].set, left->sets[i].proto);
	}
	left->n_fronts = 0;
	left->n_sets = 0;
	return r;
}

/* Frontends that a crash or a refused deletion left without a service. */
static int clear_strays(struct inforce *in)
{
	struct live_front *front, *next;
	int r = 0;

	HASH_ITER (hh, in->fronts, front, next) {
		bool wanted = front->owner || closed_is_wanted(in, front);
		int w = wanted ? 0 : delete_front(in, front);

		r = r ? r : w;
	}
	return r;
}

static bool withdraw_gone(struct sync *sync, bool *udp)
{
	struct live_service *service, *next;
	bool any = false;

	HASH_ITER (hh, sync->in->by_key, service, next) {
		if (service->round == sync->in->round)
			continue;
		*udp |= service->proto == NARU_UDP;
		publish_withdraw(sync->in, service, &sync->leftovers);
		inforce_remove_service(sync->in, service);
		any = true;
	}
	return any;
}

/* ---- apply ---- */

struct failure {
	const char *reason;
	bool full; /* a map is */
};

static void report(struct diag_list *diags, const struct plan_service *plan, bool kept,
		   const struct failure *failure)
{
	const char *colon = strrchr(plan->name, ':');
	int len = colon ? (int)(colon - plan->name) : (int)strlen(plan->name);
	_cleanup_(mem_freep) char *object = mem_printf("Service %.*s", len, plan->name);

	if (!diags)
		return;
	diag_add(diags, DIAG_ERROR, "", 0, object, "", "%s: %s: %s", plan->name, failure->reason,
		 kept ? "its last version stays in force" : "it is left out");
	if (failure->full)
		diag_mark(diags, DIAG_ROOM);
}

struct pass {
	struct sync *sync;
	const struct plan_service **open; /* still to be published */
	size_t n_open;
	bool udp; /* a service that there was is another, or gone */
	bool left_out;
	int error;
};

static void keep_first(struct pass *pass, int r)
{
	pass->error = pass->error ? pass->error : r;
}

static void mark(struct pass *pass, const struct plan_service *wanted)
{
	struct inforce *in = pass->sync->in;
	struct live_service *service =
		inforce_find(in, wanted->name, wanted->proto, wanted->family);

	if (service && publish_is_current(service, wanted)) {
		service->round = in->round;
		return;
	}
	pass->open[pass->n_open++] = wanted;
	pass->udp |= service && wanted->proto == NARU_UDP;
}

/* What does not fit stays open; with diags, that is final. */
static void publish_open(struct pass *pass, struct diag_list *diags, bool final)
{
	struct inforce *in = pass->sync->in;
	size_t still = 0;

	write_begin(in, pass->n_open);
	for (size_t i = 0; i < pass->n_open; i++) {
		const struct plan_service *plan = pass->open[i];
		struct failure failure = { 0 };
		struct live_service *service;
		int r = publish_service(in, plan, &pass->sync->leftovers, &failure.reason);

		if (!r)
			continue;
		service = inforce_find(in, plan->name, plan->proto, plan->family);
		if (service)
			service->round = in->round;
		failure.full = failure.reason && r == -ENOSPC;
		if (!failure.reason) {
			pass->error = r;
			failure.reason = strerror(-r);
		} else if (!final) {
			pass->open[still++] = plan;
			continue;
		}
		pass->left_out = true;
		report(diags, plan, service != NULL, &failure);
	}
	write_end(in);
	pass->n_open = still;
}

/* Frontends without a service give way to those of one; closed ports that still fit come back. */
static void make_room(struct pass *pass)
{
	struct inforce *in = pass->sync->in;
	struct live_front *front, *next;
	size_t n = 0;

	for (size_t i = 0; i < pass->n_open; i++)
		n += pass->open[i]->n_frontends;
	HASH_ITER (hh, in->fronts, front, next) {
		if (HASH_COUNT(in->fronts) + n <= NARU_FRONTENDS_MAX)
			return;
		if (!front->owner)
			keep_first(pass, delete_front(in, front));
	}
}

/* True while a frontend of the service may still be ranged that was not to be any more. One that
 * has been withdrawn has no such: its ranges must not outlive its id. */
static bool holds_ranges(void *arg, uint32_t id)
{
	const struct inforce *in = arg;
	const struct live_service *service = id <= NARU_SERVICES_MAX ? in->by_id[id] : NULL;

	for (size_t i = 0; service && i < service->n_fronts; i++) {
		if (service->fronts[i]->unsure)
			return true;
	}
	return false;
}

/* What only old frontends needed. */
static void clear(struct pass *pass, uint64_t now_ms)
{
	struct inforce *in = pass->sync->in;

	keep_first(pass, clear_leftovers(pass->sync, now_ms));
	keep_first(pass, ranges_clear(&in->ranges, holds_ranges, in));
}

/* Closed ports for which there is no room come when there is: by looking at all of them. */
static void settle(struct pass *pass, const struct plan *plan)
{
	const struct inforce *in = pass->sync->in;
	bool whole = !pass->error && !pass->left_out && !in->unsure &&
		     HASH_COUNT(in->fronts) < NARU_FRONTENDS_MAX;

	pass->sync->settled = whole ? plan->step.serial : 0;
}

int sync_apply(struct sync *sync, const struct plan *plan, uint64_t now_ms,
	       struct diag_list *ret_diags, struct sync_result *ret_result)
{
	_cleanup_(mem_freep) const struct plan_service **open =
		mem_array(plan->n_services + 1, sizeof(struct plan_service *));
	struct pass pass = { .sync = sync, .open = open };
	bool gone, sets, open_any;

	sync->in->round++;
	sync->in->unsure = false;
	for (size_t i = 0; i < plan->n_services; i++)
		mark(&pass, &plan->services[i]);
	open_any = pass.n_open != 0;
	publish_open(&pass, ret_diags, false);
	gone = withdraw_gone(sync, &pass.udp);
	sets = sync->leftovers.n_sets != 0;
	clear(&pass, now_ms);
	/* Removals may have made room. */
	make_room(&pass);
	publish_open(&pass, ret_diags, true);
	clear(&pass, now_ms);
	keep_first(&pass, closed_apply(sync->in, plan));
	keep_first(&pass, clear_strays(sync->in));
	settle(&pass, plan);
	*ret_result = (struct sync_result){
		.changed = open_any || gone,
		.removed = gone || sets,
		.udp = pass.udp,
	};
	return pass.error;
}

bool sync_is_step(const struct sync *sync, const struct plan *plan)
{
	const struct plan_step *step = &plan->step;

	if (!step->since || step->since != sync->settled)
		return false;
	for (size_t i = 0; i < step->n_services; i++) {
		const struct plan_service *wanted = &plan->services[step->services[i]];
		const struct live_service *service =
			inforce_find(sync->in, wanted->name, wanted->proto, wanted->family);

		if (!service || !publish_has_fronts(service, wanted))
			return false;
	}
	return true;
}

/* Frontends stay what they are: none can go, or be anybody else's. */
int sync_step(struct sync *sync, const struct plan *plan, uint64_t now_ms,
	      struct diag_list *ret_diags, struct sync_result *ret_result)
{
	const struct plan_step *step = &plan->step;
	_cleanup_(mem_freep) const struct plan_service **open =
		mem_array(step->n_services + 1, sizeof(struct plan_service *));
	struct pass pass = { .sync = sync, .open = open };
	bool sets, changed;

	sync->in->round++;
	for (size_t i = 0; i < step->n_services; i++)
		mark(&pass, &plan->services[step->services[i]]);
	changed = pass.n_open != 0;
	publish_open(&pass, ret_diags, false);
	sets = sync->leftovers.n_sets != 0;
	clear(&pass, now_ms);
	publish_open(&pass, ret_diags, true);
	clear(&pass, now_ms);
	settle(&pass, plan);
	*ret_result = (struct sync_result){ .changed = changed, .removed = sets, .udp = pass.udp };
	return pass.error;
}
