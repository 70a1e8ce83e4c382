// SPDX-License-Identifier: Apache-2.0
/* Targets and host names, by the statements F6 and F7: one normal form, or none. */
#include "http/target.h"

#include "rig.h"

struct row {
	const char *from, *to; /* NULL: refused */
};

static int normalise(const char *path, struct arena *arena, struct http_text *ret_path)
{
	size_t len = strlen(path);
	char *exact = rig_exact(path, len);
	int r;

	r = target_normalise((struct http_text){ exact, len }, arena, ret_path);
	if (!r)
		ret_path->at = arena_copy(arena, ret_path->at, ret_path->len);
	free(exact);
	return r;
}

static void check_paths(const struct row *rows, size_t n)
{
	struct arena arena = { 0 };
	struct http_text path;

	for (size_t i = 0; i < n; i++) {
		int r = normalise(rows[i].from, &arena, &path);

		if (r != (rows[i].to ? 0 : -EINVAL))
			print_error("%s: %d\n", rows[i].from, r);
		assert_int_equal(r, rows[i].to ? 0 : -EINVAL);
		if (rows[i].to)
			rig_assert_text(path, rows[i].to);
		/* What is normal stays. */
		if (rows[i].to) {
			assert_int_equal(normalise(rows[i].to, &arena, &path), 0);
			rig_assert_text(path, rows[i].to);
		}
		arena_reset(&arena);
	}
	arena_fini(&arena);
}

static void f7_paths(void **state)
{
	static const struct row rows[] = {
		{ "/", "/" },
		{ "/a/b.c/", "/a/b.c/" },
		{ "/a%62c", "/abc" },
		{ "/%7Euser/%2d%2E%5f", "/~user/-._" },
		{ "/a%20b%c3%a9", "/a%20b%C3%A9" },
		{ "/a%2fb%5cc%3fd%23", "/a%2Fb%5Cc%3Fd%23" },
		{ "/%25%34%31", "/%2541" }, /* decoded once, never twice */
		{ "/%2541", "/%2541" },
		{ "/a;v=1/b;w", "/a;v=1/b;w" },
		{ "/!$&'()*+,;=:@[]", "/!$&'()*+,;=:@[]" },
		{ "//", "/" },
		{ "//a///b//", "/a/b/" },
		{ "/.", "/" },
		{ "/./", "/" },
		{ "/a/.", "/a/" },
		{ "/a/./b", "/a/b" },
		{ "/a/..", "/" },
		{ "/a/../", "/" },
		{ "/a/b/..", "/a/" },
		{ "/a/b/../c", "/a/c" },
		{ "/a/b/../../c", "/c" },
		{ "/a//../b", "/b" },
		{ "/a/%2e/b", "/a/b" },
		{ "/a/b/%2e%2E/c", "/a/c" },
		{ "/a/.%2e/c", "/c" },
		{ "/...", "/..." },
		{ "/.a/..b/c..", "/.a/..b/c.." },
		{ "/a%2Fb", "/a%2Fb" },
		{ "/a/...%2F.b", "/a/...%2F.b" },
		{ "/a;..", "/a;.." }, /* a parameter, no segment */
		{ "/%61;..", "/a;.." },
		{ "/a%3B..", "/a%3B.." },
	};

	(void)state;
	check_paths(rows, ARRAY_SIZE(rows));
}

static void f7_refused_paths(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "a", NULL },
		{ "*", NULL },
		{ "?a", NULL },
		{ "%2Fa", NULL },
		{ "/..", NULL },
		{ "/../a", NULL },
		{ "/a/../..", NULL },
		{ "/a/../../b", NULL },
		{ "/%2e%2e/a", NULL },
		{ "/./../a", NULL },
		{ "//..", NULL },
		{ "/a%", NULL },
		{ "/a%2", NULL },
		{ "/a%2/", NULL },
		{ "/a%zz", NULL },
		{ "/a%2g", NULL },
		{ "/a%%41", NULL },
		{ "/a%u0041", NULL },
		{ "/a%00", NULL },
		{ "/a%0a", NULL },
		{ "/a%0D%0A", NULL },
		{ "/a%1f", NULL },
		{ "/a%7f", NULL },
		{ "/a\x01", NULL },
		{ "/a b", NULL },
		{ "/a\tb", NULL },
		{ "/a\\b", NULL },
		{ "/a\\..\\b", NULL },
		{ "/a#b", NULL },
		{ "/a?b", NULL },
		{ "/a|b", "/a%7Cb" },
		{ "/a\"", NULL },
		{ "/<a>", NULL },
		{ "/{a}", NULL },
		{ "/a^", "/a%5E" },
		{ "/||||/../^", "/%5E" },
		{ "/`a", NULL },
		{ "/caf\xc3\xa9", NULL },
		{ "/a/..%2Fb", NULL },
		{ "/a/..%2f..%2fb", NULL },
		{ "/a/%2e%2e%2fb", NULL },
		{ "/a/b%2F..", NULL },
		{ "/a/b%2F../c", NULL },
		{ "/a/b%5C..%5Cc", NULL },
		{ "/a/.%5Cc", NULL },
		{ "/a%2F.%2Fb", NULL },
		{ "/a%2F%2E", NULL },
		{ "/a/..;/b", NULL },
		{ "/a/..;x=y/b", NULL },
		{ "/a/.;/b", NULL },
		{ "/a/..%3Bx", NULL },
		{ "/a/%2e%2e;x", NULL },
		{ "/a/b%2F..;x", NULL },
		{ "/a;v=1%2F..", NULL },
	};

	(void)state;
	check_paths(rows, ARRAY_SIZE(rows));
}

static int authority(const char *text, struct arena *arena, struct http_request *request)
{
	size_t len = strlen(text);
	char *exact = rig_exact(text, len);
	int r;

	r = target_parse_authority((struct http_text){ exact, len }, arena, request);
	free(exact);
	return r;
}

static void f6_authorities(void **state)
{
	static const struct {
		const char *from, *authority, *host;
		unsigned port;
	} rows[] = {
		{ "a", "a", "a", 0 },
		{ "A.Example.COM", "a.example.com", "a.example.com", 0 },
		{ "a.example.com.", "a.example.com", "a.example.com", 0 },
		{ "a.example.com.:80", "a.example.com:80", "a.example.com", 80 },
		{ "a_b-c.9d:1", "a_b-c.9d:1", "a_b-c.9d", 1 },
		{ "xn--caf-dma.example:65535", "xn--caf-dma.example:65535", "xn--caf-dma.example",
		  65535 },
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1", 0 },
		{ "192.0.2.1:8080", "192.0.2.1:8080", "192.0.2.1", 8080 },
		{ "[::1]", "[::1]", "[::1]", 0 },
		{ "[2001:DB8::1]:443", "[2001:db8::1]:443", "[2001:db8::1]", 443 },
		{ "[2001:db8:0:0:0:0:0:1]:443", "[2001:db8::1]:443", "[2001:db8::1]", 443 },
		{ "1.2.3.example", "1.2.3.example", "1.2.3.example", 0 },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request;

		assert_int_equal(authority(rows[i].from, &arena, &request), 0);
		rig_assert_text(request.authority, rows[i].authority);
		rig_assert_text(request.host, rows[i].host);
		assert_int_equal(request.port, rows[i].port);
		assert_int_equal(authority(rows[i].authority, &arena, &request), 0);
		rig_assert_text(request.authority, rows[i].authority);
	}
	arena_fini(&arena);
}

#define LABEL_64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void f6_refused_authorities(void **state)
{
	static const char *const rows[] = {
		"",
		".",
		"..",
		".a",
		"a..b",
		"a..",
		":80",
		"a:",
		"a:0",
		"a:080",
		"a:65536",
		"a:123456",
		"a:-1",
		"a:+1",
		"a: 1",
		"a:1 ",
		"a:1:2",
		"a:x",
		"a:80/",
		"a b",
		" a",
		"a ",
		"a,b",
		"u@a",
		"u:p@a",
		"a/b",
		"a?b",
		"a#b",
		"a\\b",
		"http://a",
		"a%2eb",
		"a%00",
		"caf\xc3\xa9",
		"a\x01",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.04",
		"123",
		"[]",
		"[",
		"[::1",
		"::1",
		"[::1]a",
		"[::1]:",
		"[::1]x:80",
		"[::1%25eth0]",
		"[::1%eth0]",
		"[1.2.3.4]",
		"[::ffff:1.2.3.4]",
		"[a]",
		"[::1]]",
		"[v1.a]",
		"[[::1]]",
		"(a)",
		"*",
		"*.example.com",
		"a'b",
		"a|b",
		LABEL_64,
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request;
		int r = authority(rows[i], &arena, &request);

		if (r != -EINVAL)
			print_error("%s\n", rows[i]);
		assert_int_equal(r, -EINVAL);
	}
	arena_fini(&arena);
}

static void test_long_names(void **state)
{
	static const char longest[] =
		LABEL_63 "." LABEL_63 "." LABEL_63 ".abcdefghijklmnopqrstuvwxyza"
			 "bcdefghijklmnopqrstuvwxyzabcdefghi";
	struct arena arena = { 0 };
	struct http_request request;

	(void)state;
	assert_int_equal(sizeof(longest) - 1, 253);
	assert_int_equal(authority(longest, &arena, &request), 0);
	rig_assert_text(request.host, longest);
	assert_int_equal(authority(arena_printf(&arena, "%sx", longest), &arena, &request),
			 -EINVAL);
	arena_fini(&arena);
}

static void test_query(void **state)
{
	static const struct {
		const char *query, *name, *value; /* NULL: there is none */
	} rows[] = {
		{ "a=1", "a", "1" },	   { "a=1&b=2", "b", "2" },	{ "a=1&a=2", "a", "1" },
		{ "a", "a", "" },	   { "a=", "a", "" },		{ "a=b=c", "a", "b=c" },
		{ "&&a=1&", "a", "1" },	   { "a=%41%20b", "a", "A b" }, { "%61=1", "a", "1" },
		{ "a=1%262", "a", "1&2" }, { "a=1+2", "a", "1+2" },	{ "a=%4", "a", "%4" },
		{ "a=%zz%", "a", "%zz%" }, { "A=1", "a", NULL },	{ "ab=1", "a", NULL },
		{ "b=a", "a", NULL },	   { "", "a", NULL },		{ "=1", "", "1" },
	};
	struct arena arena = { 0 };
	struct http_text value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].query);
		char *exact = rig_exact(rows[i].query, len);
		struct http_text query = { exact, len };
		bool found;

		found = target_query_get(query, rows[i].name, &arena, &value);
		assert_int_equal(found, rows[i].value != NULL);
		if (found)
			rig_assert_text(value, rows[i].value);
		free(exact);
	}
	assert_false(target_query_get((struct http_text){ 0 }, "a", &arena, &value));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f7_paths),	   cmocka_unit_test(f7_refused_paths),
		cmocka_unit_test(f6_authorities),  cmocka_unit_test(f6_refused_authorities),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
