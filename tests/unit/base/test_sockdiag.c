/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the kernel's list against sockets made here. */
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
#include "base/sockdiag.h"

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* A listener at a free port. IPv6 sockets take IPv4 as well unless v6only. */
static int listen_on(const char *text, bool v6only, uint16_t *ret_port)
{
	bool v4 = !strchr(text, ':');
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in name4 = { .sin_family = AF_INET };
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), only = v6only;
	socklen_t len = v4 ? sizeof(name4) : sizeof(name6);
	struct sockaddr *name = v4 ? (struct sockaddr *)&name4 : (struct sockaddr *)&name6;

	assert_true(fd >= 0);
	inet_pton(v4 ? AF_INET : AF_INET6, text,
		  v4 ? (void *)&name4.sin_addr : (void *)&name6.sin6_addr);
	if (!v4)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
	assert_int_equal(bind(fd, name, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, name, &len), 0);
	*ret_port = ntohs(v4 ? name4.sin_port : name6.sin6_port);
	return fd;
}

/* The one entry of a port. */
static struct sockdiag_listener entry_of(uint16_t port)
{
	_cleanup_(mem_freep) struct sockdiag_listener *all = NULL;
	struct sockdiag_listener found = {};
	size_t n = 0, seen = 0;

	assert_int_equal(sockdiag_listeners(&all, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (all[i].port == port) {
			found = all[i];
			seen++;
		}
	}
	assert_int_equal(seen, 1);
	return found;
}

static void test_listeners(void **state)
{
	static const struct {
		const char *bind, *shown;
		bool v6only, any4, any6;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", false, false, false },
		{ "0.0.0.0", NULL, false, true, false },
		{ "::", NULL, false, true, true },
		{ "::", NULL, true, false, true },
		{ "::1", "::1", false, false, false },
		{ "::ffff:127.0.0.1", "127.0.0.1", false, false, false },
		{ "::ffff:0.0.0.0", NULL, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t port;
		int fd = listen_on(rows[i].bind, rows[i].v6only, &port);
		struct sockdiag_listener is = entry_of(port);
		uint64_t cookie = 0;
		socklen_t len = sizeof(cookie);

		assert_int_equal(is.any4, rows[i].any4);
		assert_int_equal(is.any6, rows[i].any6);
		if (rows[i].shown) {
			struct addr shown = addr_of(rows[i].shown);

			assert_int_equal(addr_compare(&is.addr, &shown), 0);
		}
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
		assert_true(is.cookie == cookie);
		close(fd);
	}
}

static int dial(const char *text, uint16_t port)
{
	bool v4 = !strchr(text, ':');
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(v4 ? AF_INET : AF_INET6, text,
		  v4 ? (void *)&name4.sin_addr : (void *)&name6.sin6_addr);
	assert_int_equal(connect(fd, v4 ? (struct sockaddr *)&name4 : (struct sockaddr *)&name6,
				 v4 ? sizeof(name4) : sizeof(name6)),
			 0);
	return fd;
}

/* The kernel's last words to itself may take a moment. */
static bool ends(const struct addr *addr)
{
	for (int i = 0; i < 100 && sockdiag_connected(addr) == 1; i++)
		usleep(20000);
	return !sockdiag_connected(addr);
}

/* Addresses that nobody else of the machine uses. */
static void test_connected(void **state)
{
	const struct addr addr = addr_of("127.77.0.1"), other = addr_of("127.77.0.2");
	uint16_t port;
	int listener = listen_on("::", false, &port), fd, accepted;

	(void)state;
	assert_int_equal(sockdiag_connected(&addr), 0);
	fd = dial("127.77.0.1", port);
	/* Not accepted yet, and one of an IPv6 socket. */
	assert_int_equal(sockdiag_connected(&addr), 1);
	assert_int_equal(sockdiag_connected(&other), 0);
	accepted = accept(listener, NULL, NULL);
	close(fd);
	/* One end is open: the other side's going does not close it. */
	assert_int_equal(sockdiag_connected(&addr), 1);
	close(accepted);
	/* What is left waits for old segments only. */
	assert_true(ends(&addr));
	/* Closed here first: the client may take as long as it likes. */
	fd = dial("127.77.0.1", port);
	accepted = accept(listener, NULL, NULL);
	close(accepted);
	assert_true(ends(&addr));
	close(fd);
	close(listener);
}

static void test_connected6(void **state)
{
	const struct addr other = addr_of("2001:db8::77"), v4 = addr_of("127.77.0.6");
	uint16_t port;
	int listener = listen_on("::1", true, &port), fd = dial("::1", port);
	const struct addr addr = addr_of("::1");

	(void)state;
	assert_int_equal(sockdiag_connected(&addr), 1);
	assert_int_equal(sockdiag_connected(&other), 0);
	assert_int_equal(sockdiag_connected(&v4), 0);
	close(fd);
	close(listener);
}

/* A datagram socket with a peer, by its cookie. */
struct sought {
	uint64_t cookie;
	struct sockdiag_datagram socket;
	size_t seen;
};

static void seek(void *arg, const struct sockdiag_datagram *socket)
{
	struct sought *sought = arg;

	if (socket->cookie != sought->cookie)
		return;
	sought->socket = *socket;
	sought->seen++;
}

/* Is listed with its peer in one form for both families; an abort needs a right that tests may not
 * have, and then leaves it as it is. */
static void test_datagrams(void **state)
{
	static const struct {
		const char *peer, *shown;
		int family;
	} rows[] = {
		{ "127.77.0.9", "127.77.0.9", AF_INET },
		{ "::1", "::1", AF_INET6 },
		{ "::ffff:127.77.0.9", "127.77.0.9", AF_INET6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = htons(4077) };
		struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons(4077) };
		bool v4 = rows[i].family == AF_INET;
		struct sockaddr *name = v4 ? (struct sockaddr *)&name4 : (struct sockaddr *)&name6;
		socklen_t len = v4 ? sizeof(name4) : sizeof(name6), cookie_len = sizeof(uint64_t);
		int fd = socket(rows[i].family, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;
		struct addr peer = addr_of(rows[i].shown);
		struct sockdiag_datagram two[2] = {};
		struct sought sought = {};

		inet_pton(rows[i].family, rows[i].peer,
			  v4 ? (void *)&name4.sin_addr : (void *)&name6.sin6_addr);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &sought.cookie, &cookie_len),
				 0);
		assert_int_equal(sockdiag_datagrams(seek, &sought), 0);
		assert_int_equal(sought.seen, 0);
		assert_int_equal(connect(fd, name, len), 0);
		assert_int_equal(sockdiag_datagrams(seek, &sought), 0);
		assert_int_equal(sought.seen, 1);
		assert_int_equal(addr_compare(&sought.socket.peer, &peer), 0);
		assert_int_equal(sought.socket.peer_port, 4077);
		/* The first of the two has gone. */
		two[0].family = sought.socket.family;
		two[1] = sought.socket;
		r = sockdiag_abort(two, 2);
		assert_true(r == -EPERM || r == sockdiag_probe_abort());
		assert_int_equal(recv(fd, &peer, sizeof(peer), MSG_DONTWAIT), -1);
		assert_int_equal(errno, r ? EAGAIN : ECONNABORTED);
		assert_int_equal(getpeername(fd, name, &len), r ? 0 : -1);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_connected6),
		cmocka_unit_test(test_datagrams),
	};

	return cmocka_run_group_tests_name("sockdiag", tests, NULL, NULL);
}
