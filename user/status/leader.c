// SPDX-License-Identifier: Apache-2.0
/*
 * The algorithm of client-go's leaderelection, as one request after the other: ask who holds the
 * Lease, take it when it is free or was not renewed for as long as it lasts, renew it. Invariants:
 * it is held from the start of the request that took it, for LEADER_RENEW_MS; every write names the
 * version that it follows, so of two who take it one fails.
 */
#include "status/leader.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kube/apijson.h"
#include "status/rest.h"
#include "status/stamp.h"
#include "status/wants.h"

#define LEASES	    "/apis/coordination.k8s.io/v1/namespaces/"
#define TIMEOUT_S   5
#define REFUSED_MS  60000 /* until a right is tried again */
#define TRANSITIONS "leaseTransitions"

struct leader {
	struct leader_config config;
	char *identity; /* node and chance: a narud that starts anew is another one */
	char *path;	/* of all Leases of the namespace */
	bool eager;
	bool released; /* or to be released */

	struct rest *rest;
	uint64_t asked_ms; /* when the request began */
	uint64_t due_ms;

	struct json_object *lease; /* as the server had it last, NULL: nobody knows */
	bool surely;		   /* nothing says that it is another by now */
	char *version;		   /* of it */
	uint64_t observed_ms;	   /* since when it has been so */
	uint64_t renewed_ms;	   /* when it was taken or renewed, 0: it is not ours */
	char *holder, *problem;
};

static uint64_t now(const struct leader *l)
{
	return l->config.timing->now_ms(l->config.timing->arg);
}

static uint64_t by_chance(const struct leader *l, uint64_t ms)
{
	return ms * l->config.timing->random(l->config.timing->arg) / UINT32_MAX;
}

static void replace(char **text, const char *with)
{
	char *copy = mem_strdup(with);

	free(*text);
	*text = copy;
}

bool leader_holds(const struct leader *leader)
{
	return leader->renewed_ms && !leader->released &&
	       now(leader) < leader->renewed_ms + LEADER_RENEW_MS;
}

/* ---- the Lease ------------------------------------------------------------------------------- */

static struct json_object *spec_of(const struct leader *l)
{
	return apijson_member(l->lease, "spec");
}

/* "node-1_1a2b3c4d": what stands before the last '_'. */
static void note_holder(struct leader *l)
{
	const char *identity = apijson_text(spec_of(l), "holderIdentity");
	const char *end = strrchr(identity, '_');
	_cleanup_(mem_freep) char *node =
		mem_printf("%.*s", (int)(end ? (size_t)(end - identity) : strlen(identity)),
			   identity);

	replace(&l->holder, node);
}

/* Anything that is another than before is a sign of life. */
static void observe(struct leader *l, struct json_object *lease)
{
	json_object_put(l->lease);
	l->lease = json_object_get(lease);
	l->surely = true;
	if (strcmp(apijson_version(lease), l->version) != 0)
		l->observed_ms = now(l);
	replace(&l->version, apijson_version(lease));
	note_holder(l);
}

static bool is_free(const struct leader *l)
{
	const char *identity = apijson_text(spec_of(l), "holderIdentity");

	return !*identity || !strcmp(identity, l->identity) ||
	       now(l) >= l->observed_ms + LEADER_LEASE_MS;
}

/* A copy of the Lease, or a new one, with a spec to be filled. */
static struct json_object *copy_lease(const struct leader *l)
{
	struct json_object *copy = NULL;

	if (l->lease && json_object_deep_copy(l->lease, &copy, NULL) < 0)
		abort();
	if (!copy)
		copy = json_object_new_object();
	if (!copy)
		abort();
	wants_text(copy, "apiVersion", "coordination.k8s.io/v1");
	wants_text(copy, "kind", "Lease");
	wants_text(wants_member(copy, "metadata"), "name", LEADER_LEASE);
	wants_text(wants_member(copy, "metadata"), "namespace", l->config.namespace);
	return copy;
}

/* identity "": gives it back. */
static struct json_object *make_lease(const struct leader *l, const char *identity)
{
	struct json_object *lease = copy_lease(l), *spec = wants_member(lease, "spec");
	bool other = strcmp(apijson_text(spec, "holderIdentity"), identity) != 0;
	int transitions = apijson_number(spec, TRANSITIONS);
	char stamp[STAMP_MICROS];

	stamp_micros(stamp);
	if (other && *identity) {
		wants_text(spec, "acquireTime", stamp);
		if (l->lease)
			transitions++;
	}
	wants_text(spec, "holderIdentity", identity);
	wants_text(spec, "renewTime", stamp);
	wants_number(spec, "leaseDurationSeconds", *identity ? LEADER_LEASE_MS / 1000 : 1);
	wants_number(spec, TRANSITIONS, transitions);
	return lease;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_read(void *arg, const struct rest_answer *answer);
static void on_taken(void *arg, const struct rest_answer *answer);
static void on_released(void *arg, const struct rest_answer *answer);

static void start(struct leader *l, const char *method, struct json_object *body, rest_fn fn)
{
	bool creates = !strcmp(method, "POST");
	_cleanup_(mem_freep) char *path =
		mem_printf("%s%s", l->path, creates ? "" : "/" LEADER_LEASE);
	const struct rest_request request = {
		.method = method,
		.path = path,
		.body = body,
		.timeout_s = TIMEOUT_S,
	};

	l->asked_ms = now(l);
	l->rest = rest_start(l->config.client, &request, fn, l);
}

static void take(struct leader *l)
{
	struct json_object *lease = make_lease(l, l->identity);

	start(l, l->lease ? "PUT" : "POST", lease, on_taken);
	json_object_put(lease);
}

static void give_back(struct leader *l)
{
	struct json_object *lease = make_lease(l, "");

	start(l, "PUT", lease, on_released);
	json_object_put(lease);
}

static void again(struct leader *l, uint64_t delay_ms)
{
	l->due_ms = now(l) + delay_ms;
}

/* Who holds the Lease asks at fixed times. */
static void again_as_usual(struct leader *l)
{
	if (leader_holds(l))
		again(l, LEADER_RETRY_MS);
	else if (l->eager)
		again(l, LEADER_RETRY_MS + by_chance(l, LEADER_RETRY_MS));
	else
		again(l, LEADER_SLOW_MS + by_chance(l, LEADER_SLOW_MS));
}

static void fail(struct leader *l, const struct rest_answer *answer)
{
	l->surely = false;
	replace(&l->problem, answer->status == 409 ? "" : answer->text);
	again_as_usual(l);
	if (!rest_may_pass(answer) && answer->status != 409 && !leader_holds(l))
		again(l, REFUSED_MS + by_chance(l, REFUSED_MS));
	else if (l->due_ms < now(l) + answer->retry_after_s * 1000ull)
		again(l, answer->retry_after_s * 1000ull);
}

static void tell(struct leader *l)
{
	l->config.changed(l->config.arg);
}

static bool is_lease(const struct rest_answer *answer)
{
	return rest_succeeded(answer) && *apijson_version(answer->value);
}

/* Whoever held it when it was deleted may not know yet. */
static void on_missing(struct leader *l)
{
	replace(&l->problem, "");
	again_as_usual(l);
	if (l->released || (l->lease && !is_free(l)))
		return;
	json_object_put(TAKE_PTR(l->lease));
	replace(&l->holder, "");
	take(l);
}

static void on_read(void *arg, const struct rest_answer *answer)
{
	struct leader *l = arg;

	l->rest = NULL;
	if (is_lease(answer)) {
		observe(l, answer->value);
		replace(&l->problem, "");
		again_as_usual(l);
		if (is_free(l) && !l->released)
			take(l);
	} else if (answer->status == 404) {
		on_missing(l);
	} else {
		fail(l, answer);
	}
	tell(l);
}

static void on_taken(void *arg, const struct rest_answer *answer)
{
	struct leader *l = arg;
	bool held = leader_holds(l);

	l->rest = NULL;
	if (is_lease(answer)) {
		observe(l, answer->value);
		l->renewed_ms = l->asked_ms;
		replace(&l->problem, "");
		again_as_usual(l);
		if (!held && leader_holds(l))
			log_info("leads: this narud writes statuses now");
	} else {
		fail(l, answer);
	}
	tell(l);
}

static void on_released(void *arg, const struct rest_answer *answer)
{
	struct leader *l = arg;

	l->rest = NULL;
	l->renewed_ms = 0;
	if (!rest_succeeded(answer))
		log_warn("the Lease runs out, it could not be given back: %s", answer->text);
	tell(l);
}

/* ---- from outside ---------------------------------------------------------------------------- */

struct leader *leader_new(const struct leader_config *config)
{
	struct leader *l = mem_new(sizeof(*l));
	const struct timing *timing = config->timing;

	l->config = *config;
	l->eager = true;
	l->identity = mem_printf("%s_%08x%08x", config->node, timing->random(timing->arg),
				 timing->random(timing->arg));
	l->path = mem_printf(LEASES "%s/leases", config->namespace);
	replace(&l->version, "");
	replace(&l->holder, "");
	replace(&l->problem, "");
	l->due_ms = now(l);
	return l;
}

void leader_free(struct leader *leader)
{
	if (!leader)
		return;
	rest_cancel(leader->rest);
	json_object_put(leader->lease);
	free(leader->identity);
	free(leader->path);
	free(leader->version);
	free(leader->holder);
	free(leader->problem);
	free(leader);
}

void leader_set_eager(struct leader *leader, bool eager)
{
	if (leader->eager == eager)
		return;
	leader->eager = eager;
	if (eager && !leader->rest && leader->due_ms > now(leader) + LEADER_RETRY_MS)
		again(leader, by_chance(leader, LEADER_RETRY_MS));
	tell(leader);
}

/* The Lease is to be given back, and nothing stands in the way. */
static bool gives_back(const struct leader *l)
{
	return l->released && !l->rest && l->renewed_ms && l->lease;
}

void leader_release(struct leader *leader)
{
	leader->released = true;
	leader_run(leader);
}

bool leader_is_released(const struct leader *leader)
{
	return !leader->rest && !leader->renewed_ms;
}

uint64_t leader_due_ms(const struct leader *leader)
{
	uint64_t ends_ms = leader->renewed_ms + LEADER_RENEW_MS;
	uint64_t due_ms = leader->rest || leader->released ? UINT64_MAX : leader->due_ms;

	if (gives_back(leader))
		due_ms = now(leader);
	return leader->renewed_ms && ends_ms < due_ms ? ends_ms : due_ms;
}

static void notice_loss(struct leader *l)
{
	if (!l->renewed_ms || now(l) < l->renewed_ms + LEADER_RENEW_MS)
		return;
	l->renewed_ms = 0;
	if (!l->released)
		log_warn("leads no longer: the Lease could not be renewed%s%s",
			 *l->problem ? ": " : "", l->problem);
	tell(l);
}

void leader_run(struct leader *leader)
{
	notice_loss(leader);
	if (gives_back(leader))
		give_back(leader);
	if (leader->rest || leader->released || now(leader) < leader->due_ms)
		return;
	if (leader_holds(leader) && leader->surely)
		take(leader);
	else
		start(leader, "GET", NULL, on_read);
}

void leader_status(const struct leader *leader, struct leader_status *ret_status)
{
	*ret_status = (struct leader_status){
		.holds = leader_holds(leader),
		.holder = leader->holder,
		.problem = leader->problem,
	};
}
