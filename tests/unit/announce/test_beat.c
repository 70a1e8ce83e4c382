/* SPDX-License-Identifier: Apache-2.0 */
/* Beats come back as they went, and no bytes at all are read beyond their end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "announce/beat.h"
#include "base/mem.h"

static struct beat sample(void)
{
	struct beat beat = { .name = "node-1", .ready = true, .n_heard = 2 };

	beat.heard[0] = 0xdeadbeef;
	beat.heard[1] = 7;
	return beat;
}

/* The format is a promise to other versions. */
static void test_bytes(void **state)
{
	static const uint8_t want[] = { 'n', 'a', 'r', 'u', 1,	  1,	0,    6,    0, 2, 'n', 'o',
					'd', 'e', '-', '1', 0xde, 0xad, 0xbe, 0xef, 0, 0, 0,   7 };
	const struct beat beat = sample();
	uint8_t buf[BEAT_MAX];

	(void)state;
	assert_int_equal(beat_encode(&beat, buf), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void test_round_trip(void **state)
{
	struct beat out = { .ends = true, .proxyless = true, .n_heard = BEAT_HEARD_MAX }, in;
	uint8_t buf[BEAT_MAX];

	(void)state;
	memset(out.name, 'x', BEAT_NAME_MAX);
	for (uint32_t i = 0; i < BEAT_HEARD_MAX; i++)
		out.heard[i] = i * 0x01010101;
	assert_int_equal(beat_encode(&out, buf), BEAT_MAX);
	assert_int_equal(beat_decode(buf, BEAT_MAX, &in), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_true(beat_hears(&in, 0x01010101));
	assert_false(beat_hears(&in, 0x01010102));
	in.crowded = true;
	assert_true(beat_hears(&in, 0x01010102));
}

/* From memory of exactly that size, so that a sanitizer sees a byte too many. */
static int decode_part(const uint8_t *from, size_t len)
{
	_cleanup_(mem_freep) uint8_t *copy = mem_array(len ? len : 1, 1);
	struct beat beat;

	memcpy(copy, from, len);
	return beat_decode(copy, len, &beat);
}

static void test_hostile(void **state)
{
	const struct beat beat = sample();
	uint8_t buf[BEAT_MAX], bad[BEAT_MAX];
	size_t len = beat_encode(&beat, buf);
	static const struct {
		size_t at;
		uint8_t value;
		int r;
	} rows[] = {
		{ 0, 'N', -EBADMSG },
		{ 4, 2, -EPROTONOSUPPORT },
		{ 4, 0, -EPROTONOSUPPORT },
		{ 7, 0, -EBADMSG },
		{ 6, 1, -EBADMSG },
		{ 7, 255, -EBADMSG },
		{ 8, 1, -EBADMSG },
		{ 8, 255, -EBADMSG },
		{ 9, 3, -EBADMSG },
		{ 12, 0, -EBADMSG },
		{ 9, 1, 0 },
		{ 5, 0xff, 0 },
	};

	(void)state;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(decode_part(buf, i), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(bad, buf, len);
		bad[rows[i].at] = rows[i].value;
		assert_int_equal(decode_part(bad, len), rows[i].r);
	}
	/* A later version may say more. */
	memcpy(bad, buf, len);
	memset(bad + len, 0xff, 16);
	assert_int_equal(decode_part(bad, len + 16), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
