/* SPDX-License-Identifier: Apache-2.0 */
/* What engines are told, byte by byte, and how their answers are cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bgp/render.h"

static size_t addrs_of(const char *const *texts, struct addr *ret_addrs)
{
	size_t n = 0;

	for (; texts[n]; n++)
		assert_int_equal(addr_parse(texts[n], &ret_addrs[n]), 0);
	return n;
}

static const char *const three[] = { "203.0.113.1", "203.0.113.20", "2001:db8::1", NULL };

static void test_bird(void **state)
{
	_cleanup_(str_fini) struct str out = { 0 }, none = { 0 };
	struct addr addrs[8];
	size_t n = addrs_of(three, addrs);

	(void)state;
	render_bird(addrs, n, &out);
	assert_string_equal(out.buf, "# Written by narud: what is changed here is lost.\n"
				     "protocol static naru4 {\n"
				     "\tipv4;\n"
				     "\troute 203.0.113.1/32 blackhole;\n"
				     "\troute 203.0.113.20/32 blackhole;\n"
				     "}\n"
				     "protocol static naru6 {\n"
				     "\tipv6;\n"
				     "\troute 2001:db8::1/128 blackhole;\n"
				     "}\n");
	render_bird(NULL, 0, &none);
	assert_string_equal(none.buf, "# Written by narud: what is changed here is lost.\n"
				      "protocol static naru4 {\n\tipv4;\n}\n"
				      "protocol static naru6 {\n\tipv6;\n}\n");
}

/* A configuration, and the lines that lead from there to three addresses; NULL: an error. */
struct step {
	const char *what, *config, *lines;
};

#define HEAD "frr version 8.4.4\r\n!\nhostname router bgp\n!\n"
#define ALL4                                                                                       \
	"network 203.0.113.1/32 route-map naru\nnetwork 203.0.113.20/32 route-map naru\n"          \
	"exit-address-family\n"
#define ALL6                                                                                       \
	"address-family ipv6 unicast\nnetwork 2001:db8::1/128 route-map naru\n"                    \
	"exit-address-family\n"

static const struct step steps[] = {
	{ "no router", HEAD "interface eth0\n network 1.2.3.4/32\nexit\n", NULL },
	{ "a router of a VRF", HEAD "router bgp 65001 vrf red\n bgp router-id 1.1.1.1\nexit\n",
	  NULL },
	{ "nothing yet", HEAD "router bgp 65001\n neighbor 10.0.0.2 remote-as 1\nexit\n",
	  "configure terminal\nroute-map naru permit 65535\nexit\nrouter bgp\n"
	  "address-family ipv4 unicast\n" ALL4 ALL6 "end\n" },
	{ "a map of the user's",
	  HEAD "router bgp 65001\nexit\n!\nroute-map naru permit 10\n set metric 5\nexit\n",
	  "configure terminal\nrouter bgp\naddress-family ipv4 unicast\n" ALL4 ALL6 "end\n" },
	{ "all there",
	  HEAD "router bgp 65001\n !\n address-family ipv4 unicast\n"
	       "  network 10.0.0.0/8\n"
	       "  network 203.0.113.1/32 route-map naru\n"
	       "  network 203.0.113.20/32 route-map naru\n exit-address-family\n !\n"
	       " address-family ipv6 unicast\n  network 2001:db8::1/128 route-map naru\n"
	       " exit-address-family\nexit\n!\nroute-map naru permit 65535\nexit\n",
	  "" },
	{ "some too many",
	  HEAD "router bgp 65001\n address-family ipv4 unicast\n"
	       "  network 198.51.100.9/32\n"
	       "  network 198.51.100.7/32 route-map naru\n"
	       "  network 198.51.100.8/32 route-map narud\n"
	       "  network 203.0.113.1/32 route-map naru\n"
	       "  network 203.0.113.20/32 route-map naru\n exit-address-family\n"
	       " address-family ipv6 unicast\n  network 2001:db8::1/128 route-map naru\n"
	       " exit-address-family\nexit\n!\n"
	       "router bgp 65002 vrf red\n address-family ipv4 unicast\n"
	       "  network 198.51.100.6/32 route-map naru\n exit-address-family\nexit\n"
	       "route-map naru permit 65535\nexit\n",
	  "configure terminal\nrouter bgp\naddress-family ipv4 unicast\n"
	  "no network 198.51.100.7/32 route-map naru\nexit-address-family\nend\n" },
	{ "garbage",
	  HEAD "router bgp 1\n  network \n  network /\n  network 1.2.3/32 route-map naru\n"
	       "  network 1.2.3.4/32 route-map naru\\nno router bgp\n\x01\xff\nroute-map naru p\n"
	       "router bgp 1\n  network 203.0.113.1/32 route-map naru\n"
	       "  network 203.0.113.20/32 route-map naru\n  network 2001:db8::1/128 route-map naru",
	  "" },
};

static void test_frr(void **state)
{
	struct addr addrs[8];
	size_t n = addrs_of(three, addrs);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_(str_fini) struct str out = { 0 };
		int r = render_frr(steps[i].config, addrs, n, &out);

		if (r != (steps[i].lines ? 0 : -ENOENT))
			fail_msg("%s: %d", steps[i].what, r);
		if (steps[i].lines && strcmp(out.len ? out.buf : "", steps[i].lines) != 0)
			fail_msg("%s:\n%s", steps[i].what, out.len ? out.buf : "");
	}
}

/* Answers come in pieces: nothing is taken before the end, which is told exactly. */
static void test_answers(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool frr, fine;
		const char *complaint;
	} rows[] = {
		{ "0001 BIRD 2.0.12 ready.\n", 24, false, true, "BIRD 2.0.12 ready." },
		{ "0002-Reading configuration from /etc/bird/bird.conf\n0003 Reconfigured\n", 70,
		  false, true, "Reconfigured" },
		{ "0002-Reading\n 0003 no\n8002 /etc/bird/naru.conf:1:1 syntax error\n", 64, false,
		  false, "/etc/bird/naru.conf:1:1 syntax error" },
		{ "9001 syntax error\n", 18, false, false, "syntax error" },
		{ "\0\0\0\0", 4, true, true, "" },
		{ "router bgp 1\n\0\0\0\0", 17, true, true, "router bgp 1" },
		{ "% Unknown\x01 command\n\0\0\0\2", 23, true, false, "% Unknown? command" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *text = render_complaint(rows[i].text, rows[i].len);
		bool fine = !rows[i].fine;

		for (size_t len = 0; len <= rows[i].len; len++) {
			size_t cut = rows[i].frr ? render_frr_answer(rows[i].text, len, &fine)
						 : render_bird_answer(rows[i].text, len, &fine);

			assert_int_equal(cut, len == rows[i].len ? len : 0);
		}
		assert_int_equal(fine, rows[i].fine);
		assert_string_equal(text, rows[i].complaint);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bird),
		cmocka_unit_test(test_frr),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
