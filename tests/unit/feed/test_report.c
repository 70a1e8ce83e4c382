/* SPDX-License-Identifier: Apache-2.0 */
/* A report comes back as it was sent; broken bytes are refused whole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "feed/report.h"

/* Borrowed throughout: not for report_fini(). */
static struct report sample(void)
{
	static struct report_endpoint endpoints[] = {
		{ .addr = { .byte = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } },
		  .port = 8080,
		  .connections = 1,
		  .idle = 2,
		  .requests = 3,
		  .ejected_ms = 4,
		  .ejections = 5,
		  .ok = 6,
		  .failed = UINT64_MAX },
		{ .addr = { .byte = { [0] = 0xfd, [15] = 2 } }, .port = 1 },
	};
	static struct report_cluster clusters[] = {
		{ .name = "a/b:80",
		  .connections = 7,
		  .pending = 8,
		  .requests = 9,
		  .retries = 10,
		  .overflows = 11,
		  .retried = 12,
		  .endpoints = endpoints,
		  .n_endpoints = 2 },
		{ .name = "" },
	};
	static uint64_t backends[] = { 13, 14 };
	static struct report_rule rules[] = {
		{ .name = "a/r/0",
		  .requests = 15,
		  .by_class = { 16, 17, 18, 19, 20, 21 },
		  .backends = backends,
		  .n_backends = 2 },
		{ .name = "a/r/1" },
	};
	static struct report_listener listeners[] = {
		{ .name = "a/g/http", .requests = 22, .not_found = 23 },
	};

	return (struct report){
		.generation = 24,
		.draining = true,
		.threads = 25,
		.connections = 26,
		.accepted = 27,
		.refused = 28,
		.handshake_failures = 29,
		.log_dropped = 30,
		.clusters = clusters,
		.n_clusters = 2,
		.rules = rules,
		.n_rules = 2,
		.listeners = listeners,
		.n_listeners = 1,
		.stalled = { 1, [31] = 128 },
	};
}

/* All fields are in the bytes, so equal bytes are equal reports. */
static void a_report_comes_back(void **state)
{
	const struct report report = sample();
	_cleanup_(str_fini) struct str first = { 0 }, second = { 0 };
	struct report got;

	(void)state;
	report_encode(&report, &first);
	assert_int_equal(report_decode(first.buf, first.len, &got), 0);
	report_encode(&got, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.buf, second.buf, first.len);
	assert_int_equal(got.clusters[0].endpoints[0].port, 8080);
	assert_true(got.clusters[0].endpoints[0].failed == UINT64_MAX);
	assert_string_equal(got.rules[0].name, "a/r/0");
	assert_int_equal(got.rules[0].backends[1], 14);
	assert_int_equal(got.listeners[0].not_found, 23);
	assert_true(got.draining);
	report_fini(&got);
}

static void an_empty_one_is_fine(void **state)
{
	const struct report report = { 0 };
	_cleanup_(str_fini) struct str out = { 0 };
	struct report got;

	(void)state;
	report_encode(&report, &out);
	assert_int_equal(report_decode(out.buf, out.len, &got), 0);
	report_fini(&got);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
	const struct report report = sample();
	_cleanup_(str_fini) struct str out = { 0 };
	struct report got = { .threads = 99 };

	(void)state;
	report_encode(&report, &out);
	for (size_t len = 0; len < out.len; len++) {
		_cleanup_(mem_freep) char *cut = mem_new(len);

		memcpy(cut, out.buf, len);
		assert_int_equal(report_decode(cut, len, &got), -EBADMSG);
	}
	str_add(&out, "x", 1);
	assert_int_equal(report_decode(out.buf, out.len, &got), -EBADMSG);
	assert_int_equal(got.threads, 99);
}

/* Any single byte may be anything: it is refused or decodes to something whole. */
static void no_byte_does_harm(void **state)
{
	const struct report report = sample();
	_cleanup_(str_fini) struct str out = { 0 };

	(void)state;
	report_encode(&report, &out);
	for (size_t i = 0; i < out.len; i++) {
		char kept = out.buf[i];

		for (int flip = 1; flip < 256; flip *= 2) {
			struct report got;

			out.buf[i] = (char)(kept ^ flip);
			if (!report_decode(out.buf, out.len, &got))
				report_fini(&got);
		}
		out.buf[i] = kept;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_comes_back),
		cmocka_unit_test(an_empty_one_is_fine),
		cmocka_unit_test(what_is_cut_or_longer_is_refused),
		cmocka_unit_test(no_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
