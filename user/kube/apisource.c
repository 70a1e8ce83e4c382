// SPDX-License-Identifier: Apache-2.0
/*
 * All lists together, for narud. One timer does everything: tick() runs what is due, then looks at
 * what came of it. Invariants: the model never has half a cluster: it is empty, has what the file
 * had, or what all lists have; changed() waits for the Secrets that a change needs, but not for too
 * long.
 */
#include "kube/apisource.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "kube/laststate.h"
#include "kube/lister.h"
#include "kube/offer.h"
#include "kube/secrets.h"

#define GATHER_MIN_MS 10 /* between two calls of changed() */
#define GATHER_MAX_MS 1000
#define SECRETS_MS    5000  /* a change waits at most for its Secrets */
#define SILENT_MS     3000  /* without a word from any server, the file is read */
#define UNSYNCED_MS   60000 /* the same when some said something */
#define HURRY_MS      10000 /* once in so long */

struct apisource {
	struct apisource_config config;
	struct lister_ground ground;
	struct lister *listers[RESOURCES_N]; /* NULL: not there, or not known yet */
	struct secrets *secrets;
	struct offer *offer;
	bool synced, stale;
	struct laststate *laststate;
	bool tried_file;
	struct object **last; /* of the file, as long as the model has them */
	size_t n_last;
	int64_t last_us;
	unsigned watched; /* lists, at the last look */
	uint64_t hurried_ms;
	struct diag_list diags;
	uint64_t asked_ms; /* when the first requests go out */
	uint64_t poked_ms; /* when the first thing changed since the last look, 0: nothing did */
	uint64_t next_ms;  /* no look before */
	bool dirty;	   /* changed() is due */
	bool ticking;
	uint64_t waits_ms; /* for Secrets, since when; 0: not */
	uint64_t armed_ms;
	struct loop_timer *timer;
};

static uint64_t now(const struct apisource *s)
{
	return s->config.timing->now_ms(s->config.timing->arg);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- time ---------------------------------------------------------------------------------- */

/* At once after a time of quiet: what a server sends in one go has been read by then. */
static uint64_t look_ms(const struct apisource *s)
{
	return !s->poked_ms ? UINT64_MAX : s->poked_ms > s->next_ms ? s->poked_ms : s->next_ms;
}

static bool has_heard(const struct apisource *s)
{
	for (size_t i = 0; i < RESOURCES_N; i++) {
		struct reflector_status status;

		if (!s->listers[i])
			continue;
		lister_status(s->listers[i], &status);
		if (status.heard_ms)
			return true;
	}
	return false;
}

/* A server that has said something, if only half of it, is waited for longer. */
static uint64_t file_ms(const struct apisource *s)
{
	if (!s->laststate || s->synced || s->tried_file)
		return UINT64_MAX;
	return s->asked_ms + (has_heard(s) ? UNSYNCED_MS : SILENT_MS);
}

uint64_t apisource_due_ms(const struct apisource *source)
{
	uint64_t due_ms = earlier(look_ms(source), offer_due_ms(source->offer));

	due_ms = earlier(due_ms, secrets_due_ms(source->secrets));
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (source->listers[i])
			due_ms = earlier(due_ms, lister_due_ms(source->listers[i]));
	if (source->laststate && source->synced)
		due_ms = earlier(due_ms, laststate_due_ms(source->laststate));
	due_ms = earlier(due_ms, file_ms(source));
	if (source->waits_ms && now(source) < source->waits_ms + SECRETS_MS)
		due_ms = earlier(due_ms, source->waits_ms + SECRETS_MS);
	return due_ms;
}

static void on_timer(void *arg);

static void arm(struct apisource *s)
{
	uint64_t due_ms = apisource_due_ms(s), now_ms = now(s);

	if (!s->config.loop || s->ticking || due_ms == s->armed_ms)
		return;
	loop_timer_remove(TAKE_PTR(s->timer));
	s->armed_ms = due_ms;
	if (due_ms != UINT64_MAX)
		s->timer = loop_timer_add(s->config.loop, due_ms > now_ms ? due_ms - now_ms : 0, 0,
					  on_timer, s);
}

static void on_timer(void *arg)
{
	struct apisource *s = arg;

	loop_timer_remove(TAKE_PTR(s->timer));
	s->armed_ms = 0;
	apisource_tick(s);
}

static void poke(void *arg)
{
	struct apisource *s = arg;

	if (!s->poked_ms)
		s->poked_ms = now(s);
	arm(s);
}

/* ---- which kinds there are ----------------------------------------------------------------- */

static void start_lister(struct apisource *s, size_t i, const char *version)
{
	if (s->listers[i] && lister_version(s->listers[i]) != version)
		lister_set_version(s->listers[i], version);
	if (s->listers[i])
		return;
	s->listers[i] = lister_new(&s->ground, &resources_table[i], version, s->config.node_name);
	if (s->synced)
		store_publish(lister_store(s->listers[i]), s->config.model);
}

static void stop_lister(struct apisource *s, size_t i)
{
	if (!s->listers[i])
		return;
	store_clear(lister_store(s->listers[i]));
	lister_free(TAKE_PTR(s->listers[i]));
	s->dirty = true;
}

/* What is not found any more may have lost its definition. */
static void look_at_refusals(struct apisource *s)
{
	for (size_t i = 0; i < RESOURCES_N; i++) {
		struct reflector_status status;

		if (!s->listers[i] || resources_table[i].built_in)
			continue;
		lister_status(s->listers[i], &status);
		offer_miss(s->offer, i, status.http_status == 404);
	}
}

static void settle_kinds(struct apisource *s)
{
	s->dirty |= offer_look(s->offer);
	look_at_refusals(s);
	for (size_t i = 0; i < RESOURCES_N; i++) {
		const char *version = offer_version(s->offer, i);

		if (resources_table[i].built_in)
			continue;
		if (version)
			start_lister(s, i, version);
		else if (offer_lacks(s->offer, i))
			stop_lister(s, i);
	}
}

/* ---- from nothing to all ------------------------------------------------------------------- */

static bool is_kind_known(const struct apisource *s, size_t i)
{
	struct reflector_status status;

	if (resources_table[i].referenced ||
	    (!resources_table[i].built_in && offer_lacks(s->offer, i)))
		return true;
	if (!s->listers[i])
		return false;
	lister_status(s->listers[i], &status);
	return status.synced;
}

static bool are_all_known(const struct apisource *s)
{
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (!is_kind_known(s, i))
			return false;
	return secrets_settled(s->secrets);
}

static void drop_last(struct apisource *s)
{
	for (size_t i = 0; i < s->n_last; i++)
		object_free(s->last[i]);
	free(TAKE_PTR(s->last));
	s->n_last = 0;
}

/* Objects of the file that no list has go. */
static void become_synced(struct apisource *s)
{
	for (size_t i = 0; i < RESOURCES_N; i++) {
		if (!s->listers[i])
			continue;
		store_publish(lister_store(s->listers[i]), s->config.model);
		store_take_changed(lister_store(s->listers[i]));
	}
	secrets_publish(s->secrets, s->config.model);
	secrets_take_changed(s->secrets);
	for (size_t i = 0; i < s->n_last; i++) {
		const struct object *last = s->last[i];

		if (model_get(s->config.model, last->kind, last->namespace, last->name) == last)
			model_remove(s->config.model, last->kind, last->namespace, last->name);
	}
	drop_last(s);
	s->synced = true;
	s->stale = false;
	s->dirty = true;
	log_info("all objects of the API server were read");
}

static void read_file(struct apisource *s)
{
	int r = laststate_load(s->laststate, &s->last, &s->n_last, &s->last_us);

	s->tried_file = true;
	if (r) {
		log_warn("no API server answers, and the last known objects cannot be read: %s",
			 file_problem(r));
		return;
	}
	for (size_t i = 0; i < s->n_last; i++)
		model_put(s->config.model, object_ref(s->last[i]));
	s->stale = true;
	s->dirty = true;
	poke(s);
	log_warn("no API server answers: the %zu objects that were known last are served",
		 s->n_last);
}

/* ---- what came of it ----------------------------------------------------------------------- */

static void gather_diags(struct apisource *s)
{
	struct diag_list diags = { 0 };

	for (size_t i = 0; i < RESOURCES_N; i++) {
		const struct resource *resource = &resources_table[i];

		if (s->listers[i])
			lister_report(s->listers[i], &diags);
		else if (offer_is_other(s->offer, i))
			diag_add(&diags, DIAG_WARNING, resource->group, 0, "", resource->name,
				 "the server has no version of it that naru reads");
	}
	secrets_report(s->secrets, &diags);
	if (s->stale)
		diag_add(&diags, DIAG_ERROR, s->config.state_file, 0, "", "",
			 "no API server answers: these objects, which were known last, are served");
	if (offer_problem(s->offer))
		diag_add(&diags, DIAG_ERROR, "/apis", 0, "", "", "cannot be read: %s",
			 offer_problem(s->offer));
	diag_sort(&diags);
	s->dirty |= !diag_equal(&s->diags, &diags);
	diag_fini(&s->diags);
	s->diags = diags;
}

/* After an outage each list waits for its own time: the first one that gets through calls the
 * others. */
static void hurry(struct apisource *s)
{
	struct reflector_status status;
	unsigned watched = 0;

	for (size_t i = 0; i < RESOURCES_N; i++) {
		if (!s->listers[i])
			continue;
		lister_status(s->listers[i], &status);
		watched += status.watch_ms && !status.problem;
	}
	if (watched > s->watched && now(s) - s->hurried_ms >= HURRY_MS) {
		s->hurried_ms = now(s);
		for (size_t i = 0; i < RESOURCES_N; i++)
			if (s->listers[i])
				lister_hurry(s->listers[i]);
	}
	s->watched = watched;
}

struct store *apisource_store(const struct apisource *source, enum object_kind kind)
{
	return source->listers[kind] ? lister_store(source->listers[kind]) : NULL;
}

static void gather(struct apisource *s)
{
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (s->listers[i] && store_take_changed(lister_store(s->listers[i])))
			s->dirty = true;
	secrets_update(s->secrets, apisource_store(s, OBJECT_GATEWAY),
		       apisource_store(s, OBJECT_GATEWAY_CLASS));
	s->dirty |= secrets_take_changed(s->secrets);
	if (!s->synced && are_all_known(s))
		become_synced(s);
	gather_diags(s);
	hurry(s);
}

/* Without its Secret a listener would go that only got another one. */
static bool waits_for_secrets(struct apisource *s)
{
	if (!s->synced || secrets_settled(s->secrets)) {
		s->waits_ms = 0;
		return false;
	}
	if (!s->waits_ms)
		s->waits_ms = now(s);
	return now(s) - s->waits_ms < SECRETS_MS;
}

/* The next time is as far away as this one took, so that half the time is left for other things. */
static void tell(struct apisource *s)
{
	uint64_t begun_ms = now(s), took_ms;

	if (!s->dirty || waits_for_secrets(s))
		return;
	s->dirty = false;
	if (s->laststate && s->synced)
		laststate_note(s->laststate);
	s->config.changed(s->config.arg);
	took_ms = now(s) - begun_ms;
	s->next_ms = now(s) + (took_ms < GATHER_MIN_MS	 ? GATHER_MIN_MS
			       : took_ms > GATHER_MAX_MS ? GATHER_MAX_MS
							 : took_ms);
}

static void run(struct apisource *s)
{
	offer_run(s->offer);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (s->listers[i])
			lister_run(s->listers[i]);
	secrets_run(s->secrets);
}

void apisource_tick(struct apisource *source)
{
	source->ticking = true;
	run(source);
	if (file_ms(source) <= now(source))
		read_file(source);
	if (look_ms(source) <= now(source)) {
		source->poked_ms = 0;
		settle_kinds(source);
		gather(source);
	}
	tell(source);
	if (source->laststate && source->synced)
		laststate_run(source->laststate, source->config.model);
	source->ticking = false;
	arm(source);
}

/* ---- from outside -------------------------------------------------------------------------- */

static void open_offer(struct apisource *s)
{
	const struct offer_config config = {
		.client = s->config.client,
		.timing = s->config.timing,
		.delay_ms = s->ground.delay_ms,
		.changed = poke,
		.arg = s,
	};

	s->offer = offer_new(&config);
}

struct apisource *apisource_open(const struct apisource_config *config)
{
	struct apisource *s = mem_new(sizeof(*s));
	const struct timing *timing;

	s->config = *config;
	if (!s->config.timing)
		s->config.timing = &backoff_timing;
	timing = s->config.timing;
	s->ground = (struct lister_ground){
		.client = config->client,
		.timing = timing,
		.changed = poke,
		.arg = s,
		.seen = config->seen,
		.seen_arg = config->arg,
	};
	if (config->state_file)
		s->laststate = laststate_new(config->state_file, timing);
	/* A node that knew objects before is none of a DaemonSet that was made a moment ago. */
	if (config->spread_ms && !laststate_is_there(s->laststate))
		s->ground.delay_ms = timing->random(timing->arg) % config->spread_ms;
	s->asked_ms = now(s) + s->ground.delay_ms;
	s->secrets = secrets_new(&s->ground, config->controller);
	open_offer(s);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (resources_table[i].built_in && !resources_table[i].referenced)
			start_lister(s, i, resources_table[i].versions[0]);
	s->ground.delay_ms = 0; /* later ones are few */
	arm(s);
	return s;
}

void apisource_close(struct apisource *source)
{
	if (!source)
		return;
	if (source->laststate && source->synced)
		laststate_flush(source->laststate, source->config.model);
	loop_timer_remove(source->timer);
	offer_free(source->offer);
	secrets_free(source->secrets);
	for (size_t i = 0; i < RESOURCES_N; i++)
		lister_free(source->listers[i]);
	laststate_free(source->laststate);
	drop_last(source);
	diag_fini(&source->diags);
	free(source);
}

void apisource_hold_file(struct apisource *source, bool held)
{
	laststate_hold(source->laststate, held);
	arm(source);
}

bool apisource_is_ready(const struct apisource *source)
{
	return source->synced || source->stale;
}

const struct diag_list *apisource_diags(const struct apisource *source)
{
	return &source->diags;
}

static uint64_t age(const struct apisource *s, uint64_t since_ms)
{
	return since_ms ? now(s) - since_ms : UINT64_MAX;
}

static void describe(const struct apisource *s, size_t i, struct apisource_kind *ret_kind)
{
	struct reflector_status status;

	*ret_kind =
		(struct apisource_kind){ .watch_age_ms = UINT64_MAX, .heard_age_ms = UINT64_MAX };
	if (resources_table[i].referenced)
		return;
	ret_kind->name = object_kind_name(resources_table[i].kind);
	if (!s->listers[i])
		return;
	lister_status(s->listers[i], &status);
	ret_kind->version = lister_version(s->listers[i]);
	ret_kind->synced = status.synced;
	ret_kind->watch_age_ms = age(s, status.watch_ms);
	ret_kind->heard_age_ms = age(s, status.heard_ms);
	memcpy(ret_kind->rereads, status.rereads, sizeof(status.rereads));
}

/* What is watched is as new as can be. */
void apisource_status(const struct apisource *source, struct apisource_status *ret_status)
{
	struct apisource_status status = { .synced = source->synced,
					   .stale = source->stale,
					   .crds = offer_definitions(source->offer),
					   .file_failures = laststate_failures(source->laststate) };

	for (size_t i = 0; i < RESOURCES_N; i++) {
		struct apisource_kind *kind = &status.kinds[i];

		describe(source, i, kind);
		if (kind->version && kind->watch_age_ms == UINT64_MAX &&
		    kind->heard_age_ms > status.age_ms)
			status.age_ms = kind->heard_age_ms;
	}
	/* Before the file was written is no time: the clock has been set. */
	if (source->stale && clock_wall_us() > source->last_us)
		status.age_ms = (uint64_t)(clock_wall_us() - source->last_us) / 1000;
	*ret_status = status;
}
