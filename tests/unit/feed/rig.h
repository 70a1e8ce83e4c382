/* SPDX-License-Identifier: Apache-2.0 */
/* A feed in a folder of its own, and proxies that connect to it and note what they are told. */
#pragma once
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
	pid_t killed; /* the last one */
	struct loop *loop;
	struct feed *feed;
	struct feed_config config;
	char dir[32];
	unsigned starts, changes, keys, done;
	size_t n_led, n_out, leads; /* sockets; of them without a worker that takes connections */
	uint16_t ports[2];
	struct plan_bind binds[2];
	struct plan_cert certs[1];
	struct plan_l7 l7;
	bool (*until)(struct world *world, struct actor *actor);
	struct actor *watched;
	bool timed_out;
};

/* ---- the world ----------------------------------------------------------------------------- */

static bool on_start(void *arg)
{
	((struct world *)arg)->starts++;
	return true;
}

static void on_kill(void *arg, pid_t pid)
{
	((struct world *)arg)->killed = pid;
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

	world->n_led = n;
	world->n_out = 0;
	for (size_t i = 0; i < n; i++)
		world->n_out += fds[i] < 0;
	world->leads++;
}

static void on_changed(void *arg)
{
	((struct world *)arg)->changes++;
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
			     .serial = message->generation };
	got->fd = TAKE_FD(message->fd);
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

	pid++;
	say(actor, &(struct message){ .type = MESSAGE_HELLO,
				      .text = (char *)version,
				      .more = (char *)settings,
				      .pid = pid,
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

static bool has_started_twice(struct world *world, struct actor *actor)
{
	(void)actor;
	return world->starts == 2;
}

static bool has_both(struct world *world, struct actor *actor)
{
	(void)world;
	return count(actor, MESSAGE_LISTEN) == 2;
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
