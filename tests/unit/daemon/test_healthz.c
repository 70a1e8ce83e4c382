/* SPDX-License-Identifier: Apache-2.0 */
/* /healthz and /livez in every state, and a port that is somebody else's for a while. */
#include "probe.h"

#include <errno.h>

#include "base/log.h"
#include "daemon/healthz.h"

static struct healthz_state now;

static void look(void *arg, struct healthz_state *ret_state)
{
	(void)arg;
	*ret_state = now;
}

static char *listen_text(const char *host, uint16_t port)
{
	return mem_printf("%s:%u", host, port);
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void check(struct loop *loop, uint16_t port, const char *path, int status, const char *part)
{
	_cleanup_(mem_freep) char *answer = probe_get(loop, "127.0.0.1", port, path);
	_cleanup_(mem_freep) char *line = mem_printf("HTTP/1.1 %d ", status);

	assert_non_null(answer);
	assert_memory_equal(answer, line, strlen(line));
	assert_true(has(answer, part));
}

/* The node's rule is /healthz's alone; "lastUpdated" is now as long as all is well. */
static void test_states(void **state)
{
	uint16_t port = probe_free_port();
	_cleanup_(mem_freep) char *listen = listen_text("[::]", port);
	struct loop *loop = loop_new();
	struct healthz *healthz = healthz_open(loop, listen, look, NULL);
	struct healthz_counts counts;

	(void)state;
	assert_int_equal(healthz_error(healthz), 0);
	now = (struct healthz_state){ true, true, true, 1795356034000001 };
	check(loop, port, "/healthz", 200, "\"nodeEligible\":true,\"healthy\":true,\"status\":{");
	check(loop, port, "/healthz", 200,
	      "\"IPv6\":{\"lastUpdated\":\"2026-11-22T14:00:34.000001Z\",\"healthy\":true}}}");
	check(loop, port, "/livez", 200, "Z\",\"healthy\":true,\"status\":{\"IPv4\":{");
	check(loop, port, "/readyz", 200, "\"nodeEligible\":true,");
	/* No reason to lead clients elsewhere, nor to end narud. */
	now.fresh = false;
	check(loop, port, "/readyz", 503, "\"nodeEligible\":true,");
	check(loop, port, "/healthz", 200, "");
	check(loop, port, "/livez", 200, "");
	now.fresh = true;
	now.eligible = false;
	check(loop, port, "/readyz", 503, "\"nodeEligible\":false,\"healthy\":true,");
	check(loop, port, "/healthz", 503, "\"nodeEligible\":false,\"healthy\":true,");
	check(loop, port, "/livez", 200, "\"lastUpdated\":\"20");
	now.healthy = false;
	check(loop, port, "/livez", 503, "\"healthy\":false}}}");
	check(loop, port, "/livez", 503, "\"lastUpdated\":\"2026-11-22T14:00:34.000001Z\"");
	now.eligible = true;
	check(loop, port, "/healthz", 503, "\"lastUpdated\":\"2026-11-22T14:00:34.000001Z\"");
	check(loop, port, "/metrics", 404, "");
	/* Nothing was in force yet. */
	now.updated_us = 0;
	check(loop, port, "/livez", 503, "\"healthy\":false}");
	counts = healthz_count(healthz);
	assert_int_equal(counts.healthz_200, 3);
	assert_int_equal(counts.healthz_503, 2);
	assert_int_equal(counts.livez_200, 3);
	assert_int_equal(counts.livez_503, 3);
	healthz_close(healthz);
	loop_free(loop);
}

static void on_second(void *arg)
{
	loop_stop(arg);
}

/* As where kube-proxy still runs. */
static void test_taken_port(void **state)
{
	uint16_t port = probe_free_port();
	_cleanup_(mem_freep) char *listen = listen_text("127.0.0.1", port);
	struct loop *loop = loop_new();
	struct healthz *first = healthz_open(loop, listen, look, NULL);
	struct healthz *second = healthz_open(loop, listen, look, NULL);
	struct loop_timer *timer = loop_timer_add(loop, 20, 20, on_second, loop);

	(void)state;
	assert_int_equal(healthz_error(first), 0);
	assert_int_equal(healthz_error(second), -EADDRINUSE);
	healthz_close(first);
	while (healthz_error(second))
		loop_run(loop);
	loop_timer_remove(timer);
	now = (struct healthz_state){ true, true, true, 1 };
	check(loop, port, "/healthz", 200, "");
	healthz_close(second);
	loop_free(loop);
}

static void test_nobody(void **state)
{
	(void)state;
	assert_int_equal(healthz_error(NULL), 0);
	assert_int_equal(healthz_count(NULL).livez_503, 0);
	healthz_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_taken_port),
		cmocka_unit_test(test_nobody),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, probe_alone, NULL);
}
