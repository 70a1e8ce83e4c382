// SPDX-License-Identifier: Apache-2.0
/* Texts, known names, lists of fields, phrases. */
#include "rig.h"

static const char *const names[] = {
#define NAME(id, text) [HTTP_##id] = (text),
	HTTP_FIELDS(NAME)
#undef NAME
};

static void test_texts(void **state)
{
	(void)state;
	assert_true(http_text_equal(HTTP_TEXT("ab"), HTTP_TEXT("ab")));
	assert_true(http_text_equal(HTTP_TEXT("ab"), http_text_of("ab")));
	assert_true(http_text_starts(HTTP_TEXT("ab"), "ab"));
	assert_true(http_text_starts(HTTP_TEXT("abc"), "ab"));
	assert_false(http_text_starts(HTTP_TEXT("a"), "ab"));
	assert_false(http_text_starts(HTTP_TEXT("Ab"), "ab"));
	assert_false(http_text_equal(HTTP_TEXT("ab"), HTTP_TEXT("aB")));
	assert_false(http_text_equal(HTTP_TEXT("ab"), HTTP_TEXT("abc")));
	assert_true(http_text_equal((struct http_text){ 0 }, HTTP_TEXT("")));
	assert_true(http_text_is(HTTP_TEXT("cLoSe"), "close"));
	assert_true(http_text_is((struct http_text){ 0 }, ""));
	assert_false(http_text_is(HTTP_TEXT("clos"), "close"));
	assert_false(http_text_is(HTTP_TEXT("closed"), "close"));
	/* '@' and '`' differ by the bit of case. */
	assert_false(http_text_is(HTTP_TEXT("@"), "`"));
	assert_false(http_text_is(HTTP_TEXT("a\0"), "a"));
}

/* Every row of the table is found, and nothing beside it. */
static void test_known_names(void **state)
{
	(void)state;
	for (int id = HTTP_OTHER + 1; id < HTTP_FIELD_MAX; id++) {
		size_t len = strlen(names[id]);
		char *other = mem_array(1, len + 2);

		assert_int_equal(http_field_find(http_text_of(names[id])), id);
		memcpy(other, names[id], len + 1);
		other[len - 1] ^= 1;
		assert_int_not_equal(http_field_find(http_text_of(other)), id);
		other[len - 1] ^= 1;
		other[len] = 'x';
		assert_int_equal(http_field_find(http_text_of(other)), HTTP_OTHER);
		free(other);
	}
	assert_int_equal(http_field_find(HTTP_TEXT("")), HTTP_OTHER);
	assert_int_equal(http_field_find(HTTP_TEXT("accept")), HTTP_OTHER);
}

static void test_fields(void **state)
{
	struct http_fields fields = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_null(http_fields_get(&fields, HTTP_COOKIE));
	assert_int_equal(http_fields_remove(&fields, HTTP_TEXT("x")), 0);
	for (size_t i = 0; i < 100; i++) {
		struct http_text value = { arena_printf(&arena, "%zu", i), i < 10 ? 1 : 2 };

		http_fields_add(&fields, &arena, i % 3 ? HTTP_TEXT("cookie") : HTTP_TEXT("x"),
				value);
	}
	assert_int_equal(fields.n, 100);
	rig_assert_text(http_fields_get(&fields, HTTP_COOKIE)->value, "1");
	rig_assert_text(fields.items[99].value, "99");
	assert_int_equal(http_fields_remove(&fields, HTTP_TEXT("cookie")), 66);
	assert_int_equal(fields.n, 34);
	for (size_t i = 0; i < fields.n; i++) {
		assert_int_equal(fields.items[i].id, HTTP_OTHER);
		rig_assert_text(fields.items[i].value, arena_printf(&arena, "%zu", i * 3));
	}
	arena_fini(&arena);
}

static void test_reasons(void **state)
{
	(void)state;
	rig_assert_text(http_reason(200), "OK");
	rig_assert_text(http_reason(503), "Service Unavailable");
	rig_assert_text(http_reason(299), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_known_names),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
