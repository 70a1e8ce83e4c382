// SPDX-License-Identifier: Apache-2.0
/* Addresses to and from what the system calls take. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sockaddr.h"

static void both_families_go_there_and_back(void **state)
{
	static const struct {
		const char *text;
		sa_family_t family;
		socklen_t len;
	} rows[] = {
		{ "192.0.2.1", AF_INET, sizeof(struct sockaddr_in) },
		{ "0.0.0.0", AF_INET, sizeof(struct sockaddr_in) },
		{ "2001:db8::1", AF_INET6, sizeof(struct sockaddr_in6) },
		{ "::", AF_INET6, sizeof(struct sockaddr_in6) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_storage sockaddr;
		struct addr addr, back;
		uint16_t port = 0;

		assert_int_equal(addr_parse(rows[i].text, &addr), 0);
		assert_int_equal(sockaddr_from_addr(&addr, 8080, &sockaddr), rows[i].len);
		assert_int_equal(sockaddr.ss_family, rows[i].family);
		assert_int_equal(sockaddr_to_addr(&sockaddr, &back, &port), 0);
		assert_int_equal(addr_compare(&addr, &back), 0);
		assert_int_equal(port, 8080);
	}
}

/* As a dual-stack socket names an IPv4 peer. */
static void mapped_addresses_are_ipv4(void **state)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(1) };
	struct sockaddr_storage sockaddr = { 0 };
	struct addr addr, expected;
	uint16_t port;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &expected), 0);
	memcpy(&v6.sin6_addr, expected.byte, sizeof(expected.byte));
	memcpy(&sockaddr, &v6, sizeof(v6));
	assert_int_equal(sockaddr_to_addr(&sockaddr, &addr, &port), 0);
	assert_int_equal(addr_compare(&addr, &expected), 0);
	assert_int_equal(addr_family(&addr), 4);
}

static void other_families_have_no_address(void **state)
{
	struct sockaddr_storage sockaddr = { .ss_family = AF_UNIX };
	struct addr addr;
	uint16_t port;

	(void)state;
	assert_int_equal(sockaddr_to_addr(&sockaddr, &addr, &port), -EAFNOSUPPORT);
}

static void sockets_are_read(void **state)
{
	static const struct {
		const char *text, *addr;
		int r;
		uint16_t port;
	} rows[] = {
		{ "192.0.2.1:80", "192.0.2.1", 1, 80 },
		{ "[2001:db8::1]:65535", "2001:db8::1", 1, 65535 },
		{ "[192.0.2.1]:80", "192.0.2.1", 1, 80 },
		{ "192.0.2.1", "192.0.2.1", 0, 7 },
		{ "2001:db8::1", "2001:db8::1", 0, 7 },
		{ "::1:80", "::1:80", 0, 7 },
		{ "", NULL, -EINVAL, 0 },
		{ ":80", NULL, -EINVAL, 0 },
		{ "[::1", NULL, -EINVAL, 0 },
		{ "[::1]", NULL, -EINVAL, 0 },
		{ "[::1]80", NULL, -EINVAL, 0 },
		{ "[]:80", NULL, -EINVAL, 0 },
		{ "192.0.2.1:", NULL, -EINVAL, 0 },
		{ "192.0.2.1:0", NULL, -EINVAL, 0 },
		{ "192.0.2.1:65536", NULL, -EINVAL, 0 },
		{ "192.0.2.1:99999999999999999999", NULL, -EINVAL, 0 },
		{ "192.0.2.1:-1", NULL, -EINVAL, 0 },
		{ "192.0.2.1:80x", NULL, -EINVAL, 0 },
		{ "host:80", NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr addr, wanted;
		uint16_t port = 7;

		assert_int_equal(sockaddr_parse(rows[i].text, &addr, &port), rows[i].r);
		if (rows[i].r < 0)
			continue;
		assert_int_equal(addr_parse(rows[i].addr, &wanted), 0);
		assert_int_equal(addr_compare(&addr, &wanted), 0);
		assert_int_equal(port, rows[i].port);
	}
}

static void paths_must_fit(void **state)
{
	struct sockaddr_un name;
	char path[sizeof(name.sun_path) + 1] = "";

	(void)state;
	memset(path, 'a', sizeof(name.sun_path));
	assert_int_equal(sockaddr_from_path(path, &name), -ENAMETOOLONG);
	path[sizeof(name.sun_path) - 1] = '\0';
	assert_int_equal(sockaddr_from_path(path, &name), 0);
	assert_int_equal(name.sun_family, AF_UNIX);
	assert_string_equal(name.sun_path, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_go_there_and_back),
		cmocka_unit_test(mapped_addresses_are_ipv4),
		cmocka_unit_test(other_families_have_no_address),
		cmocka_unit_test(sockets_are_read),
		cmocka_unit_test(paths_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
