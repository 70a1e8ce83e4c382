/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: what is written is read back, member by member; what is cut off or changed is refused
 * or still a valid plan. The sample has something in every member and two of everything that may
 * be many.
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/layout.h"
#include "plan/snapshot.h"

/* Fills by the tables: n of everything, different values everywhere, indices that point to the
 * last. */
static void fill(const struct layout *fields, void *base, size_t n, unsigned *counter)
{
	uint32_t value;
	char *items;

	for (const struct layout *field = fields; field->kind; field++) {
		char *at = (char *)base + field->offset;

		value = ++*counter;
		if (field->kind == LAYOUT_STRING)
			layout_set_string(field, base, mem_printf("text %u", value));
		if (field->kind == LAYOUT_STRUCT)
			fill(field->of, at, n, counter);
		if (field->kind == LAYOUT_BYTES)
			memset(at, (int)value, field->size);
		if (field->kind == LAYOUT_INT && field->max < value)
			value %= field->max + 1;
		if (field->kind == LAYOUT_INDEX)
			value = field->none && value % 2 ? field->none : (uint32_t)n - 1;
		if (field->kind == LAYOUT_INT || field->kind == LAYOUT_INDEX)
			memcpy(at, &value, field->size);
		if (field->kind != LAYOUT_ARRAY)
			continue;
		items = mem_array(n, field->size);
		layout_set_array(field, base, items, n);
		for (size_t i = 0; i < n; i++)
			fill(field->of, items + i * field->size, n, counter);
	}
}

static struct plan_l7 sample(void)
{
	struct plan_l7 l7 = { 0 };
	unsigned counter = 0;

	fill(layout_l7, &l7, 2, &counter);
	return l7;
}

static char *text_of(const struct plan_l7 *l7)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	l7_print(l7, out);
	fclose(out);
	return text;
}

static void test_round_trip(void **state)
{
	_cleanup_(mem_freep) char *before = NULL, *after = NULL;
	_cleanup_(str_fini) struct str bytes = { 0 }, again = { 0 };
	struct plan_l7 l7 = sample(), back;

	(void)state;
	snapshot_encode(&l7, &bytes);
	assert_int_equal(snapshot_decode(bytes.buf, bytes.len, &back), 0);
	before = text_of(&l7);
	after = text_of(&back);
	assert_string_equal(before, after);
	assert_non_null(strstr(after, "eject after"));
	snapshot_encode(&back, &again);
	assert_int_equal(bytes.len, again.len);
	assert_memory_equal(bytes.buf, again.buf, bytes.len);
	l7_fini(&l7);
	l7_fini(&back);
	assert_null(back.rules);
}

static void test_empty(void **state)
{
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct plan_l7 l7 = { 0 }, back;

	(void)state;
	snapshot_encode(&l7, &bytes);
	assert_int_equal(snapshot_decode(bytes.buf, bytes.len, &back), 0);
	assert_int_equal(back.n_binds, 0);
	l7_fini(&back);
}

/* What the tests below accept is a plan that can be walked and is written as it was read. */
static int decode(const struct str *bytes, size_t len)
{
	_cleanup_(mem_freep) char *copy = mem_array(1, len);
	_cleanup_(str_fini) struct str again = { 0 };
	struct plan_l7 l7;
	int r;

	memcpy(copy, bytes->buf, len); /* so that one byte beyond is seen */
	r = snapshot_decode(copy, len, &l7);
	if (r < 0)
		return r;
	free(text_of(&l7));
	snapshot_encode(&l7, &again);
	assert_int_equal(again.len, len);
	assert_memory_equal(again.buf, copy, len);
	l7_fini(&l7);
	return 0;
}

static void test_every_truncation(void **state)
{
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct plan_l7 l7 = sample();

	(void)state;
	snapshot_encode(&l7, &bytes);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode(&bytes, len), -EBADMSG);
	str_add(&bytes, "x", 1);
	assert_int_equal(decode(&bytes, bytes.len), -EBADMSG);
	l7_fini(&l7);
}

static void test_every_changed_byte(void **state)
{
	static const uint8_t flips[] = { 0xff, 0x01, 0x80 };
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct plan_l7 l7 = sample();
	size_t refused = 0;

	(void)state;
	snapshot_encode(&l7, &bytes);
	for (size_t i = 0; i < bytes.len; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(flips); j++) {
			bytes.buf[i] = (char)(bytes.buf[i] ^ flips[j]);
			refused += decode(&bytes, bytes.len) < 0;
			bytes.buf[i] = (char)(bytes.buf[i] ^ flips[j]);
		}
	}
	assert_true(refused > bytes.len / 2); /* of three flips a byte */
	l7_fini(&l7);
}

static void test_version(void **state)
{
	static const uint32_t other = NARU_SNAPSHOT_VERSION + 1;
	char bytes[8] = "naru";
	struct plan_l7 l7;

	(void)state;
	memcpy(bytes + 4, &other, sizeof(other));
	assert_int_equal(snapshot_decode(bytes, sizeof(bytes), &l7), -EPROTO);
	bytes[0] = 'N';
	assert_int_equal(snapshot_decode(bytes, sizeof(bytes), &l7), -EBADMSG);
}

/* Each index in turn points beyond what there is. */
static void change_indices(struct plan_l7 *l7)
{
	uint32_t *const indices[] = {
		&l7->rules[1].backends[1].cluster, &l7->matches[0].rule,
		&l7->listeners[1].certs[0],	   &l7->listeners[1].hosts[1].matches[1],
		&l7->binds[0].listeners[1],
	};

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		_cleanup_(str_fini) struct str bytes = { 0 };
		uint32_t before = *indices[i];

		*indices[i] = 2; /* there are 0 and 1 */
		snapshot_encode(l7, &bytes);
		assert_int_equal(decode(&bytes, bytes.len), -EBADMSG);
		*indices[i] = before;
	}
}

static void test_indices(void **state)
{
	struct plan_l7 l7 = sample();

	(void)state;
	assert(l7.rules && l7.matches && l7.listeners && l7.binds);
	change_indices(&l7);
	l7_fini(&l7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	 cmocka_unit_test(test_empty),
		cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_every_changed_byte),
		cmocka_unit_test(test_version),		 cmocka_unit_test(test_indices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
