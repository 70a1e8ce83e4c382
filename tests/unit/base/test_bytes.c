/* SPDX-License-Identifier: Apache-2.0 */
/* What is put comes back; whatever is broken is bad from there on, and nothing is read beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"

static struct str sample(void)
{
	struct str out = { 0 };

	bytes_put_u8(&out, 0xfe);
	bytes_put_u16(&out, 0xfedc);
	bytes_put_u32(&out, 0xfedcba98);
	bytes_put_u64(&out, 0xfedcba9876543210);
	bytes_put_text(&out, "");
	bytes_put_text(&out, "river");
	bytes_put_data(&out, "1234", 4);
	bytes_put_data(&out, NULL, 0);
	return out;
}

static void everything_comes_back(void **state)
{
	_cleanup_(str_fini) struct str out = sample();
	struct bytes in = bytes_of(out.buf, out.len);
	char data[4];

	(void)state;
	assert_int_equal(bytes_get_u8(&in), 0xfe);
	assert_int_equal(bytes_get_u16(&in), 0xfedc);
	assert_int_equal(bytes_get_u32(&in), 0xfedcba98);
	assert_true(bytes_get_u64(&in) == 0xfedcba9876543210);
	_cleanup_(mem_freep) char *empty = bytes_get_text(&in);
	_cleanup_(mem_freep) char *text = bytes_get_text(&in);
	assert_string_equal(empty, "");
	assert_string_equal(text, "river");
	assert_false(bytes_end(&in));
	bytes_get_data(&in, data, sizeof(data));
	assert_memory_equal(data, "1234", 4);
	assert_true(bytes_end(&in));
}

/* Cut anywhere, in memory of exactly that size: sanitizers see a byte too many. */
static void whatever_is_cut_is_bad(void **state)
{
	_cleanup_(str_fini) struct str out = sample();

	(void)state;
	for (size_t len = 0; len < out.len; len++) {
		_cleanup_(mem_freep) char *cut = mem_new(len);
		struct bytes in;
		char data[4] = "abcd";

		memcpy(cut, out.buf, len);
		in = bytes_of(cut, len);
		bytes_get_u8(&in);
		bytes_get_u16(&in);
		bytes_get_u32(&in);
		bytes_get_u64(&in);
		_cleanup_(mem_freep) char *empty = bytes_get_text(&in);
		_cleanup_(mem_freep) char *text = bytes_get_text(&in);
		bytes_get_data(&in, data, sizeof(data));
		assert_false(bytes_end(&in));
		assert_memory_equal(data, "\0\0\0\0", 4);
	}
}

static void what_is_bad_stays_bad(void **state)
{
	struct bytes in = bytes_of("\1\2\3", 3);

	(void)state;
	assert_int_equal(bytes_get_u32(&in), 0);
	assert_int_equal(bytes_get_u8(&in), 0);
	assert_false(bytes_end(&in));
}

static void a_text_has_no_nul(void **state)
{
	_cleanup_(str_fini) struct str out = { 0 };
	struct bytes in;

	(void)state;
	bytes_put_u32(&out, 3);
	bytes_put_data(&out, "a\0b", 3);
	in = bytes_of(out.buf, out.len);
	_cleanup_(mem_freep) char *text = bytes_get_text(&in);
	assert_string_equal(text, "");
	assert_true(in.bad);
}

static void a_count_has_room(void **state)
{
	_cleanup_(str_fini) struct str out = { 0 };
	struct bytes in;

	(void)state;
	bytes_put_u32(&out, 2);
	bytes_put_data(&out, "12345678", 8);
	in = bytes_of(out.buf, out.len);
	assert_int_equal(bytes_get_count(&in, 4), 2);
	in = bytes_of(out.buf, out.len);
	assert_int_equal(bytes_get_count(&in, 5), 0);
	assert_true(in.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back), cmocka_unit_test(whatever_is_cut_is_bad),
		cmocka_unit_test(what_is_bad_stays_bad), cmocka_unit_test(a_text_has_no_nul),
		cmocka_unit_test(a_count_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
