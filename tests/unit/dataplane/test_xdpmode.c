/* SPDX-License-Identifier: Apache-2.0 */
/* --xdp: where native XDP is attached, and what is said where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/xdpmode.h"

static const struct xdpmode_facts good = {
	.driver = "mlx5_core",
	.mtu = 1500,
	.queues = 8,
	.cpus = 8,
};

static void auto_takes_real_nics(void **state)
{
	(void)state;
	assert_null(xdpmode_decide(XDP_MODE_AUTO, &good));
}

static void auto_names_its_reason(void **state)
{
	struct xdpmode_facts facts[] = { good, good, good, good, good, good };
	const char *const words[] = { "virtual", "virtual", "driver", "VLAN", "MTU", "queues" };

	(void)state;
	snprintf(facts[0].driver, sizeof(facts[0].driver), "veth");
	snprintf(facts[1].driver, sizeof(facts[1].driver), "virtio_net");
	facts[2].driver[0] = '\0';
	facts[3].vlan = facts[3].strips_vlan = true;
	facts[4].mtu = 9000;
	facts[5].queues = 4;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		const char *why = xdpmode_decide(XDP_MODE_AUTO, &facts[i]);

		assert_non_null(why);
		assert_non_null(strstr(why, words[i]));
		/* The user may insist. */
		assert_null(xdpmode_decide(XDP_MODE_NATIVE, &facts[i]));
		assert_string_equal(xdpmode_decide(XDP_MODE_OFF, &facts[i]), "off");
	}
}

static void one_half_of_a_reason_is_none(void **state)
{
	struct xdpmode_facts facts = good;

	(void)state;
	facts.vlan = true;
	assert_null(xdpmode_decide(XDP_MODE_AUTO, &facts));
	facts.vlan = false;
	facts.strips_vlan = true;
	assert_null(xdpmode_decide(XDP_MODE_AUTO, &facts));
	facts.queues = 0; /* unknown */
	assert_null(xdpmode_decide(XDP_MODE_AUTO, &facts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_real_nics),
		cmocka_unit_test(auto_names_its_reason),
		cmocka_unit_test(one_half_of_a_reason_is_none),
	};

	return cmocka_run_group_tests_name("xdpmode", tests, NULL, NULL);
}
