/* SPDX-License-Identifier: Apache-2.0 */
/* narud's side when a process ends or is another than before: sockets and queues stay. */
#include "rig.h"

static bool is_told(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_SETTINGS) > 0;
}

static void on_done(void *arg)
{
	((struct world *)arg)->done++;
}

static bool is_drained(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_DRAIN) > 0;
}

/* Its sockets and settings, as after narud's death. */
static struct actor *come_back(struct world *world, const struct actor *before, const char *version)
{
	struct actor *actor = enter(world);

	for (size_t i = 0; i < before->n; i++)
		if (before->got[i].type == MESSAGE_LISTEN)
			say(actor, &(struct message){ .type = MESSAGE_LISTEN,
						      .id = before->got[i].id,
						      .worker = before->got[i].worker,
						      .fd = before->got[i].fd });
	hello(actor, version, before->settings);
	return actor;
}

static int dial(uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		close(TAKE_FD(fd));
	return fd;
}

/* ---- death --------------------------------------------------------------------------------- */

static void a_dead_proxy_is_replaced_with_its_sockets(void **state)
{
	struct world *world = make(false);
	struct actor *first = in_charge(world), *second;
	int client, served;

	(void)state;
	client = dial(world->ports[0]);
	assert_true(client >= 0);
	leave(first);
	run_until(world, NULL, has_started_twice);
	second = enter(world);
	hello(second, "1.0", "");
	run_until(world, second, has_both);
	served = accept(second->got[2].fd, NULL, NULL);
	assert_true(served >= 0);
	close(served);
	close(client);
	leave(second);
	unmake(world);
}

static bool has_snapshot(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_SNAPSHOT) > 0;
}

static bool has_been_heard(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return status.current;
}

static bool has_noticed(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->changes > 0;
}

struct limit {
	const struct world *world;
	bool late;
};

/* Timers run in the order in which they are due, also when all of them are late. */
static void reach_limit(void *arg)
{
	struct limit *limit = arg;

	limit->late = !limit->world->starts;
}

/* A proxy that has served, then dies. True if the next one was not started within 100 ms. */
static bool dies_and_is_late(struct world *world, struct actor *actor)
{
	struct limit limit = { .world = world };
	struct loop_timer *timer;

	run_until(world, actor, has_snapshot);
	say(actor, &(struct message){ .type = MESSAGE_ACK,
				      .generation = last(actor, MESSAGE_SNAPSHOT)->serial,
				      .flag = true,
				      .fd = -1 });
	run_until(world, actor, has_been_heard);
	world->changes = world->starts = 0;
	leave(actor);
	run_until(world, NULL, has_noticed);
	/* Begins after the feed's own timer: a slow machine makes this longer, never shorter. */
	timer = loop_timer_add(world->loop, 100, 0, reach_limit, &limit);
	run_until(world, NULL, has_started);
	loop_timer_remove(timer);
	return limit.late;
}

static void however_often_it_dies_the_next_one_comes_soon(void **state)
{
	struct world *world = make(false);
	struct actor *actor = in_charge(world);

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_false(dies_and_is_late(world, actor));
		actor = enter(world);
		hello(actor, "1.0", "");
	}
	leave(actor);
	unmake(world);
}

static void a_proxy_outlives_narud(void **state)
{
	struct world *world = make(true);
	struct actor *before = in_charge(world), *after;

	(void)state;
	feed_close(world->feed);
	open_feed(world);
	world->n_led = world->leads = 0;
	apply(world, 1);
	after = come_back(world, before, "1.0");
	run_until(world, after, is_told);
	assert_int_equal(world->n_led, 2);
	run_for(world, 400);
	assert_int_equal(world->starts, 1);
	assert_int_equal(world->leads, 1);
	assert_int_equal(count(after, MESSAGE_LISTEN), 0);
	assert_int_equal(count(after, MESSAGE_UNLISTEN), 0);
	assert_int_equal(count(after, MESSAGE_SNAPSHOT), 1);
	/* Not one that it could take for the old one. */
	assert_true(last(after, MESSAGE_SNAPSHOT)->serial !=
		    last(before, MESSAGE_SNAPSHOT)->serial);
	leave(before);
	leave(after);
	unmake(world);
}

/* Another narud without the right to lead connections: it has no use for such sockets. */
static void sockets_of_another_kind_are_given_back(void **state)
{
	struct world *world = make(true);
	struct actor *before = in_charge(world), *after;

	(void)state;
	feed_close(world->feed);
	world->config.steered = false;
	open_feed(world);
	apply(world, 1);
	after = come_back(world, before, "1.0");
	run_until(world, after, has_both);
	assert_int_equal(count(after, MESSAGE_UNLISTEN), 2);
	assert_int_equal(last(after, MESSAGE_LISTEN)->worker, -1);
	leave(before);
	leave(after);
	unmake(world);
}

static void a_second_proxy_is_sent_away(void **state)
{
	struct world *world = make(false);
	struct actor *first = in_charge(world), *second = enter(world);

	(void)state;
	hello(second, "1.0", "");
	run_until(world, second, is_drained);
	assert_int_equal(count(second, MESSAGE_LISTEN), 0);
	assert_int_equal(count(first, MESSAGE_DRAIN), 0);
	leave(first);
	leave(second);
	unmake(world);
}

static void another_version_is_replaced_without_a_gap(void **state)
{
	struct world *world = make(false);
	struct actor *before = in_charge(world), *old, *new;

	(void)state;
	feed_close(world->feed);
	open_feed(world);
	old = come_back(world, before, "0.9");
	run_until(world, NULL, has_started_twice);
	assert_int_equal(count(old, MESSAGE_DRAIN), 0);
	apply(world, 1);
	new = enter(world);
	hello(new, "1.0", "");
	run_until(world, new, has_both);
	run_until(world, old, is_drained);
	/* The same sockets. */
	assert_true(last(new, MESSAGE_LISTEN)->id == last(before, MESSAGE_LISTEN)->id);
	leave(before);
	leave(old);
	leave(new);
	unmake(world);
}

static void other_settings_are_another_version(void **state)
{
	struct world *world = make(false);
	struct actor *before = in_charge(world), *old;

	(void)state;
	feed_close(world->feed);
	world->config.threads = 1;
	open_feed(world);
	old = come_back(world, before, "1.0");
	run_until(world, NULL, has_started_twice);
	assert_int_equal(count(old, MESSAGE_SETTINGS), 0);
	leave(before);
	leave(old);
	unmake(world);
}

static void one_that_was_told_to_end_is_replaced(void **state)
{
	struct world *world = make(false);
	struct actor *first = in_charge(world), *second;

	(void)state;
	say(first, &(struct message){ .type = MESSAGE_DRAINING, .fd = -1 });
	run_until(world, NULL, has_started_twice);
	second = enter(world);
	hello(second, "1.0", "");
	run_until(world, second, has_both);
	leave(first);
	run_for(world, 50);
	assert_int_equal(world->starts, 2);
	leave(second);
	unmake(world);
}

static bool is_done(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->done > 0;
}

static void a_drain_ends_with_the_proxy(void **state)
{
	struct world *world = make(false);
	struct actor *actor = in_charge(world);

	(void)state;
	feed_drain(world->feed, on_done, world);
	run_until(world, actor, is_drained);
	/* The proxy has the only copies left: when it closes them, nobody answers. */
	assert_int_equal(world->done, 0);
	leave(actor);
	assert_true(dial(world->ports[0]) < 0);
	run_until(world, NULL, is_done);
	run_for(world, 50);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->starts, 1);
	unmake(world);
}

static void a_drain_of_nobody_ends_at_once(void **state)
{
	struct world *world = make(true);

	(void)state;
	feed_drain(world->feed, on_done, world);
	assert_int_equal(world->done, 0);
	run_until(world, NULL, is_done);
	assert_int_equal(world->n_led, 0);
	unmake(world);
}

static bool is_closed(struct world *world, struct actor *actor)
{
	(void)world;
	return actor->closed;
}

static void who_says_no_hello_is_not_heard(void **state)
{
	struct world *world = make(false);
	struct actor *actor = enter(world);

	(void)state;
	say(actor, &(struct message){ .type = MESSAGE_DRAINING, .fd = -1 });
	run_until(world, actor, is_closed);
	leave(actor);
	unmake(world);
}

/* ---- signs of life ------------------------------------------------------------------------- */

static void report_stalled(struct actor *actor, unsigned worker)
{
	struct message message = { .type = MESSAGE_REPORT };
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct report report = { .threads = 2 };

	if (worker < 2)
		report_set_stalled(report.stalled, worker);
	report_encode(&report, &bytes);
	assert_int_equal(memory_seal(bytes.buf, bytes.len, &message.fd), 0);
	say(actor, &message);
	close(message.fd);
}

static bool all_out(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->n_out == 2;
}

static bool one_out(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->n_out == 1;
}

static bool none_out(struct world *world, struct actor *actor)
{
	(void)actor;
	return !world->n_out;
}

static bool is_silent(const struct world *world)
{
	struct feed_status status;

	feed_status(world->feed, &status);
	return status.silent;
}

static void a_worker_without_a_sign_of_life_gets_no_connections(void **state)
{
	struct world *world = make(true);
	struct actor *actor = in_charge(world);

	(void)state;
	report_stalled(actor, 1);
	run_until(world, actor, one_out);
	assert_false(is_silent(world));
	report_stalled(actor, 2);
	run_until(world, actor, none_out);
	leave(actor);
	unmake(world);
}

static void neither_does_a_silent_proxy(void **state)
{
	struct world *world = make(true);
	struct actor *actor = in_charge(world);

	(void)state;
	assert_false(is_silent(world));
	run_until(world, actor, all_out);
	assert_true(is_silent(world));
	report_stalled(actor, 2);
	run_until(world, actor, none_out);
	assert_false(is_silent(world));
	leave(actor);
	unmake(world);
}

/* The next one finds them in the queues. */
static void connections_wait_for_the_successor_of_a_silent_one(void **state)
{
	struct world *world = make(true);
	struct actor *actor = in_charge(world);

	(void)state;
	run_until(world, actor, all_out);
	leave(actor);
	run_until(world, NULL, none_out);
	assert_false(is_silent(world));
	unmake(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_proxy_is_replaced_with_its_sockets),
		cmocka_unit_test(however_often_it_dies_the_next_one_comes_soon),
		cmocka_unit_test(a_proxy_outlives_narud),
		cmocka_unit_test(sockets_of_another_kind_are_given_back),
		cmocka_unit_test(a_second_proxy_is_sent_away),
		cmocka_unit_test(another_version_is_replaced_without_a_gap),
		cmocka_unit_test(other_settings_are_another_version),
		cmocka_unit_test(one_that_was_told_to_end_is_replaced),
		cmocka_unit_test(a_drain_ends_with_the_proxy),
		cmocka_unit_test(a_drain_of_nobody_ends_at_once),
		cmocka_unit_test(who_says_no_hello_is_not_heard),
		cmocka_unit_test(a_worker_without_a_sign_of_life_gets_no_connections),
		cmocka_unit_test(neither_does_a_silent_proxy),
		cmocka_unit_test(connections_wait_for_the_successor_of_a_silent_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
