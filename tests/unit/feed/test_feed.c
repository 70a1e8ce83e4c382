/* SPDX-License-Identifier: Apache-2.0 */
/* narud's side while all goes well: who is started, what a proxy is told, and what it tells. */
#include "rig.h"

static bool is_current(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return status.current;
}

static void ack(struct actor *actor, const char *error)
{
	say(actor, &(struct message){ .type = MESSAGE_ACK,
				      .generation = last(actor, MESSAGE_SNAPSHOT)->serial,
				      .flag = !error,
				      .text = (char *)error,
				      .fd = -1 });
}

/* ---- start --------------------------------------------------------------------------------- */

static void nothing_to_serve_starts_nothing(void **state)
{
	struct world *world = make(false);

	(void)state;
	world->l7.n_binds = 0;
	apply(world, 1);
	run_for(world, 400);
	assert_int_equal(world->starts, 0);
	unmake(world);
}

static void a_proxy_gets_all_in_order(void **state)
{
	static const enum message_type order[] = { MESSAGE_SETTINGS, MESSAGE_KEY, MESSAGE_SNAPSHOT,
						   MESSAGE_LISTEN, MESSAGE_LISTEN };
	struct world *world = make(false);
	struct feed_status status;
	struct actor *actor;
	struct plan_l7 l7;
	const void *data;
	size_t len;

	(void)state;
	world->l7.certs = world->certs;
	world->l7.n_certs = 1;
	actor = in_charge(world);
	assert_int_equal(actor->n, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(actor->got[i].type, order[i]);
	assert_int_equal(memory_map(actor->got[2].fd, &data, &len), 0);
	assert_int_equal(snapshot_decode(data, len, &l7), 0);
	memory_unmap(data, len);
	assert_int_equal(l7.n_binds, 2);
	l7_fini(&l7);
	feed_status(world->feed, &status);
	assert_false(status.current);
	assert_true(status.pid != 0);
	ack(actor, NULL);
	run_until(world, NULL, is_current);
	feed_status(world->feed, &status);
	assert_int_equal(status.generation, 1);
	assert_int_equal(status.starts, 1);
	leave(actor);
	unmake(world);
}

static void steered_sockets_are_led_to(void **state)
{
	struct world *world = make(true);
	struct actor *actor = in_charge(world);

	(void)state;
	assert_int_equal(world->n_led, 2);
	assert_int_equal(world->leads, 1);
	assert_int_equal(last(actor, MESSAGE_LISTEN)->worker, 1);
	world->l7.n_binds = 1;
	apply(world, 2);
	assert_int_equal(world->leads, 1);
	leave(actor);
	unmake(world);
}

static void a_start_that_fails_is_made_again(void **state)
{
	struct world *world = make(false);

	(void)state;
	apply(world, 1);
	run_until(world, NULL, has_started);
	feed_started(world->feed, 4711);
	feed_ended(world->feed, 4710);
	run_for(world, 50);
	assert_int_equal(world->starts, 1);
	feed_ended(world->feed, 4711);
	run_until(world, NULL, has_started_twice);
	unmake(world);
}

/* ---- change -------------------------------------------------------------------------------- */

static bool has_second_snapshot(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_SNAPSHOT) == 2;
}

static void the_same_bytes_are_sent_once(void **state)
{
	struct world *world = make(false);
	struct actor *actor = in_charge(world);
	struct feed_status status;

	(void)state;
	ack(actor, NULL);
	run_until(world, NULL, is_current);
	apply(world, 2);
	feed_status(world->feed, &status);
	assert_int_equal(status.generation, 2);
	assert_true(status.current);
	world->l7.n_binds = 1;
	apply(world, 3);
	feed_status(world->feed, &status);
	assert_false(status.current);
	assert_int_equal(status.generation, 2);
	run_until(world, actor, has_second_snapshot);
	assert_int_equal(count(actor, MESSAGE_UNLISTEN), 1);
	assert_true(last(actor, MESSAGE_UNLISTEN)->id == last(actor, MESSAGE_LISTEN)->id);
	leave(actor);
	unmake(world);
}

static void a_key_is_sent_once(void **state)
{
	struct world *world = make(false);
	struct actor *actor;

	(void)state;
	world->l7.certs = world->certs;
	world->l7.n_certs = 1;
	actor = in_charge(world);
	world->l7.n_binds = 1;
	apply(world, 2);
	run_until(world, actor, has_second_snapshot);
	assert_int_equal(count(actor, MESSAGE_KEY), 1);
	assert_int_equal(world->keys, 1);
	leave(actor);
	unmake(world);
}

static bool is_refused(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return !strcmp(status.refusal, "no such thing");
}

static void a_refusal_is_shown(void **state)
{
	struct world *world = make(false);
	struct actor *actor = in_charge(world);

	(void)state;
	ack(actor, "no such thing");
	run_until(world, NULL, is_refused);
	assert_false(is_current(world, NULL));
	leave(actor);
	unmake(world);
}

static bool has_report(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return status.report && status.report->accepted == 17;
}

static void reports_are_kept(void **state)
{
	const struct report report = { .accepted = 17 };
	struct world *world = make(false);
	struct actor *actor = in_charge(world);
	struct message message = { .type = MESSAGE_REPORT };
	_cleanup_(str_fini) struct str bytes = { 0 };

	(void)state;
	report_encode(&report, &bytes);
	assert_int_equal(memory_seal(bytes.buf, bytes.len, &message.fd), 0);
	say(actor, &message);
	close(message.fd);
	run_until(world, NULL, has_report);
	/* A broken one changes nothing. */
	assert_int_equal(memory_seal("x", 1, &message.fd), 0);
	say(actor, &message);
	close(message.fd);
	run_for(world, 20);
	assert_true(has_report(world, NULL));
	leave(actor);
	unmake(world);
}

/* The actor names some other pid; it is this process that has connected. */
static void who_is_killed_is_no_matter_of_words(void **state)
{
	struct world *world = make(false);
	struct actor *actor = in_charge(world);

	(void)state;
	feed_kill(world->feed);
	assert_int_equal(world->killed, getpid());
	leave(actor);
	unmake(world);
}

static bool has_two_diags(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return status.diags->n == 2;
}

static bool has_no_diags(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return !status.diags->n;
}

static void what_cannot_be_bound_is_tried_again(void **state)
{
	struct world *world = make(false);
	struct sockets others = { 0 };
	struct diag_list diags = { 0 };

	(void)state;
	sockets_bind(&others, &world->l7, &diags);
	apply(world, 1);
	run_until(world, NULL, has_two_diags);
	sockets_fini(&others);
	run_until(world, NULL, has_no_diags);
	unmake(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_serve_starts_nothing),
		cmocka_unit_test(a_proxy_gets_all_in_order),
		cmocka_unit_test(steered_sockets_are_led_to),
		cmocka_unit_test(a_start_that_fails_is_made_again),
		cmocka_unit_test(the_same_bytes_are_sent_once),
		cmocka_unit_test(a_key_is_sent_once),
		cmocka_unit_test(a_refusal_is_shown),
		cmocka_unit_test(reports_are_kept),
		cmocka_unit_test(who_is_killed_is_no_matter_of_words),
		cmocka_unit_test(what_cannot_be_bound_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
