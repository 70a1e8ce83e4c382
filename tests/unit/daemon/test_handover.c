// SPDX-License-Identifier: Apache-2.0
/* Both sides of a hand-over in one process and one loop, and what others say at the socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "daemon/handover.h"
#include "daemon/heir.h"
#include "daemon/packet.h"

struct world {
	struct loop *loop;
	char dir[32], path[64];
	struct handover *handover;
	struct heir *heir;
	int yields, taken, gone, yielded;
	bool empty; /* what a process that ends has is closed, its last descriptor as well */
};

/* ---- what is called ------------------------------------------------------------------------ */

static void on_yield(void *arg)
{
	((struct world *)arg)->yields++;
}

static void on_taken(void *arg)
{
	struct world *world = arg;

	world->taken++;
	loop_stop(world->loop);
}

static void on_gone(void *arg)
{
	struct world *world = arg;

	world->gone++;
	loop_stop(world->loop);
}

static void on_yielded(void *arg)
{
	struct world *world = arg;

	world->yielded++;
	loop_stop(world->loop);
}

static void on_pause(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

/* Whatever is under way is done by then. */
static void pause_for(struct world *world, uint64_t ms)
{
	struct loop_timer *timer = loop_timer_add(world->loop, ms, 0, on_pause, world);

	loop_run(world->loop);
	loop_timer_remove(timer);
}

/* ---- the world ----------------------------------------------------------------------------- */

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->loop = loop_new();
	strcpy(world->dir, "/tmp/naru-handover-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->path, sizeof(world->path), "%s/handover.sock", world->dir);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	heir_close(world->heir);
	handover_close(world->handover);
	loop_free(world->loop);
	snprintf(world->path, sizeof(world->path), "%s/instance", world->dir);
	unlink(world->path);
	assert_int_equal(rmdir(world->dir), 0);
	free(world);
	return 0;
}

static void serve(struct world *world, const char *instance, const char *predecessor)
{
	const struct handover_config config = {
		.loop = world->loop,
		.run_dir = world->dir,
		.instance = instance,
		.predecessor = predecessor,
		.yield = on_yield,
		.taken = on_taken,
		.gone = on_gone,
		.arg = world,
	};

	assert_int_equal(handover_open(&config, &world->handover), 0);
}

static int come(struct world *world, const char *instance)
{
	const struct heir_config config = {
		.loop = world->loop,
		.run_dir = world->dir,
		.instance = instance,
		.yielded = on_yielded,
		.arg = world,
	};

	return heir_open(&config, &world->heir);
}

/* ---- cases --------------------------------------------------------------------------------- */

static void nobody_serves(void **state)
{
	struct world *world = *state;

	assert_int_equal(come(world, ""), -ENOENT);
}

static void a_hand_over(void **state)
{
	struct world *world = *state;
	struct stat st;

	serve(world, "first", "");
	assert_int_equal(stat(world->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(come(world, "second"), 0);
	/* Also of one that does not answer. */
	assert_string_equal(heir_predecessor(world->heir), "first");
	pause_for(world, 50);
	assert_string_equal(heir_predecessor(world->heir), "first");
	assert_int_equal(world->yields, 0);
	heir_ready(world->heir);
	heir_ready(world->heir);
	loop_run(world->loop);
	assert_int_equal(world->yields, 1);
	assert_int_equal(world->yielded, 1);
	/* The next one has the place. */
	assert_int_equal(access(world->path, F_OK), -1);
	assert_true(heir_is_watched(world->heir));
	heir_taken(world->heir);
	loop_run(world->loop);
	assert_int_equal(world->taken, 1);
	heir_close(world->heir);
	world->heir = NULL;
	loop_run(world->loop);
	assert_int_equal(world->gone, 1);
}

/* What stands in the place of its name keeps nobody waiting, on either side. */
static void a_pipe_for_a_name(void **state)
{
	struct world *world = *state;
	char name[64];

	snprintf(name, sizeof(name), "%s/instance", world->dir);
	assert_int_equal(mkfifo(name, 0600), 0);
	serve(world, "first", "");
	assert_int_equal(come(world, "second"), 0);
	assert_string_equal(heir_predecessor(world->heir), "");
	pause_for(world, 50);
	assert_string_equal(heir_predecessor(world->heir), "first");
}

static void no_way_back(void **state)
{
	struct world *world = *state;

	serve(world, "second", "first");
	assert_int_equal(come(world, "first"), 0);
	heir_ready(world->heir);
	pause_for(world, 100);
	assert_int_equal(world->yields, 0);
	/* Until there is nobody left who could serve. */
	handover_close(world->handover);
	world->handover = NULL;
	loop_run(world->loop);
	assert_int_equal(world->yielded, 1);
	assert_false(heir_is_watched(world->heir));
}

static void who_dies_before_it_asks(void **state)
{
	struct world *world = *state;

	serve(world, "", "");
	assert_int_equal(come(world, ""), 0);
	pause_for(world, 50);
	heir_close(world->heir);
	world->heir = NULL;
	pause_for(world, 50);
	assert_int_equal(world->yields + world->gone, 0);
	assert_int_equal(access(world->path, F_OK), 0);
}

static int dial(const struct world *world)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(name.sun_path, world->path, sizeof(world->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Words that nobody knows are left alone, and so is "taken" of who was not yielded to. */
static void unknown_words(void **state)
{
	static const char *const words[] = { "taken", "ready-or-not", "yielded", " ",
					     "readyfirst" };
	struct world *world = *state;
	char long_one[2 * PACKET_MAX];
	int fd;

	serve(world, "", "");
	fd = dial(world);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_int_equal(send(fd, words[i], strlen(words[i]), 0), strlen(words[i]));
	memset(long_one, 'x', sizeof(long_one));
	assert_int_equal(send(fd, long_one, sizeof(long_one), 0), sizeof(long_one));
	pause_for(world, 50);
	assert_int_equal(world->yields + world->taken, 0);
	assert_int_equal(send(fd, "ready", 5, 0), 5);
	pause_for(world, 50);
	assert_int_equal(world->yields, 1);
	close(fd);
	loop_run(world->loop);
	assert_int_equal(world->gone, 1);
}

static void on_empty(void *arg)
{
	struct world *world = arg;

	assert_int_equal(world->gone, 0);
	world->empty = true;
}

/* The kernel closes a process's descriptors one after the other: the lock may come last. */
static void what_it_held_is_free(void **state)
{
	struct world *world = *state;
	struct loop_timer *timer;
	int fd;

	serve(world, "", "");
	fd = dial(world);
	assert_int_equal(send(fd, "ready", 5, 0), 5);
	pause_for(world, 50);
	assert_int_equal(world->yields, 1);
	close(fd);
	timer = loop_timer_add(world->loop, 30, 0, on_empty, world);
	loop_run(world->loop);
	assert_true(world->empty);
	assert_int_equal(world->gone, 1);
	loop_timer_remove(timer);
}

/* One is yielded to; the others look for the next one. */
static void more_callers(void **state)
{
	struct world *world = *state;
	char byte[32];
	int fds[5];

	serve(world, "", "");
	for (size_t i = 0; i < 5; i++)
		fds[i] = dial(world);
	pause_for(world, 50);
	assert_int_equal(send(fds[0], "ready", 5, 0), 5);
	assert_int_equal(send(fds[1], "ready", 5, 0), 5);
	pause_for(world, 50);
	assert_int_equal(world->yields, 1);
	assert_int_equal(recv(fds[0], byte, sizeof(byte), 0), strlen(PACKET_SERVING));
	assert_int_equal(recv(fds[0], byte, sizeof(byte), 0), strlen(PACKET_YIELDED));
	for (size_t i = 1; i < 5; i++) {
		while (recv(fds[i], byte, sizeof(byte), 0) > 0)
			;
		close(fds[i]);
	}
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_serves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hand_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pipe_for_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_way_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_dies_before_it_asks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unknown_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_it_held_is_free, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_callers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
