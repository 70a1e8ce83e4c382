/* SPDX-License-Identifier: Apache-2.0 */
/* Which sockets there are for a plan, and which of a proxy's are taken over. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "feed/sockets.h"

static struct addr address(const char *text)
{
	struct addr addr = { 0 };

	if (*text)
		assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	close(fd);
	return ntohs(name.sin6_port);
}

static bool can_connect(const char *text, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	inet_pton(AF_INET, text, &name.sin_addr);
	done = !connect(fd, (struct sockaddr *)&name, sizeof(name));
	close(fd);
	return done;
}

static struct plan_l7 plan_of(struct plan_bind *binds, size_t n)
{
	static uint32_t first = 0;
	static struct plan_listener listener = { .name = (char *)"shop/edge/http" };

	for (size_t i = 0; i < n; i++) {
		binds[i].listeners = &first;
		binds[i].n_listeners = 1;
	}
	return (struct plan_l7){
		.binds = binds, .n_binds = n, .listeners = &listener, .n_listeners = 1
	};
}

static void a_socket_for_each_worker(void **state)
{
	struct sockets sockets = { .next_id = 7 };
	int kept;

	(void)state;
	assert_int_equal(sockets_steer(&sockets, 3), 0);
	assert_int_equal(sockets.n, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sockets.items[i].worker, i);
		assert_true(sockets_has(&sockets, 7 + (uint32_t)i));
	}
	kept = sockets.items[0].fd;
	assert_int_equal(sockets_steer(&sockets, 1), 0);
	assert_int_equal(sockets.n, 1);
	assert_int_equal(sockets.items[0].fd, kept);
	assert_int_equal(sockets_steer(&sockets, 2), 0);
	assert_int_equal(sockets.items[1].id, 10);
	sockets_fini(&sockets);
}

static void a_socket_for_each_bind(void **state)
{
	struct plan_bind binds[] = { { .addr = address("127.0.0.1"), .port = free_port() },
				     { .addr = address("::1"), .port = free_port() } };
	struct plan_l7 l7 = plan_of(binds, 2);
	struct sockets sockets = { 0 };
	struct diag_list diags = { 0 };
	int kept;

	(void)state;
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(diags.n, 0);
	assert_int_equal(sockets.n, 2);
	assert_int_equal(sockets.items[1].worker, -1);
	assert_true(can_connect("127.0.0.1", binds[0].port));
	kept = sockets.items[0].fd;
	l7.n_binds = 1;
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(sockets.n, 1);
	assert_int_equal(sockets.items[0].fd, kept);
	l7.n_binds = 0;
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(sockets.n, 0);
	assert_false(can_connect("127.0.0.1", binds[0].port));
	sockets_fini(&sockets);
}

/* One socket of both families, for that address and all others. */
static void every_address_covers_the_others(void **state)
{
	uint16_t port = free_port();
	struct plan_bind binds[] = { { .port = port },
				     { .addr = address("127.0.0.1"), .port = port } };
	struct plan_l7 l7 = plan_of(binds, 2);
	struct sockets sockets = { 0 };
	struct diag_list diags = { 0 };

	(void)state;
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(diags.n, 0);
	assert_int_equal(sockets.n, 1);
	assert_true(can_connect("127.0.0.1", port));
	sockets_fini(&sockets);
}

static void what_cannot_be_bound_is_told_and_tried_again(void **state)
{
	struct plan_bind binds[] = { { .addr = address("127.0.0.1"), .port = free_port() },
				     { .addr = address("192.0.2.77"), .port = 8080 } };
	struct plan_l7 l7 = plan_of(binds, 2);
	struct sockets sockets = { 0 }, others = { 0 };
	struct diag_list diags = { 0 };

	(void)state;
	sockets_bind(&others, &l7, &diags);
	diag_fini(&diags);
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(sockets.n, 0);
	assert_int_equal(diags.n, 2);
	assert_string_equal(diags.items[0].object, "shop/edge/http");
	assert_non_null(strstr(diags.items[0].reason, "another program listens there"));
	assert_non_null(strstr(diags.items[1].reason, "192.0.2.77:8080"));
	assert_non_null(strstr(diags.items[1].reason, "no address of this machine"));
	diag_fini(&diags);
	sockets_fini(&others);
	sockets_bind(&sockets, &l7, &diags);
	assert_int_equal(sockets.n, 1);
	assert_int_equal(diags.n, 1);
	diag_fini(&diags);
	sockets_fini(&sockets);
}

/* What waits in its queue is still there. */
static void a_socket_is_taken_over_with_its_queue(void **state)
{
	struct plan_bind bind = { .addr = address("127.0.0.1"), .port = free_port() };
	struct plan_l7 l7 = plan_of(&bind, 1);
	struct sockets first = { .next_id = 5 }, second = { 0 };
	struct diag_list diags = { 0 };
	int fd;

	(void)state;
	sockets_bind(&first, &l7, &diags);
	assert_true(can_connect("127.0.0.1", bind.port));
	assert_true(sockets_adopt(&second, 5, -1, dup(first.items[0].fd)));
	sockets_fini(&first);
	sockets_bind(&second, &l7, &diags);
	assert_int_equal(diags.n, 0);
	assert_int_equal(second.n, 1);
	assert_int_equal(second.items[0].id, 5);
	assert_int_equal(second.next_id, 6);
	fd = accept(second.items[0].fd, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
	sockets_fini(&second);
}

static void what_is_no_use_is_not_taken_over(void **state)
{
	struct sockets sockets = { 0 }, others = { 0 };
	int pair[2], udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		     deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(sockets_steer(&sockets, 1), 0);
	assert_int_equal(sockets_steer(&others, 2), 0);
	/* For the same worker; under a known id; for no worker; no listening TCP sockets. */
	assert_false(sockets_adopt(&sockets, 9, 0, others.items[0].fd));
	assert_false(sockets_adopt(&sockets, 0, 1, others.items[1].fd));
	assert_false(sockets_adopt(&sockets, 9, -2, others.items[1].fd));
	assert_false(sockets_adopt(&sockets, 9, 1, udp));
	assert_false(sockets_adopt(&sockets, 9, 1, deaf));
	assert_false(sockets_adopt(&sockets, 9, 1, pair[0]));
	assert_int_equal(sockets.n, 1);
	close(udp);
	close(deaf);
	close(pair[0]);
	close(pair[1]);
	sockets_fini(&others);
	sockets_fini(&sockets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_for_each_worker),
		cmocka_unit_test(a_socket_for_each_bind),
		cmocka_unit_test(every_address_covers_the_others),
		cmocka_unit_test(what_cannot_be_bound_is_told_and_tried_again),
		cmocka_unit_test(a_socket_is_taken_over_with_its_queue),
		cmocka_unit_test(what_is_no_use_is_not_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
