/* SPDX-License-Identifier: Apache-2.0 */
/* Announcements byte by byte, as the RFCs have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "announce/frame.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x11 };

/* RFC 5227, 3: sender and target are the address; padded to what Ethernet wants. */
static void test_arp(void **state)
{
	static const uint8_t want[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	 0,    0,    0,	   0,	 0x11, 0x08,
		0x06, 0,    1,	  8,	0,    6,    4,	 0,    1,    2,	   0,	 0,    0,
		0,    0x11, 203,  0,	113,  9,    0,	 0,    0,    0,	   0,	 0,    203,
		0,    113,  9,	  'n',	'a',  'r',  'u', 0x12, 0x34, 0x56, 0x78,
	};
	struct addr addr;
	uint8_t buf[FRAME_MAX];

	(void)state;
	assert_int_equal(addr_parse("203.0.113.9", &addr), 0);
	assert_int_equal(frame_announce(&addr, mac, 0x12345678, buf), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

/* RFC 4861, 4.4 and 7.2.6: to all nodes, override, not solicited; its own check sum is right. */
static void test_advertisement(void **state)
{
	static const uint8_t head[] = { 0x33, 0x33, 0,	  0,	0, 1, 2, 0, 0,	0,  0,
					0x11, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, 58, 255 };
	static const uint8_t tail[] = { 2, 1, 2, 0, 0, 0, 0, 0x11, 0xfd, 1, 'n', 'a', 0, 0, 0, 7 };
	struct addr addr;
	uint8_t buf[FRAME_MAX];
	uint32_t sum = 40 + 58;

	(void)state;
	assert_int_equal(addr_parse("2001:db8::9", &addr), 0);
	assert_int_equal(frame_announce(&addr, mac, 7, buf), 94);
	assert_memory_equal(buf, head, sizeof(head));
	assert_memory_equal(buf + 22, addr.byte, 16);
	assert_int_equal(buf[38], 0xff);
	assert_int_equal(buf[39], 2);
	assert_int_equal(buf[53], 1);
	assert_int_equal(buf[54], 136);
	assert_int_equal(buf[58], 0x20);
	assert_memory_equal(buf + 62, addr.byte, 16);
	assert_memory_equal(buf + 78, tail, sizeof(tail));
	for (size_t i = 22; i < 94; i += 2)
		sum += (uint32_t)buf[i] << 8 | buf[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_advertisement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
