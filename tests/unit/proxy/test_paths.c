/* SPDX-License-Identifier: Apache-2.0 */
/* Which match of a host takes a path: by kind, by whole elements, by the plan's order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/paths.h"
#include "rig.h"

struct rig {
	struct plan_l7 l7;
	struct match *matches;
	struct paths *paths;
	struct regex_scratch *scratch;
};

struct entry {
	enum plan_match_type type;
	const char *path, *method;
};

static void rig_init(struct rig *rig, const struct entry *entries, size_t n)
{
	uint32_t rule, listener;
	char *error;

	*rig = (struct rig){ .scratch = regex_scratch_new() };
	rule = rig_rule(&rig->l7, "r");
	listener = rig_listener(&rig->l7, "l", "");
	for (size_t i = 0; i < n; i++) {
		uint32_t match = rig_match(&rig->l7, rule, entries[i].type, entries[i].path);

		if (entries[i].method) {
			free(rig->l7.matches[match].method);
			rig->l7.matches[match].method = mem_strdup(entries[i].method);
		}
		rig_attach(&rig->l7, listener, "", match);
	}
	rig->matches = mem_array(n, sizeof(*rig->matches));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(match_init(&rig->matches[i], &rig->l7.matches[i], NULL, &error),
				 0);
	rig->paths = paths_new(&rig->l7.listeners[0].hosts[0], rig->matches);
}

static void rig_fini(struct rig *rig)
{
	paths_free(rig->paths);
	for (size_t i = 0; i < rig->l7.n_matches; i++)
		match_fini(&rig->matches[i]);
	free(rig->matches);
	regex_scratch_free(rig->scratch);
	l7_fini(&rig->l7);
}

/* The path of the match that takes a request; "-": none; "loop". */
static const char *find(const struct rig *rig, const char *method, const char *path)
{
	struct arena own = { 0 };
	struct http_request request = { .method = rig_text(method), .path = rig_text(path) };
	const struct match_subject subject = { &request, rig->scratch, &own };
	const struct match *match;
	int r = paths_find(rig->paths, &subject, &match);

	arena_fini(&own);
	if (r < 0)
		return "loop";
	return r ? match->plan->path : "-";
}

static void test_elements(void **state)
{
	static const struct entry entries[] = {
		{ PLAN_PREFIX, "/foo/bar", NULL },
		{ PLAN_PREFIX, "/foo", NULL },
		{ PLAN_PREFIX, "/long/er", NULL },
	};
	static const struct {
		const char *path, *expected;
	} rows[] = {
		{ "/foo", "/foo" },
		{ "/foo/", "/foo" },
		{ "/foo/x", "/foo" },
		{ "/foo/x/y/z", "/foo" },
		{ "/foo/bar", "/foo/bar" },
		{ "/foo/bar/", "/foo/bar" },
		{ "/foo/bar/x", "/foo/bar" },
		{ "/foo/barx", "/foo" },
		{ "/foo/ba", "/foo" },
		{ "/foobar", "-" },
		{ "/foobar/foo", "-" },
		{ "/fo", "-" },
		{ "/FOO", "-" },
		{ "/", "-" },
		{ "/x/foo", "-" },
		{ "/long/er", "/long/er" },
		{ "/long/erx", "-" },
		{ "/long/er/x", "/long/er" },
		{ "*", "-" },
		{ "", "-" },
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, entries, ARRAY_SIZE(entries));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(find(&rig, "GET", rows[i].path), rows[i].expected);
	rig_fini(&rig);
}

static void test_root(void **state)
{
	static const struct entry entries[] = { { PLAN_PREFIX, "/", NULL } };
	static const char *const paths[] = { "/", "/a", "/a/", "/a/b/c" };
	struct rig rig;

	(void)state;
	rig_init(&rig, entries, ARRAY_SIZE(entries));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_string_equal(find(&rig, "GET", paths[i]), "/");
	assert_string_equal(find(&rig, "OPTIONS", "*"), "-");
	rig_fini(&rig);
}

/* Exact before expression before prefix, the longest of these first; then the plan's order. */
static void test_kinds(void **state)
{
	static const struct entry entries[] = {
		{ PLAN_EXACT, "/a/exact", "PUT" }, { PLAN_EXACT, "/a/exact", NULL },
		{ PLAN_EXACT, "/b/post", "POST" }, { PLAN_REGEX, "/a/e.*", "DELETE" },
		{ PLAN_REGEX, "/b/.*t", "PATCH" }, { PLAN_REGEX, "/b/p.*", NULL },
		{ PLAN_PREFIX, "/b/post", NULL },  { PLAN_PREFIX, "/a", "HEAD" },
		{ PLAN_PREFIX, "/a", NULL },	   { PLAN_PREFIX, "/", "TRACE" },
	};
	static const struct {
		const char *method, *path, *expected;
	} rows[] = {
		{ "DELETE", "/a/exact", "/a/exact" },
		{ "GET", "/a/exact/", "/a" },
		{ "DELETE", "/a/exa", "/a/e.*" },
		{ "GET", "/a/exa", "/a" },
		{ "POST", "/b/post", "/b/post" },
		{ "GET", "/b/post", "/b/p.*" },
		{ "PATCH", "/b/post", "/b/.*t" },
		{ "GET", "/b/Post/x", "-" },
		{ "GET", "/c", "-" },
		{ "TRACE", "/c", "/" },
		{ "TRACE", "/a/b", "/a" },
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, entries, ARRAY_SIZE(entries));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(find(&rig, rows[i].method, rows[i].path), rows[i].expected);
	rig_fini(&rig);
}

/* Not even with a prefix behind it that would take the request. */
static void test_limit(void **state)
{
	static const struct entry entries[] = {
		{ PLAN_REGEX, "/(a+)+", NULL },
		{ PLAN_PREFIX, "/", NULL },
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, entries, ARRAY_SIZE(entries));
	assert_string_equal(find(&rig, "GET", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
			    "loop");
	assert_string_equal(find(&rig, "GET", "/b"), "/");
	rig_fini(&rig);
}

/* ---- the index beside a scan ---- */

enum {
	N_PATHS = 60,
	PATH_LEN = 24
};

static uint32_t draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* Up to four elements out of few, so that paths meet. */
static void draw_path(uint32_t *seed, bool slash_at_end, char path[static PATH_LEN])
{
	static const char *const elements[] = { "a", "b", "ab", "aa" };
	uint32_t n = draw(seed, 5);
	size_t len = 0;

	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(path + len, PATH_LEN - len, "/%s", elements[draw(seed, 4)]);
	if (!n || (slash_at_end && draw(seed, 2)))
		snprintf(path + len, PATH_LEN - len, "/");
}

static bool takes(const struct entry *entry, const char *path)
{
	size_t len = strlen(entry->path);

	if (entry->type == PLAN_EXACT)
		return !strcmp(entry->path, path);
	return !strcmp(entry->path, "/") ||
	       (!strncmp(entry->path, path, len) && (!path[len] || path[len] == '/'));
}

/* By precedence. */
static int compare(const void *a, const void *b)
{
	const struct entry *one = a, *two = b;

	if (one->type != two->type)
		return one->type == PLAN_EXACT ? -1 : 1;
	return (int)strlen(two->path) - (int)strlen(one->path);
}

static void test_index_is_a_scan(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		static char paths[N_PATHS][PATH_LEN];
		struct entry entries[N_PATHS];
		struct rig rig;

		for (size_t i = 0; i < N_PATHS; i++) {
			bool exact = draw(&seed, 2);

			draw_path(&seed, exact, paths[i]);
			entries[i] = (struct entry){ exact ? PLAN_EXACT : PLAN_PREFIX, paths[i],
						     draw(&seed, 2) ? "GET" : "PUT" };
		}
		qsort(entries, N_PATHS, sizeof(*entries), compare);
		rig_init(&rig, entries, N_PATHS);
		for (int i = 0; i < 200; i++) {
			const char *expected = "-";
			char path[PATH_LEN];

			draw_path(&seed, true, path);
			for (size_t k = N_PATHS; k--;)
				if (takes(&entries[k], path) && *entries[k].method == 'G')
					expected = entries[k].path;
			assert_string_equal(find(&rig, "GET", path), expected);
		}
		rig_fini(&rig);
	}
}

static void test_nothing(void **state)
{
	const struct plan_host host = { .name = NULL };
	struct rig rig = { .paths = paths_new(&host, NULL) };

	(void)state;
	assert_string_equal(find(&rig, "GET", "/"), "-");
	assert_string_equal(find(&rig, "GET", "/a/b"), "-");
	paths_free(rig.paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements), cmocka_unit_test(test_root),
		cmocka_unit_test(test_kinds),	 cmocka_unit_test(test_limit),
		cmocka_unit_test(test_nothing),	 cmocka_unit_test(test_index_is_a_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
