// SPDX-License-Identifier: Apache-2.0
/* Names to addresses, without a network: what /etc/hosts and the resolver itself know. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/io_resolve.h"

struct found {
	int calls, error;
	size_t n;
	struct addr addrs[IO_RESOLVE_MAX];
};

static void on_resolved(void *arg, const struct addr *addrs, size_t n, int error)
{
	struct found *found = arg;

	found->calls++;
	found->error = error;
	found->n = n;
	for (size_t i = 0; i < n; i++)
		found->addrs[i] = addrs[i];
}

static struct found resolve(const char *name)
{
	struct io *io = io_new();
	struct found found = { 0 };

	assert_non_null(io_resolve_start(io, name, on_resolved, &found));
	assert_int_equal(found.calls, 0);
	io_run(io);
	io_free(io);
	assert_int_equal(found.calls, 1);
	return found;
}

static void names_become_addresses(void **state)
{
	struct found found = resolve("localhost");

	(void)state;
	assert_int_equal(found.error, 0);
	assert_true(found.n > 0);
	for (size_t i = 0; i < found.n; i++)
		assert_true(addr_is_loopback(&found.addrs[i]));
}

/* No label is that long, so nobody is asked. */
static void what_is_no_name_fails(void **state)
{
	struct found found = resolve(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.");

	(void)state;
	assert_true(found.error < 0);
	assert_int_equal(found.n, 0);
}

static void nothing_comes_after_cancelling(void **state)
{
	struct io *io = io_new();
	struct found found = { 0 };

	(void)state;
	io_resolve_cancel(io_resolve_start(io, "localhost", on_resolved, &found));
	io_resolve_cancel(NULL);
	io_free(io);
	assert_int_equal(found.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(what_is_no_name_fails),
		cmocka_unit_test(nothing_comes_after_cancelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
