/* SPDX-License-Identifier: Apache-2.0 */
/* Servers of healthCheckNodePorts: what they answer, that they follow the plan, and what happens
 * when a port is taken. */
#include "probe.h"

#include "base/log.h"
#include "daemon/health.h"

struct world {
	struct loop *loop;
	struct health *health;
	bool serves;
	const char *only; /* the address that NodePorts are served at; NULL: all */
	unsigned changes;
	struct plan_health rows[2];
	struct plan plan;
};

static bool serves(void *arg, const char *namespace, const char *name)
{
	assert_string_equal(namespace, "shop");
	assert_non_null(name);
	return ((struct world *)arg)->serves;
}

static void changed(void *arg)
{
	struct world *w = arg;

	w->changes++;
	loop_stop(w->loop);
}

static bool serves_at(void *arg, const struct addr *local)
{
	const struct world *w = arg;
	char text[ADDR_STR_LEN];

	return !w->only || !strcmp(addr_format(local, text), w->only);
}

static void open_world(struct world *w, const char *only)
{
	*w = (struct world){ .loop = loop_new(), .serves = true, .only = only };
	w->health = health_new(&(const struct health_config){
		.loop = w->loop,
		.serves = serves,
		.serves_at = serves_at,
		.changed = changed,
		.arg = w,
	});
	w->rows[0] = (struct plan_health){ (char *)"shop", (char *)"a", probe_free_port(), 2 };
	w->plan.healths = w->rows;
}

static void apply(struct world *w, size_t n)
{
	w->plan.n_healths = n;
	health_apply(w->health, &w->plan);
}

static void close_world(struct world *w)
{
	health_free(w->health);
	loop_free(w->loop);
}

static void assert_answer(struct world *w, const char *host, const char *head, const char *weight,
			  const char *body)
{
	_cleanup_(mem_freep) char *answer = probe_get(w->loop, host, w->rows[0].port, "/any");

	assert_non_null(answer);
	assert_memory_equal(answer, head, strlen(head));
	assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(answer, weight));
	assert_string_equal(strstr(answer, "\r\n\r\n") + 4, body);
}

#define BODY(n, healthy)                                                                           \
	"{\"service\":{\"namespace\":\"shop\",\"name\":\"a\"},\"localEndpoints\":" n               \
	",\"serviceProxyHealthy\":" healthy "}"
#define WEIGHT "\r\nX-Load-Balancing-Endpoint-Weight: "

/* 200 exactly while there are endpoints here and what serves them is in order. */
static void test_answers(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	struct world w;

	(void)state;
	open_world(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		w.rows[0].local_ready = 2;
		apply(&w, 1);
		assert_answer(&w, hosts[i], "HTTP/1.1 200 OK\r\n", WEIGHT "2\r\n",
			      BODY("2", "true"));
		w.serves = false;
		assert_answer(&w, hosts[i], "HTTP/1.1 503 ", WEIGHT "2\r\n", BODY("2", "false"));
		w.serves = true;
		w.rows[0].local_ready = 0;
		apply(&w, 1);
		assert_answer(&w, hosts[i], "HTTP/1.1 503 ", WEIGHT "0\r\n", BODY("0", "true"));
	}
	assert_int_equal(health_diags(w.health)->n, 0);
	close_world(&w);
}

/* A port comes, moves to another Service, and goes. */
static void test_follows_the_plan(void **state)
{
	struct world w;
	uint16_t port;

	(void)state;
	open_world(&w, NULL);
	port = w.rows[0].port;
	assert_int_equal(probe_dial("127.0.0.1", port), -1);
	apply(&w, 1);
	close(probe_dial("127.0.0.1", port));
	w.rows[1] = (struct plan_health){ (char *)"shop", (char *)"b", port, 1 };
	w.rows[0].port = probe_free_port();
	apply(&w, 2);
	assert_int_equal(health_diags(w.health)->n, 0);
	{
		_cleanup_(mem_freep) char *answer = probe_get(w.loop, "::1", port, "/");

		assert_non_null(strstr(answer, "\"name\":\"b\""));
	}
	close(probe_dial("127.0.0.1", w.rows[0].port));
	apply(&w, 0);
	assert_int_equal(probe_dial("127.0.0.1", port), -1);
	assert_int_equal(probe_dial("::1", w.rows[0].port), -1);
	close_world(&w);
}

/* A taken port is said of its Service, harms no other, and is had as soon as it is free. */
static void test_taken_port(void **state)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	const struct diag_list *diags;
	struct world w;

	(void)state;
	open_world(&w, NULL);
	name.sin6_port = htons(w.rows[0].port);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 1), 0);
	w.rows[1] = (struct plan_health){ (char *)"shop", (char *)"b", probe_free_port(), 1 };
	apply(&w, 2);
	diags = health_diags(w.health);
	assert_int_equal(diags->n, 1);
	assert_string_equal(diags->items[0].object, "Service shop/a");
	assert_string_equal(diags->items[0].field, "spec.healthCheckNodePort");
	assert_non_null(strstr(diags->items[0].reason, "Address already in use"));
	close(probe_dial("127.0.0.1", w.rows[1].port));
	close(fd);
	loop_run(w.loop);
	assert_int_equal(w.changes, 1);
	assert_int_equal(health_diags(w.health)->n, 0);
	assert_answer(&w, "127.0.0.1", "HTTP/1.1 200 OK\r\n", WEIGHT "2\r\n", BODY("2", "true"));
	close_world(&w);
}

/* Not where NodePorts are not served: the connection is closed without an answer. */
static void test_addresses(void **state)
{
	static const char *const others[] = { "127.0.0.1", "::1" };
	struct world w;

	(void)state;
	open_world(&w, "127.0.0.2");
	apply(&w, 1);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_(mem_freep) char *answer =
			probe_get(w.loop, others[i], w.rows[0].port, "/");

		assert_string_equal(answer, "");
	}
	assert_answer(&w, "127.0.0.2", "HTTP/1.1 200 OK\r\n", WEIGHT "2\r\n", BODY("2", "true"));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_follows_the_plan),
		cmocka_unit_test(test_taken_port),
		cmocka_unit_test(test_addresses),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, probe_alone, NULL);
}
