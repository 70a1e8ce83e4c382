// SPDX-License-Identifier: Apache-2.0
/* Durations and points in time: what is one, what it is worth, what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "kube/duration.h"

#define NOTHING (UINT32_MAX - 1) /* no row has it: was an error */

struct row {
	const char *text;
	uint32_t ms;
};

static void check(decode_fn fn, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct json_object *value = json_object_new_string(rows[i].text);
		struct diag_list diags = { 0 };
		struct decode d = { .diags = &diags, .file = "f", .object = "o" };
		const struct decode_field field = { .name = "x" };
		uint32_t ms = NOTHING;

		fn(&d, &field, value, &ms);
		if (ms != rows[i].ms)
			fail_msg("%s: %u, not %u", rows[i].text, ms, rows[i].ms);
		assert_int_equal(d.errors, rows[i].ms == NOTHING);
		diag_fini(&diags);
		json_object_put(value);
	}
}

static void gateway_durations(void **state)
{
	static const struct row rows[] = {
		{ "0s", 0 },
		{ "0h", 0 },
		{ "10s", 10000 },
		{ "500ms", 500 },
		{ "1h30m", 5400000 },
		{ "1h2m3s4ms", 3723004 },
		{ "1s1s", 2000 },
		{ "99999ms", 99999 },
		{ "99999h", UINT32_MAX },
		{ "", NOTHING },
		{ "10", NOTHING },
		{ "s", NOTHING },
		{ "1.5s", NOTHING },
		{ "-1s", NOTHING },
		{ "+1s", NOTHING },
		{ " 1s", NOTHING },
		{ "1s ", NOTHING },
		{ "1 s", NOTHING },
		{ "1us", NOTHING },
		{ "1d", NOTHING },
		{ "1S", NOTHING },
		{ "100000s", NOTHING },
		{ "1s1s1s1s1s", NOTHING },
		{ "1m\xc2\xb5s", NOTHING },
	};

	(void)state;
	check(duration_gateway, rows, sizeof(rows) / sizeof(*rows));
}

static void istio_durations(void **state)
{
	static const struct row rows[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "1s", 1000 },
		{ "1.5s", 1500 },
		{ ".5s", 500 },
		{ "1.s", 1000 },
		{ "0.001s", 1 },
		{ "0.0010000000000s", 1 },
		{ "0.5ms0.5ms", 1 },
		{ "1000us", 1 },
		{ "1000\xc2\xb5s", 1 },
		{ "1000\xce\xbcs", 1 },
		{ "1000000ns", 1 },
		{ "1h1m1s1ms1000us1000000ns", 3661003 },
		{ "1.5h", 5400000 },
		{ "2000h", UINT32_MAX },
		{ "99999999999999999999999999h", UINT32_MAX },
		{ "9223372036854775807h9223372036854775807h", UINT32_MAX },
		{ "0.00100000000000000000000000001s", NOTHING },
		{ "0.0005s", NOTHING },
		{ "1us", NOTHING },
		{ "", NOTHING },
		{ ".", NOTHING },
		{ ".s", NOTHING },
		{ "s", NOTHING },
		{ "1", NOTHING },
		{ "00", NOTHING },
		{ "-1s", NOTHING },
		{ "+1s", NOTHING },
		{ "1..5s", NOTHING },
		{ "1e3s", NOTHING },
		{ "1 s", NOTHING },
		{ "1\xc2", NOTHING },
		{ "0x1s", NOTHING },
	};

	(void)state;
	check(duration_istio, rows, sizeof(rows) / sizeof(*rows));
}

static void timestamps(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-22T14:00:34Z", 1795356034 },
		{ "2026-11-22t14:00:34z", 1795356034 },
		{ "2026-11-22T14:00:34.999999999Z", 1795356034 },
		{ "2026-11-22T15:30:34+01:30", 1795356034 },
		{ "2026-11-22T13:00:34-01:00", 1795356034 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "", -1 },
		{ "2026-11-22", -1 },
		{ "2026-11-22T14:00:34", -1 },
		{ "2026-11-22 14:00:34Z", -1 },
		{ "2026-13-22T14:00:34Z", -1 },
		{ "2026-00-22T14:00:34Z", -1 },
		{ "2026-11-32T14:00:34Z", -1 },
		{ "2026-11-22T24:00:34Z", -1 },
		{ "2026-11-22T14:60:34Z", -1 },
		{ "2026-11-22T14:00:34.Z", -1 },
		{ "2026-11-22T14:00:34Z ", -1 },
		{ "2026-11-22T14:00:34+0100", -1 },
		{ "2026-11-22T14:00:34+", -1 },
		{ "26-11-22T14:00:34Z", -1 },
		{ " 026-11-22T14:00:34Z", -1 },
		{ "-026-11-22T14:00:34Z", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct json_object *value = json_object_new_string(rows[i].text);
		struct diag_list diags = { 0 };
		struct decode d = { .diags = &diags, .file = "f", .object = "o" };
		const struct decode_field field = { .name = "x" };
		int64_t seconds = -1;

		duration_timestamp(&d, &field, value, &seconds);
		if (seconds != rows[i].seconds)
			fail_msg("%s: %lld", rows[i].text, (long long)seconds);
		assert_int_equal(d.errors, rows[i].seconds == -1);
		diag_fini(&diags);
		json_object_put(value);
	}
}

/* For measuring only: what cannot be read is nobody's error. */
static void moments(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
		{ "2026-11-22T14:00:34Z", 1795356034000000 },
		{ "2026-11-22T14:00:34.5Z", 1795356034500000 },
		{ "2026-11-22T14:00:34.999999999Z", 1795356034999999 },
		{ "2026-11-22T14:00:34.000001+00:00", 1795356034000001 },
		{ "2026-11-22T14:00:34.Z", -1 },
		{ "1969-11-22T14:00:34Z", -1 },
		{ "soon", -1 },
		{ "", -1 },
		{ NULL, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct json_object *value = rows[i].text ? json_object_new_string(rows[i].text)
							 : json_object_new_int(5);
		struct decode d = { .file = "f", .object = "o" };
		int64_t us = -1;

		duration_moment(&d, NULL, value, &us);
		assert_int_equal(us, rows[i].us);
		assert_int_equal(d.errors, 0);
		json_object_put(value);
	}
}

static void absent_and_wrong_types_change_nothing(void **state)
{
	static const decode_fn fns[] = { duration_gateway, duration_istio, duration_timestamp };
	const struct decode_field field = { .name = "x" };

	(void)state;
	for (size_t i = 0; i < sizeof(fns) / sizeof(*fns); i++) {
		struct json_object *value = json_object_new_int(5);
		struct diag_list diags = { 0 };
		struct decode d = { .diags = &diags, .file = "f", .object = "o" };
		int64_t target = 7;

		fns[i](&d, &field, NULL, &target);
		assert_int_equal(d.errors, 0);
		fns[i](&d, &field, value, &target);
		assert_int_equal(d.errors, 1);
		assert_int_equal(target, 7);
		diag_fini(&diags);
		json_object_put(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateway_durations),
		cmocka_unit_test(istio_durations),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(moments),
		cmocka_unit_test(absent_and_wrong_types_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
