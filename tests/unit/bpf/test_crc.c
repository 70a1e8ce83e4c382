/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/lib/crc.h against sums computed from scratch, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/crc.h"

static uint32_t plain(const uint8_t *data, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* RFC 3720, B.4 and the catalogue's check value: the yardstick itself. */
static void yardstick(void **state)
{
	static const uint8_t zeros[32];

	(void)state;
	assert_int_equal(plain((const uint8_t *)"123456789", 9), 0xe3069283);
	assert_int_equal(plain(zeros, sizeof(zeros)), 0x8a9136aa);
}

static void every_length(void **state)
{
	static uint8_t data[UINT16_MAX];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = seed >> 16;
	}
	for (uint32_t len = 4; len <= UINT16_MAX; len += len < 3000 ? 1 : 4001) {
		uint32_t before = plain(data, len), diff = 0xa1b2c3d4 * len, change;

		for (int i = 0; i < 4; i++)
			data[i] ^= diff >> 8 * i;
		change = crc_change(diff, (uint16_t)len);
		if ((before ^ change) != plain(data, len))
			fail_msg("wrong for %u bytes", len);
	}
}

static void no_change(void **state)
{
	(void)state;
	assert_int_equal(crc_change(0, 1500), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yardstick),
		cmocka_unit_test(every_length),
		cmocka_unit_test(no_change),
	};

	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
