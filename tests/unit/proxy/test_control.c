/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's main thread between a real feed, in this process, and a stand-in for the threads, in
 * a child, which writes down what it is told.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "feed/feed.h"
#include "http/tls.h"
#include "proxy/control.h"
#include "proxy/proxy.h"
#include "proxy/sandbox.h"

/* ---- the stand-in -------------------------------------------------------------------------- */

static int notes = -1; /* where it writes */
static bool never_drains;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(notes, format, args);
	va_end(args);
}

struct proxy {
	int event;
	uint64_t generation;
	bool draining;
};

int sandbox_leave_files(void)
{
	note("files\n");
	return 0;
}

int sandbox_enter(void)
{
	note("sandbox\n");
	return 0;
}

int tls_cert_new(const char *chain, const struct secret_bytes *key, struct tls_cert **ret_cert,
		 const char **ret_reason)
{
	(void)ret_reason;
	note("key %s %s\n", chain, key->data);
	*ret_cert = mem_new(1);
	return 0;
}

struct tls_cert *tls_cert_ref(struct tls_cert *cert)
{
	return cert;
}

void tls_cert_unref(struct tls_cert *cert)
{
	note("unref\n");
	free(cert);
}

int proxy_start(const struct proxy_config *config, struct proxy **ret_proxy)
{
	struct proxy *proxy = mem_new(sizeof(*proxy));

	proxy->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (config->access_log >= 0)
		note("start %u %u %c\n", config->threads, config->drain_ms,
		     fcntl(config->access_log, F_GETFD) == FD_CLOEXEC ? 'l' : '?');
	else
		note("start %u %u\n", config->threads, config->drain_ms);
	*ret_proxy = proxy;
	return 0;
}

void proxy_stop(struct proxy *proxy)
{
	note("stop\n");
	close(proxy->event);
	free(proxy);
}

int proxy_listen(struct proxy *proxy, uint32_t id, int worker, int fd)
{
	(void)proxy;
	(void)id;
	note("listen %d\n", worker);
	close(fd);
	return 0;
}

void proxy_unlisten(struct proxy *proxy, uint32_t id)
{
	(void)proxy;
	(void)id;
	note("unlisten\n");
}

static void wake(const struct proxy *proxy)
{
	uint64_t one = 1;

	assert(write(proxy->event, &one, sizeof(one)) == sizeof(one));
}

int proxy_apply(struct proxy *proxy, struct plan_l7 *l7, uint64_t generation, table_cert_fn certs,
		void *certs_arg, char **ret_error)
{
	size_t found = 0, n = l7->n_binds;

	for (size_t i = 0; i < l7->n_certs; i++)
		found += certs(certs_arg, &l7->certs[i]) != NULL;
	l7_fini(l7);
	note("apply %zu %zu\n", n, found);
	if (!n) {
		*ret_error = mem_strdup("nothing to do");
		return -EINVAL;
	}
	proxy->generation = generation;
	wake(proxy);
	return 0;
}

int proxy_fd(const struct proxy *proxy)
{
	return proxy->event;
}

void proxy_process(struct proxy *proxy)
{
	uint64_t n;

	(void)!read(proxy->event, &n, sizeof(n));
}

uint64_t proxy_generation(const struct proxy *proxy)
{
	return proxy->generation;
}

void proxy_drain(struct proxy *proxy)
{
	note("drain\n");
	proxy->draining = true;
	wake(proxy);
}

bool proxy_drained(const struct proxy *proxy)
{
	return proxy->draining && !never_drains;
}

void proxy_report(const struct proxy *proxy, struct report *ret_report)
{
	*ret_report = (struct report){ .generation = proxy->generation, .accepted = 17 };
}

/* ---- narud --------------------------------------------------------------------------------- */

struct world {
	struct loop *loop;
	struct feed *feed;
	struct feed_config config;
	char dir[32];
	int notes[2];
	char text[4096]; /* what has been noted */
	size_t len;
	const char *wanted;
	pid_t pid;
	bool done, timed_out;
	struct plan_bind bind;
	struct plan_cert cert;
	struct plan_l7 l7;
};

static bool on_start(void *arg)
{
	struct world *world = arg;

	world->pid = fork();
	if (!world->pid) {
		const struct control_config config = { world->dir, "1.0" };

		notes = world->notes[1];
		_exit(control_run(&config) < 0);
	}
	feed_started(world->feed, world->pid);
	return true;
}

static void on_kill(void *arg, pid_t pid)
{
	(void)arg;
	kill(pid, SIGKILL);
}

static bool on_find_key(void *arg, const struct plan_cert *cert, const char **ret_chain,
			const struct secret_bytes **ret_key)
{
	static const struct secret_bytes key = { .data = (char *)"key", .len = 3 };

	(void)arg;
	(void)cert;
	*ret_chain = "chain";
	*ret_key = &key;
	return true;
}

static void on_sockets(void *arg, const int *fds, size_t n)
{
	(void)arg;
	(void)fds;
	(void)n;
}

static void on_changed(void *arg)
{
	(void)arg;
}

static void on_done(void *arg)
{
	((struct world *)arg)->done = true;
}

static void open_feed(struct world *world)
{
	assert_int_equal(feed_open(&world->config, &world->feed), 0);
}

static struct world *make(void)
{
	static uint32_t first = 0;
	static struct plan_listener listener = { .name = (char *)"shop/edge/http",
						 .hostname = (char *)"" };
	struct world *world = mem_new(sizeof(*world));

	strcpy(world->dir, "/tmp/naru-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	assert_int_equal(pipe2(world->notes, O_CLOEXEC | O_NONBLOCK), 0);
	world->loop = loop_new();
	world->bind = (struct plan_bind){ .port = 80, .listeners = &first, .n_listeners = 1 };
	world->cert = (struct plan_cert){ .name = (char *)"shop/cert", .fingerprint = { 1 } };
	world->l7 = (struct plan_l7){ .binds = &world->bind,
				      .n_binds = 1,
				      .listeners = &listener,
				      .n_listeners = 1,
				      .certs = &world->cert };
	world->config = (struct feed_config){
		.loop = world->loop,
		.run_dir = world->dir,
		.version = "1.0",
		.threads = 2,
		.drain_ms = 5000,
		.access_log = -1,
		.steered = true,
		.uid = getuid(),
		.handlers = { on_start, on_kill, on_find_key, on_sockets, on_changed, world },
	};
	open_feed(world);
	return world;
}

static void read_notes(struct world *world)
{
	ssize_t n = read(world->notes[0], world->text + world->len,
			 sizeof(world->text) - 1 - world->len);

	if (n > 0)
		world->len += (size_t)n;
}

static bool is_current(const struct world *world)
{
	struct feed_status status;

	feed_status(world->feed, &status);
	return status.current;
}

static void on_poll(void *arg)
{
	struct world *world = arg;

	read_notes(world);
	if (world->wanted ? strstr(world->text, world->wanted) != NULL : is_current(world))
		loop_stop(world->loop);
}

static void on_timeout(void *arg)
{
	struct world *world = arg;

	world->timed_out = true;
	loop_stop(world->loop);
}

/* Until that has been noted; NULL: until the proxy serves the newest. */
static void run_until(struct world *world, const char *wanted)
{
	struct loop_timer *poll = loop_timer_add(world->loop, 0, 1, on_poll, world);
	struct loop_timer *timeout = loop_timer_add(world->loop, 20000, 0, on_timeout, world);

	world->wanted = wanted;
	loop_run(world->loop);
	loop_timer_remove(poll);
	loop_timer_remove(timeout);
	if (world->timed_out)
		print_error("%s", world->text);
	assert_false(world->timed_out);
}

static void forget(struct world *world)
{
	read_notes(world);
	memset(world->text, 0, sizeof(world->text));
	world->len = 0;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void unmake(struct world *world)
{
	feed_close(world->feed);
	loop_free(world->loop);
	close(world->notes[0]);
	close(world->notes[1]);
	rmdir(world->dir);
	mem_freep(&world);
}

static struct world *serving(void)
{
	struct world *world = make();

	feed_apply(world->feed, &world->l7, 1);
	run_until(world, NULL);
	run_until(world, "listen 1\n");
	return world;
}

static void it_does_what_narud_says(void **state)
{
	struct world *world = serving();

	(void)state;
	assert_string_equal(world->text,
			    "files\nstart 2 5000\nsandbox\napply 1 0\nlisten 0\nlisten 1\n");
	feed_kill(world->feed);
	wait_for(world->pid);
	unmake(world);
}

static void keys_serve_snapshots(void **state)
{
	struct world *world = serving();

	(void)state;
	forget(world);
	world->l7.n_certs = 1;
	feed_apply(world->feed, &world->l7, 2);
	run_until(world, NULL);
	assert_string_equal(world->text, "key chain key\napply 1 1\n");
	forget(world);
	world->l7.n_certs = 0;
	feed_apply(world->feed, &world->l7, 3);
	run_until(world, NULL);
	assert_string_equal(world->text, "unref\napply 1 0\n");
	feed_kill(world->feed);
	wait_for(world->pid);
	unmake(world);
}

static bool is_refused(const struct world *world)
{
	struct feed_status status;

	feed_status(world->feed, &status);
	return !strcmp(status.refusal, "nothing to do");
}

static void on_refusal_poll(void *arg)
{
	struct world *world = arg;

	if (is_refused(world))
		loop_stop(world->loop);
}

static void a_refusal_is_told(void **state)
{
	struct world *world = serving();
	struct loop_timer *poll = loop_timer_add(world->loop, 0, 1, on_refusal_poll, world);

	(void)state;
	world->l7.n_binds = 0;
	feed_apply(world->feed, &world->l7, 2);
	loop_run(world->loop);
	loop_timer_remove(poll);
	assert_false(is_current(world));
	feed_kill(world->feed);
	wait_for(world->pid);
	unmake(world);
}

static void it_outlives_narud(void **state)
{
	struct world *world = serving();
	pid_t pid = world->pid;

	(void)state;
	feed_close(world->feed);
	forget(world);
	open_feed(world);
	feed_apply(world->feed, &world->l7, 1);
	run_until(world, NULL);
	assert_string_equal(world->text, "apply 1 0\n");
	assert_int_equal(world->pid, pid);
	feed_kill(world->feed);
	wait_for(pid);
	unmake(world);
}

static void narud_drains_it(void **state)
{
	struct world *world = serving();
	int status;

	(void)state;
	forget(world);
	feed_drain(world->feed, on_done, world);
	run_until(world, "stop\n");
	assert_string_equal(world->text, "drain\nstop\n");
	status = wait_for(world->pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	unmake(world);
}

static void a_signal_drains_it_and_another_takes_over(void **state)
{
	struct world *world = serving();
	pid_t first = world->pid;
	int status;

	(void)state;
	forget(world);
	kill(first, SIGTERM);
	run_until(world, "listen 1\n");
	assert_int_not_equal(world->pid, first);
	status = wait_for(first);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	feed_kill(world->feed);
	wait_for(world->pid);
	unmake(world);
}

static void a_second_signal_does_not_wait(void **state)
{
	struct world *world;
	pid_t first;
	int status;

	(void)state;
	never_drains = true;
	world = serving();
	first = world->pid;
	forget(world);
	kill(first, SIGTERM);
	run_until(world, "listen 1\n");
	assert_non_null(strstr(world->text, "drain\n"));
	kill(first, SIGTERM);
	status = wait_for(first);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	never_drains = false;
	feed_kill(world->feed);
	wait_for(world->pid);
	unmake(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_what_narud_says),
		cmocka_unit_test(keys_serve_snapshots),
		cmocka_unit_test(a_refusal_is_told),
		cmocka_unit_test(it_outlives_narud),
		cmocka_unit_test(narud_drains_it),
		cmocka_unit_test(a_signal_drains_it_and_another_takes_over),
		cmocka_unit_test(a_second_signal_does_not_wait),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
