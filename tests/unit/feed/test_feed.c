/* SPDX-License-Identifier: Apache-2.0 */
/* narud's side against proxies that this program plays: who is started, told what, replaced when. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"
#include "feed/channel.h"
#include "feed/feed.h"
#include "feed/memory.h"
#include "feed/sockets.h"
#include "plan/snapshot.h"

#define GOT_MAX 64

struct got {
	enum message_type type;
	uint32_t id;
	int worker;
	uint64_t serial;
	int fd; /* of LISTEN and SNAPSHOT */
};

/* A proxy. */
struct actor {
	struct world *world;
	struct channel *channel;
	struct got got[GOT_MAX];
	size_t n;
	char *settings;
	bool closed;
};

struct world {
	struct loop *loop;
	struct feed *feed;
	struct feed_config config;
	char dir[32];
	unsigned starts, changes, keys, done;
	size_t n_led, leads;
	uint16_t ports[2];
	struct plan_bind binds[2];
	struct plan_cert certs[1];
	struct plan_l7 l7;
	bool (*until)(struct world *world, struct actor *actor);
	struct actor *watched;
	bool timed_out;
};

/* ---- the world ----------------------------------------------------------------------------- */

static void on_start(void *arg)
{
	((struct world *)arg)->starts++;
}

static void on_kill(void *arg, pid_t pid)
{
	(void)arg;
	(void)pid;
}

static bool on_find_key(void *arg, const struct plan_cert *cert, const char **ret_chain,
			const struct secret_bytes **ret_key)
{
	static const struct secret_bytes key = { .data = (char *)"key", .len = 3 };

	(void)cert;
	((struct world *)arg)->keys++;
	*ret_chain = "chain";
	*ret_key = &key;
	return true;
}

static void on_sockets(void *arg, const int *fds, size_t n)
{
	struct world *world = arg;

	(void)fds;
	world->n_led = n;
	world->leads++;
}

static void on_changed(void *arg)
{
	((struct world *)arg)->changes++;
}

static void on_done(void *arg)
{
	((struct world *)arg)->done++;
}

static uint16_t free_port(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	close(fd);
	return ntohs(name.sin_port);
}

/* Two binds of one listener, no certificate. */
static void make_plan(struct world *world)
{
	static uint32_t first = 0;
	static struct plan_listener listener = { .name = (char *)"shop/edge/http",
						 .hostname = (char *)"" };

	for (size_t i = 0; i < ARRAY_SIZE(world->binds); i++) {
		struct plan_bind *bind = &world->binds[i];

		world->ports[i] = free_port();
		*bind = (struct plan_bind){ .port = world->ports[i],
					    .listeners = &first,
					    .n_listeners = 1 };
		assert_int_equal(addr_parse(i ? "127.0.0.2" : "127.0.0.1", &bind->addr), 0);
	}
	world->certs[0] = (struct plan_cert){ .name = (char *)"shop/cert", .fingerprint = { 1 } };
	world->l7 = (struct plan_l7){
		.binds = world->binds, .n_binds = 2, .listeners = &listener, .n_listeners = 1
	};
}

static void open_feed(struct world *world)
{
	assert_int_equal(feed_open(&world->config, &world->feed), 0);
}

static struct world *make(bool steered)
{
	struct world *world = mem_new(sizeof(*world));

	strcpy(world->dir, "/tmp/naru-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	world->loop = loop_new();
	make_plan(world);
	world->config = (struct feed_config){
		.loop = world->loop,
		.run_dir = world->dir,
		.version = "1.0",
		.threads = 2,
		.drain_ms = 5000,
		.access_log = -1,
		.steered = steered,
		.uid = getuid(),
		.handlers = { on_start, on_kill, on_find_key, on_sockets, on_changed, world },
	};
	open_feed(world);
	return world;
}

static void unmake(struct world *world)
{
	feed_close(world->feed);
	loop_free(world->loop);
	rmdir(world->dir);
	mem_freep(&world);
}

static void on_poll(void *arg)
{
	struct world *world = arg;

	if (world->until(world, world->watched))
		loop_stop(world->loop);
}

static void on_timeout(void *arg)
{
	struct world *world = arg;

	world->timed_out = true;
	loop_stop(world->loop);
}

static void run_until(struct world *world, struct actor *actor,
		      bool (*until)(struct world *world, struct actor *actor))
{
	struct loop_timer *poll = loop_timer_add(world->loop, 0, 1, on_poll, world);
	struct loop_timer *timeout = loop_timer_add(world->loop, 20000, 0, on_timeout, world);

	world->until = until;
	world->watched = actor;
	world->timed_out = false;
	loop_run(world->loop);
	loop_timer_remove(poll);
	loop_timer_remove(timeout);
	assert_false(world->timed_out);
}

static bool never(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->timed_out;
}

/* Longer than what should not happen would take. */
static void run_for(struct world *world, uint64_t ms)
{
	struct loop_timer *poll = loop_timer_add(world->loop, 0, 1, on_poll, world);
	struct loop_timer *timeout = loop_timer_add(world->loop, ms, 0, on_timeout, world);

	world->until = never;
	world->timed_out = false;
	loop_run(world->loop);
	loop_timer_remove(poll);
	loop_timer_remove(timeout);
}

static void apply(struct world *world, uint64_t generation)
{
	feed_apply(world->feed, &world->l7, generation);
}

/* ---- actors -------------------------------------------------------------------------------- */

static void on_message(void *arg, struct message *message)
{
	struct actor *actor = arg;
	struct got *got = &actor->got[actor->n];

	assert_true(actor->n++ < GOT_MAX);
	*got = (struct got){ .type = message->type,
			     .id = message->id,
			     .worker = message->worker,
			     .serial = message->generation,
			     .fd = TAKE_FD(message->fd) };
	if (message->type == MESSAGE_SETTINGS)
		actor->settings = TAKE_PTR(message->text);
}

static void on_closed(void *arg)
{
	struct actor *actor = arg;

	actor->closed = true;
	channel_close(TAKE_PTR(actor->channel));
}

static struct actor *enter(struct world *world)
{
	struct actor *actor = mem_new(sizeof(*actor));
	const struct channel_handlers handlers = { on_message, on_closed, actor };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	actor->world = world;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/proxy.sock", world->dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(channel_open(world->loop, fd, &handlers, &actor->channel), 0);
	return actor;
}

static void leave(struct actor *actor)
{
	channel_close(actor->channel);
	for (size_t i = 0; i < actor->n; i++)
		if (actor->got[i].fd >= 0)
			close(actor->got[i].fd);
	mem_freep(&actor->settings);
	mem_freep(&actor);
}

static void say(struct actor *actor, const struct message *message)
{
	assert_int_equal(channel_send(actor->channel, message), 0);
}

static void hello(struct actor *actor, const char *version, const char *settings)
{
	static uint32_t pid = 100000;

	say(actor, &(struct message){ .type = MESSAGE_HELLO,
				      .text = (char *)version,
				      .more = (char *)settings,
				      .pid = pid++,
				      .fd = -1 });
}

static size_t count(const struct actor *actor, enum message_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < actor->n; i++)
		n += actor->got[i].type == type;
	return n;
}

static const struct got *last(const struct actor *actor, enum message_type type)
{
	for (size_t i = actor->n; i-- > 0;)
		if (actor->got[i].type == type)
			return &actor->got[i];
	fail();
	return NULL;
}

static bool has_started(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->starts > 0;
}

static bool has_both(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_LISTEN) == 2;
}

static bool is_told(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_SETTINGS) > 0;
}

static bool is_drained(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_DRAIN) > 0;
}

static bool is_current(struct world *world, struct actor *actor)
{
	struct feed_status status;

	(void)actor;
	feed_status(world->feed, &status);
	return status.current;
}

/* A proxy in charge, as after an ordinary start. */
static struct actor *in_charge(struct world *world)
{
	struct actor *actor;

	apply(world, 1);
	run_until(world, NULL, has_started);
	actor = enter(world);
	hello(actor, "1.0", "");
	run_until(world, actor, has_both);
	return actor;
}

static void ack(struct actor *actor, const char *error)
{
	say(actor, &(struct message){ .type = MESSAGE_ACK,
				      .generation = last(actor, MESSAGE_SNAPSHOT)->serial,
				      .flag = !error,
				      .text = (char *)error,
				      .fd = -1 });
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

static bool has_started_twice(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->starts == 2;
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
		cmocka_unit_test(what_cannot_be_bound_is_tried_again),
		cmocka_unit_test(a_dead_proxy_is_replaced_with_its_sockets),
		cmocka_unit_test(a_proxy_outlives_narud),
		cmocka_unit_test(sockets_of_another_kind_are_given_back),
		cmocka_unit_test(a_second_proxy_is_sent_away),
		cmocka_unit_test(another_version_is_replaced_without_a_gap),
		cmocka_unit_test(other_settings_are_another_version),
		cmocka_unit_test(one_that_was_told_to_end_is_replaced),
		cmocka_unit_test(a_drain_ends_with_the_proxy),
		cmocka_unit_test(a_drain_of_nobody_ends_at_once),
		cmocka_unit_test(who_says_no_hello_is_not_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
