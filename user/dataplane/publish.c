/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of writes for one service: bits of the filter (with the references), endpoints, list,
 * table, name, and last the frontends, each by one update that replaces its value whole. Until
 * the first frontend is written nothing points at the new, so any failure before takes it back.
 */
#include "dataplane/publish.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/write.h"
#include "plan/maglev.h"

/* A service on its way into the maps. */
struct draft {
	const struct plan_service *plan;
	struct live_service *old; /* NULL: new in this plan */
	uint32_t id;
	struct live_set *sets[USES];
	bool made[USES]; /* sets[i] is new, not taken over from old */
	size_t n_sets;
	struct live_set *use[USES];
	enum naru_on_empty on_empty[USES];
};

static bool uses(const struct plan_service *plan, int use)
{
	enum plan_policy policy = use == USE_LOCAL ? PLAN_LOCAL : PLAN_CLUSTER;

	for (size_t i = 0; i < plan->n_frontends; i++) {
		if (plan->frontends[i].external == policy || plan->frontends[i].internal == policy)
			return true;
	}
	return false;
}

static const struct plan_set *set_of(const struct plan_service *plan, int use)
{
	return use == USE_LOCAL ? &plan->local : &plan->cluster;
}

/* An empty Local set is a drop when there are endpoints elsewhere, else a refusal. */
static enum naru_on_empty on_empty(const struct plan_service *plan, int use)
{
	return use == USE_LOCAL && plan->cluster.n ? NARU_DROP : NARU_REJECT;
}

static bool fronts_equal(const struct live_service *service, const struct plan_service *plan)
{
	if (service->n_plan_fronts != plan->n_frontends)
		return false;
	for (size_t i = 0; i < plan->n_frontends; i++) {
		const struct plan_frontend *a = &service->plan_fronts[i], *b = &plan->frontends[i];

		if (a->kind != b->kind || a->ranged != b->ranged || a->port != b->port ||
		    a->external != b->external || a->internal != b->internal ||
		    addr_compare(&a->addr, &b->addr))
			return false;
	}
	return true;
}

/* Who may come, and who comes back to where. */
static bool access_equal(const struct live_service *service, const struct plan_service *plan)
{
	return service->affinity_s == plan->affinity_s &&
	       service->ranged_node == plan->ranged_node && ranges_equal(&service->ranges, plan);
}

bool publish_has_fronts(const struct live_service *service, const struct plan_service *plan)
{
	return !service->unsure && fronts_equal(service, plan) && access_equal(service, plan);
}

bool publish_is_current(const struct live_service *service, const struct plan_service *plan)
{
	if (!publish_has_fronts(service, plan) || !plan_set_equal(&service->spare, &plan->spare))
		return false;
	for (int use = 0; use < USES; use++) {
		const struct live_set *live = service->use[use];
		const struct plan_set *set = set_of(plan, use);

		if (!uses(plan, use))
			continue;
		if (service->on_empty[use] != on_empty(plan, use))
			return false;
		if (live ? !plan_set_equal(&live->content, set) : set->n != 0)
			return false;
	}
	return true;
}

/* ---- sets ---- */

static int take_ids(struct inforce *in, const struct plan_service *plan, struct live_set *set)
{
	for (size_t i = 0; i < set->content.n; i++) {
		const struct plan_endpoint *ep = &set->content.endpoints[i];
		struct naru_endpoint value;
		struct encode_endpoint_key key;
		int r;

		encode_endpoint(ep, plan->proto, &value);
		encode_endpoint_key(&value, &key);
		r = ids_get(in->endpoints, &key, sizeof(key), &set->ids[i]);
		if (r)
			return r;
		filter_hold(in->filter, FILTER_BACK, plan->proto, ep->port, &ep->addr);
	}
	return 0;
}

static int take_segments(struct inforce *in, struct naru_set *value, const char **ret_reason)
{
	int r = segments_take(in->list, inforce_list_blocks(value), &value->list);

	*ret_reason = "no room for its endpoints in the map ep_list (NARU_LIST_BLOCKS)";
	if (r || !value->lut_len)
		return r;
	r = segments_take(in->lut, inforce_lut_blocks(value), &value->lut);
	*ret_reason = "no room for the table of its endpoints in the map lut (NARU_LUT_BLOCKS)";
	if (r)
		segments_give(in->list, value->list, inforce_list_blocks(value));
	return r;
}

/* *ret_reason is of a failure alone. */
static int make_set(struct inforce *in, const struct plan_service *plan,
		    const struct plan_set *content, struct live_set **ret_set,
		    const char **ret_reason)
{
	struct live_set *set = mem_new(sizeof(*set));
	size_t size = content->n * sizeof(*content->endpoints);
	int r;

	set->content.n = content->n;
	set->content.endpoints = mem_array(content->n, sizeof(*content->endpoints));
	memcpy(set->content.endpoints, content->endpoints, size);
	set->ids = mem_array(content->n, sizeof(*set->ids));
	set->value.count = (uint32_t)content->n;
	set->value.lut_len = maglev_len(content->n);
	r = take_ids(in, plan, set);
	*ret_reason = "no room for its endpoints in the map endpoint (NARU_ENDPOINTS_MAX)";
	if (!r)
		r = take_segments(in, &set->value, ret_reason);
	if (r) {
		inforce_free_set(in, set, plan->proto);
		return r;
	}
	*ret_set = set;
	return 0;
}

/* One of the service's old or new sets that has this content already. */
static struct live_set *same_set(const struct draft *draft, const struct plan_set *content)
{
	for (size_t i = 0; i < draft->n_sets; i++) {
		if (plan_set_equal(&draft->sets[i]->content, content))
			return draft->sets[i];
	}
	for (size_t i = 0; draft->old && i < draft->old->n_sets; i++) {
		if (plan_set_equal(&draft->old->sets[i]->content, content))
			return draft->old->sets[i];
	}
	return NULL;
}

static bool in_draft(const struct draft *draft, const struct live_set *set)
{
	for (size_t i = 0; i < draft->n_sets; i++) {
		if (draft->sets[i] == set)
			return true;
	}
	return false;
}

static int draft_set(struct inforce *in, struct draft *draft, int use, const char **ret_reason)
{
	const struct plan_set *content = set_of(draft->plan, use);
	struct live_set *set;
	int r = 0;

	draft->on_empty[use] = on_empty(draft->plan, use);
	if (!uses(draft->plan, use) || !content->n)
		return 0;
	set = same_set(draft, content);
	if (!set) {
		r = make_set(in, draft->plan, content, &set, ret_reason);
		if (r)
			return r;
		draft->made[draft->n_sets] = true;
	}
	if (!in_draft(draft, set))
		draft->sets[draft->n_sets++] = set;
	draft->use[use] = set;
	return 0;
}

/* Nothing points at what was made: back at once. */
static void abandon(struct inforce *in, struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sets; i++) {
		const struct naru_set *value = &draft->sets[i]->value;

		if (!draft->made[i])
			continue;
		segments_give(in->list, value->list, inforce_list_blocks(value));
		if (value->lut_len)
			segments_give(in->lut, value->lut, inforce_lut_blocks(value));
		inforce_free_set(in, draft->sets[i], draft->plan->proto);
	}
	if (draft->id && !draft->old)
		ids_put(in->services, draft->id);
}

/* ---- frontends ---- */

static struct naru_set set_value(const struct draft *draft, enum plan_policy policy)
{
	int use = policy == PLAN_LOCAL ? USE_LOCAL : USE_CLUSTER;
	struct naru_set value = {};

	if (draft->use[use])
		value = draft->use[use]->value;
	value.on_empty = draft->on_empty[use];
	return value;
}

/* True when another service of this plan has the frontend: the first one keeps it. */
static bool taken(const struct inforce *in, const struct live_front *front,
		  const struct live_service *me)
{
	const struct live_service *owner = front ? front->owner : NULL;

	if (!owner || owner == me || owner->round != in->round)
		return false;
	return owner->published != in->round || front->round == in->round;
}

/* A frontend is listed by its owner alone. */
static void move_front(struct live_front *front, struct live_service *to)
{
	struct live_service *from = front->owner;

	for (size_t i = 0; from && i < from->n_fronts; i++) {
		if (from->fronts[i] == front)
			from->fronts[i] = from->fronts[--from->n_fronts];
	}
	front->owner = to;
}

static size_t new_fronts(const struct inforce *in, const struct draft *draft)
{
	size_t n = 0;

	for (size_t i = 0; i < draft->plan->n_frontends; i++) {
		struct naru_svc_key key;

		encode_svc_key(&draft->plan->frontends[i], draft->plan->proto, draft->plan->family,
			       &key);
		n += !inforce_find_front(in, &key);
	}
	return n;
}

/* Rounded up: the client is not forgotten too early. */
static uint32_t affinity_ticks(const struct inforce *in, const struct plan_service *plan)
{
	uint64_t ms = (uint64_t)plan->affinity_s * 1000;

	return (uint32_t)((ms + in->tick_ms - 1) / in->tick_ms);
}

static int write_front(struct inforce *in, struct live_service *service, const struct draft *draft,
		       const struct plan_frontend *plan)
{
	struct naru_svc_key key;
	struct live_front *front;
	struct naru_svc value = {
		.id = service->id,
		.kind = (enum naru_frontend_kind)plan->kind,
		.external = set_value(draft, plan->external),
		.internal = set_value(draft, plan->internal),
		.affinity = affinity_ticks(in, draft->plan),
		.ranged = plan->ranged,
		.ranged_node = plan->ranged && draft->plan->ranged_node,
	};
	int r = 0;

	encode_svc_key(plan, draft->plan->proto, draft->plan->family, &key);
	front = inforce_find_front(in, &key);
	if (taken(in, front, service)) {
		service->unsure = in->unsure = true;
		return 0;
	}
	if (!front)
		front = inforce_add_front(in, &key);
	if (front->round == in->round && front->owner == service)
		return 0;
	if (front->owner != service)
		move_front(front, service);
	front->round = in->round;
	service->fronts[service->n_fronts++] = front;
	if (front->unsure || memcmp(&front->value, &value, sizeof(value))) {
		in->writes++;
		r = bpf_map_update_elem(in->maps->svc, &key, &value, BPF_ANY);
	}
	front->unsure = r != 0;
	front->value = value;
	return r;
}

/* ---- one service ---- */

static int prepare(struct inforce *in, struct draft *draft, const char **ret_reason)
{
	const struct plan_service *plan = draft->plan;
	char key[ENCODE_SERVICE_KEY_LEN];
	const char *reason = NULL;
	int r;

	if (strlen(plan->name) >= NARU_NAME_LEN) {
		*ret_reason = "its name is too long";
		return -ENAMETOOLONG;
	}
	if (plan->cluster.n > NARU_SET_MAX || plan->local.n > NARU_SET_MAX) {
		*ret_reason = "it has too many endpoints (NARU_SET_MAX)";
		return -ENOSPC;
	}
	if (HASH_COUNT(in->fronts) + new_fronts(in, draft) > NARU_FRONTENDS_MAX) {
		*ret_reason = "no room for its frontends in the map svc (NARU_FRONTENDS_MAX)";
		return -ENOSPC;
	}
	if (in->ranges.n + ranges_missing(draft->old ? &draft->old->ranges : NULL, plan) >
	    NARU_RANGES_MAX) {
		*ret_reason =
			"no room for its source ranges in the map source_range (NARU_RANGES_MAX)";
		return -ENOSPC;
	}
	encode_service_key(plan->name, plan->proto, plan->family, key);
	if (draft->old)
		draft->id = draft->old->id;
	else if (ids_get(in->services, key, strlen(key), &draft->id)) {
		*ret_reason = "no room for another service in the map svc_name (NARU_SERVICES_MAX)";
		return -ENOSPC;
	}
	r = draft_set(in, draft, USE_CLUSTER, &reason);
	if (!r)
		r = draft_set(in, draft, USE_LOCAL, &reason);
	if (r)
		*ret_reason = reason;
	return r;
}

static int write_sets(struct inforce *in, const struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sets; i++) {
		int r;

		if (!draft->made[i])
			continue;
		r = write_set(in, draft->sets[i], draft->plan->proto);
		if (r)
			return r;
	}
	if (!draft->old) {
		int r = write_name(in, draft->plan, draft->id);

		if (r)
			return r;
	}
	return ranges_write(&in->ranges, draft->id, draft->old ? &draft->old->ranges : NULL,
			    draft->plan);
}

static void leave_front(struct publish_leftovers *leftovers, struct live_front *front)
{
	leftovers->fronts = mem_grow(leftovers->fronts, leftovers->n_fronts, &leftovers->cap_fronts,
				     sizeof(*leftovers->fronts));
	leftovers->fronts[leftovers->n_fronts++] = front;
}

static void leave_set(struct publish_leftovers *leftovers, struct live_set *set, uint8_t proto)
{
	leftovers->sets = mem_grow(leftovers->sets, leftovers->n_sets, &leftovers->cap_sets,
				   sizeof(*leftovers->sets));
	leftovers->sets[leftovers->n_sets++] = (struct publish_old_set){ set, proto };
}

static void copy_set(struct plan_set *to, const struct plan_set *from)
{
	free(to->endpoints);
	to->n = from->n;
	to->endpoints = mem_array(from->n, sizeof(*from->endpoints));
	if (from->n)
		memcpy(to->endpoints, from->endpoints, from->n * sizeof(*from->endpoints));
}

/* The record takes over what the draft has; what it had and the draft has not is left. */
static void adopt(struct inforce *in, struct live_service *service, const struct draft *draft,
		  struct publish_leftovers *leftovers)
{
	size_t n = draft->plan->n_frontends;

	for (size_t i = 0; i < service->n_fronts; i++)
		leave_front(leftovers, service->fronts[i]);
	for (size_t i = 0; i < service->n_sets; i++) {
		if (!in_draft(draft, service->sets[i]))
			leave_set(leftovers, service->sets[i], service->proto);
	}
	free(service->fronts);
	free(service->sets);
	free(service->plan_fronts);
	service->fronts = mem_array(n, sizeof(struct live_front *));
	service->n_fronts = 0;
	service->plan_fronts = mem_array(n, sizeof(*service->plan_fronts));
	if (n)
		memcpy(service->plan_fronts, draft->plan->frontends,
		       n * sizeof(*service->plan_fronts));
	service->n_plan_fronts = n;
	service->sets = mem_array(USES, sizeof(struct live_set *));
	memcpy(service->sets, draft->sets, draft->n_sets * sizeof(struct live_set *));
	service->n_sets = draft->n_sets;
	copy_set(&service->spare, &draft->plan->spare);
	memcpy(service->use, draft->use, sizeof(service->use));
	memcpy(service->on_empty, draft->on_empty, sizeof(service->on_empty));
	service->affinity_s = draft->plan->affinity_s;
	service->ranged_node = draft->plan->ranged_node;
	ranges_adopt(&in->ranges, draft->id, &service->ranges, draft->plan);
	service->unsure = false;
}

int publish_service(struct inforce *in, const struct plan_service *plan,
		    struct publish_leftovers *leftovers, const char **ret_reason)
{
	struct draft draft = { .plan = plan };
	struct live_service *service;
	int r;

	draft.old = inforce_find(in, plan->name, plan->proto, plan->family);
	r = prepare(in, &draft, ret_reason);
	if (!r)
		r = write_sets(in, &draft);
	if (r) {
		abandon(in, &draft);
		return r;
	}
	service = draft.old;
	if (!service)
		service = inforce_add_service(in, plan->name, plan->proto, plan->family, draft.id);
	adopt(in, service, &draft, leftovers);
	service->round = in->round;
	service->published = in->round;
	for (size_t i = 0; i < plan->n_frontends; i++) {
		int w = write_front(in, service, &draft, &plan->frontends[i]);

		if (w) {
			service->unsure = in->unsure = true;
			r = w;
		}
	}
	return r;
}

void publish_withdraw(struct inforce *in, struct live_service *service,
		      struct publish_leftovers *leftovers)
{
	for (size_t i = 0; i < service->n_fronts; i++)
		leave_front(leftovers, service->fronts[i]);
	for (size_t i = 0; i < service->n_sets; i++)
		leave_set(leftovers, service->sets[i], service->proto);
	ranges_adopt(&in->ranges, service->id, &service->ranges, NULL);
	service->n_fronts = 0;
	service->n_sets = 0;
}

void publish_leftovers_fini(struct publish_leftovers *leftovers)
{
	free(leftovers->fronts);
	free(leftovers->sets);
	*leftovers = (struct publish_leftovers){};
}
