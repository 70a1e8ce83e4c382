/* SPDX-License-Identifier: Apache-2.0 */
/* Where NodePorts are served, for each form of --nodeport-addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/nodeports.h"

struct row {
	const char *cidrs[2];
	bool primary; /* the word */
	/* 192.0.2.1, which is the first, 192.0.2.2, 2001:db8::1, which is the first, 2001:db8::2 */
	bool at[4];
	bool loopback4, loopback6;
};

static const struct row rows[] = {
	{ {}, false, { 1, 1, 1, 1 }, true, true },
	{ {}, true, { 1, 0, 1, 0 }, false, false },
	{ { "192.0.2.2/32" }, false, { 0, 1, 1, 1 }, false, true },
	{ { "192.0.2.2/32" }, true, { 1, 1, 1, 0 }, false, false },
	{ { "192.0.2.0/24", "2001:db8::2/128" }, false, { 1, 1, 0, 1 }, false, false },
	{ { "127.0.0.0/8", "::/0" }, false, { 0, 0, 1, 1 }, true, true },
	{ { "127.0.0.0/8", "::1/128" }, true, { 1, 0, 1, 0 }, true, true },
	{ { "0.0.0.0/0" }, false, { 1, 1, 1, 1 }, true, true },
};

static void serves(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1",
					     "2001:db8::2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cidr cidrs[2];
		struct dataplane_config config = {
			.nodeport_cidrs = cidrs,
			.nodeport_primary = rows[i].primary,
		};

		for (size_t n = 0; n < 2 && rows[i].cidrs[n]; n++)
			assert_int_equal(
				cidr_parse(rows[i].cidrs[n], &cidrs[config.n_nodeport_cidrs++]), 0);
		for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
			struct addr addr;

			assert_int_equal(addr_parse(texts[n], &addr), 0);
			assert_int_equal(nodeports_at(&config, &addr, n % 2 == 0), rows[i].at[n]);
		}
		assert_int_equal(nodeports_on_loopback(&config, 4), rows[i].loopback4);
		assert_int_equal(nodeports_on_loopback(&config, 6), rows[i].loopback6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(serves) };

	return cmocka_run_group_tests_name("nodeports", tests, NULL, NULL);
}
