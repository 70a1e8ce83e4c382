// SPDX-License-Identifier: Apache-2.0
/* Candidates for one Lease, on an API server that keeps it, and on one that does not answer. */
#include "../kube/fakeclient.h"

#include "kube/apijson.h"
#include "status/leader.h"
#include "status/wants.h"

#include <json-c/json.h>

#define LEASE_PATH "/apis/coordination.k8s.io/v1/namespaces/naru/leases"

struct rig {
	struct leader *leaders[2];
	struct json_object *lease; /* NULL: there is none */
	int version;
	int status;	  /* of every answer, 0: as it should be */
	bool down;	  /* nobody answers */
	const char *skew; /* a renewTime that replaces what is written, NULL: none does */
	unsigned writes, reads, changed;
};

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changed++;
}

static struct leader *candidate(struct rig *rig, const char *node)
{
	const struct leader_config config = {
		.client = &fake,
		.timing = &fake_timing,
		.namespace = "naru",
		.node = node,
		.changed = on_changed,
		.arg = rig,
	};

	fake.random++;
	return leader_new(&config);
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	fake_reset();
	rig->version = 10;
	rig->leaders[0] = candidate(rig, "node_a");
	rig->leaders[1] = candidate(rig, "node-b");
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	leader_free(rig->leaders[0]);
	leader_free(rig->leaders[1]);
	assert_int_equal(fake.n, 0);
	json_object_put(rig->lease);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- the server ------------------------------------------------------------------------------ */

static void answer_with_lease(struct rig *rig, struct client_call *call)
{
	fake_answer(call, 200, json_object_to_json_string(rig->lease));
}

static void keep(struct rig *rig, struct client_call *call)
{
	struct json_object *lease = json_tokener_parse(call->body);
	_cleanup_(mem_freep) char *version = mem_printf("%d", ++rig->version);

	assert_non_null(lease);
	json_object_put(rig->lease);
	rig->lease = lease;
	wants_text(wants_member(lease, "metadata"), "resourceVersion", version);
	if (rig->skew)
		wants_text(wants_member(lease, "spec"), "renewTime", rig->skew);
	answer_with_lease(rig, call);
}

static bool is_newest(const struct rig *rig, const char *body)
{
	struct json_object *lease = json_tokener_parse(body);
	bool newest = !strcmp(apijson_version(lease), apijson_version(rig->lease));

	json_object_put(lease);
	return newest;
}

static void serve_call(struct rig *rig, struct client_call *call)
{
	bool writes = strcmp(call->method, "GET") != 0, creates = !strcmp(call->method, "POST");

	assert_string_equal(call->path, creates ? LEASE_PATH : LEASE_PATH "/naru-leader");
	rig->writes += writes;
	rig->reads += !writes;
	if (rig->status)
		fake_answer(call, rig->status, "{\"message\":\"m\"}");
	else if (!rig->lease && !creates)
		fake_answer(call, 404, "{}");
	else if (!writes)
		answer_with_lease(rig, call);
	else if (creates ? rig->lease != NULL : !is_newest(rig, call->body))
		fake_answer(call, 409, "{}");
	else
		keep(rig, call);
}

static void serve(struct rig *rig)
{
	while (fake.n && !rig->down)
		serve_call(rig, fake.calls[0]);
	while (fake.n && rig->down)
		fake_end(fake.calls[0], -ETIMEDOUT);
}

/* Lets time go by, as the loop would. */
static void pass(struct rig *rig, uint64_t ms)
{
	uint64_t end_ms = fake.now_ms + ms;

	for (;;) {
		uint64_t due_ms = leader_due_ms(rig->leaders[0]);

		if (leader_due_ms(rig->leaders[1]) < due_ms)
			due_ms = leader_due_ms(rig->leaders[1]);
		if (due_ms > end_ms)
			break;
		if (due_ms > fake.now_ms)
			fake.now_ms = due_ms;
		leader_run(rig->leaders[0]);
		leader_run(rig->leaders[1]);
		serve(rig);
		assert_false(leader_holds(rig->leaders[0]) && leader_holds(rig->leaders[1]));
	}
	fake.now_ms = end_ms;
}

static const char *holder(const struct rig *rig)
{
	return apijson_text(apijson_member(rig->lease, "spec"), "holderIdentity");
}

static int number(const struct rig *rig, const char *name)
{
	return apijson_number(apijson_member(rig->lease, "spec"), name);
}

/* -1: nobody does. */
static int who_holds(const struct rig *rig)
{
	return leader_holds(rig->leaders[0]) ? 0 : leader_holds(rig->leaders[1]) ? 1 : -1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void one_of_two_leads_and_goes_on(void **state)
{
	struct rig *rig = *state;
	struct leader_status status;
	int first;

	assert_int_equal(who_holds(rig), -1);
	pass(rig, 100);
	first = who_holds(rig);
	assert_int_not_equal(first, -1);
	for (int i = 0; i < 600; i++) {
		pass(rig, 1000);
		assert_int_equal(who_holds(rig), first);
	}
	assert_int_equal(number(rig, "leaseTransitions"), 0);
	assert_int_equal(number(rig, "leaseDurationSeconds"), 15);
	pass(rig, 5000);
	leader_status(rig->leaders[1 - first], &status);
	assert_string_equal(status.holder, first ? "node-b" : "node_a");
	assert_false(status.holds);
	assert_string_equal(status.problem, "");
	leader_status(rig->leaders[first], &status);
	assert_true(status.holds);
}

/* Others see the times in the Lease; they mean nothing. */
static void clocks_of_others_do_not_count(void **state)
{
	struct rig *rig = *state;
	int first;

	rig->skew = "1970-01-01T00:00:00.000000Z";
	pass(rig, 100);
	first = who_holds(rig);
	pass(rig, 14000);
	assert_int_equal(who_holds(rig), first);
	rig->skew = "2990-01-01T00:00:00.000000Z";
	pass(rig, 100000);
	assert_int_equal(who_holds(rig), first);
	assert_int_equal(number(rig, "leaseTransitions"), 0);
}

static void an_outage_ends_it_before_another_one_begins(void **state)
{
	struct rig *rig = *state;
	int first;

	pass(rig, 5000);
	first = who_holds(rig);
	rig->down = true;
	pass(rig, 7000);
	assert_int_equal(who_holds(rig), first);
	pass(rig, 3100);
	assert_int_equal(who_holds(rig), -1);
	pass(rig, 3600000);
	assert_int_equal(who_holds(rig), -1);
	rig->down = false;
	pass(rig, 70000);
	assert_int_not_equal(who_holds(rig), -1);
}

static void the_other_one_takes_over(void **state)
{
	struct rig *rig = *state;
	int first;

	pass(rig, 5000);
	first = who_holds(rig);
	leader_free(rig->leaders[first]);
	rig->leaders[first] = candidate(rig, "node-c");
	pass(rig, 10000);
	assert_int_equal(who_holds(rig), -1);
	pass(rig, 10000);
	assert_int_not_equal(who_holds(rig), -1);
	assert_int_equal(number(rig, "leaseTransitions"), 1);
}

static void a_clean_end_gives_it_back(void **state)
{
	struct rig *rig = *state;
	int first;

	pass(rig, 5000);
	first = who_holds(rig);
	leader_release(rig->leaders[first]);
	assert_false(leader_is_released(rig->leaders[first]));
	assert_int_equal(who_holds(rig), -1);
	serve(rig);
	assert_true(leader_is_released(rig->leaders[first]));
	assert_string_equal(holder(rig), "");
	pass(rig, 4000);
	assert_int_equal(who_holds(rig), 1 - first);
	pass(rig, 60000);
	assert_int_equal(who_holds(rig), 1 - first);
}

/* What is under way comes first. */
static void an_end_in_the_middle_of_a_renewal(void **state)
{
	struct rig *rig = *state;
	int first;

	pass(rig, 5000);
	first = who_holds(rig);
	while (!fake.n) {
		fake.now_ms++;
		leader_run(rig->leaders[first]);
	}
	leader_release(rig->leaders[first]);
	assert_int_equal(fake.n, 1);
	serve(rig);
	assert_string_not_equal(holder(rig), "");
	assert_int_equal(leader_due_ms(rig->leaders[first]), fake.now_ms);
	leader_run(rig->leaders[first]);
	serve(rig);
	assert_string_equal(holder(rig), "");
	assert_true(leader_is_released(rig->leaders[first]));
}

static void who_does_not_lead_has_nothing_to_give_back(void **state)
{
	struct rig *rig = *state;
	int first;
	unsigned writes;

	pass(rig, 5000);
	first = who_holds(rig);
	writes = rig->writes;
	leader_release(rig->leaders[1 - first]);
	assert_true(leader_is_released(rig->leaders[1 - first]));
	assert_int_equal(rig->writes, writes);
}

static void a_conflict_is_looked_into(void **state)
{
	struct rig *rig = *state;
	int first;

	pass(rig, 5000);
	first = who_holds(rig);
	/* Somebody puts a label on it. */
	wants_text(wants_member(rig->lease, "metadata"), "resourceVersion", "7777");
	pass(rig, 60000);
	assert_int_equal(who_holds(rig), first);
	assert_int_equal(number(rig, "leaseTransitions"), 0);
}

static void a_lease_that_is_deleted_comes_back(void **state)
{
	struct rig *rig = *state;

	pass(rig, 5000);
	json_object_put(TAKE_PTR(rig->lease));
	pass(rig, 25000);
	assert_non_null(rig->lease);
	assert_int_not_equal(who_holds(rig), -1);
}

static void without_the_right_it_is_asked_for_slowly(void **state)
{
	struct rig *rig = *state;
	struct leader_status status;

	rig->status = 403;
	pass(rig, 600000);
	assert_int_equal(who_holds(rig), -1);
	assert_true(rig->reads <= 22);
	leader_status(rig->leaders[0], &status);
	assert_string_equal(status.problem, "HTTP 403: m");
	rig->status = 0;
	pass(rig, 121000);
	assert_int_not_equal(who_holds(rig), -1);
	leader_status(rig->leaders[who_holds(rig)], &status);
	assert_string_equal(status.problem, "");
}

/* Thousands of nodes must not ask every two seconds, and still the last one takes over. */
static void who_is_not_eager_asks_seldom(void **state)
{
	struct rig *rig = *state;
	unsigned reads;
	int first;

	pass(rig, 0);
	leader_set_eager(rig->leaders[0], false);
	leader_set_eager(rig->leaders[1], false);
	pass(rig, 60000);
	reads = rig->reads;
	pass(rig, 600000);
	assert_true(rig->reads - reads <= 21);
	first = who_holds(rig);
	leader_free(rig->leaders[first]);
	rig->leaders[first] = candidate(rig, "node-c");
	leader_set_eager(rig->leaders[first], false);
	pass(rig, 150000);
	assert_int_not_equal(who_holds(rig), -1);
}

static void leases_that_are_no_leases(void **state)
{
	static const char *const specs[] = {
		"",
		"7",
		"[]",
		"{}",
		"{\"holderIdentity\":7}",
		"{\"leaseTransitions\":\"x\"}",
		"{\"leaseDurationSeconds\":-1}",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		_cleanup_(mem_freep) char *body =
			mem_printf("{\"metadata\":{\"resourceVersion\":\"5\"}%s%s}",
				   *specs[i] ? ",\"spec\":" : "", specs[i]);

		leader_free(rig->leaders[0]);
		rig->leaders[0] = candidate(rig, "node-a");
		leader_run(rig->leaders[0]);
		assert_int_equal(fake.n, 1);
		fake_answer(fake.calls[0], 200, i ? body : "7");
		assert_false(leader_holds(rig->leaders[0]));
		while (fake.n)
			fake_answer(fake.calls[0], 500, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_of_two_leads_and_goes_on),
		TEST(clocks_of_others_do_not_count),
		TEST(an_outage_ends_it_before_another_one_begins),
		TEST(the_other_one_takes_over),
		TEST(a_clean_end_gives_it_back),
		TEST(an_end_in_the_middle_of_a_renewal),
		TEST(who_does_not_lead_has_nothing_to_give_back),
		TEST(a_conflict_is_looked_into),
		TEST(a_lease_that_is_deleted_comes_back),
		TEST(without_the_right_it_is_asked_for_slowly),
		TEST(who_is_not_eager_asks_seldom),
		TEST(leases_that_are_no_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
