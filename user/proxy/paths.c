// SPDX-License-Identifier: Apache-2.0
/*
 * Exact and prefix paths are keys of two maps; a prefix is looked up by taking elements off the
 * path from the right. Invariant: what a client can make it cost is bounded by the longest prefix
 * of the host, whatever the length of its path.
 */
#include "proxy/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/textmap.h"

/* Matches in the plan's order. */
struct group {
	const struct match **items;
	size_t n, cap;
	struct group *next; /* of all */
};

struct paths {
	struct textmap exact, prefixes; /* to groups */
	size_t longest;			/* prefix, in bytes */
	struct group regexes;
	struct group *groups;
};

static void group_add(struct group *group, const struct match *match)
{
	group->items = mem_grow(group->items, group->n, &group->cap, sizeof(*group->items));
	group->items[group->n++] = match;
}

static void file_match(struct paths *paths, struct textmap *map, const struct match *match)
{
	const char *path = match->plan->path;
	struct group *group = textmap_find(map, path, strlen(path));

	if (!group) {
		group = mem_new(sizeof(*group));
		group->next = paths->groups;
		paths->groups = group;
		textmap_add(map, path, strlen(path), group);
	}
	group_add(group, match);
}

static void file_by_type(struct paths *paths, const struct match *match)
{
	size_t len = strlen(match->plan->path);

	switch (match->plan->path_type) {
	case PLAN_EXACT:
		file_match(paths, &paths->exact, match);
		break;
	case PLAN_REGEX:
		group_add(&paths->regexes, match);
		break;
	case PLAN_PREFIX:
		file_match(paths, &paths->prefixes, match);
		if (len > paths->longest)
			paths->longest = len;
		break;
	}
}

struct paths *paths_new(const struct plan_host *plan, const struct match *matches)
{
	struct paths *paths = mem_new(sizeof(*paths));

	for (size_t i = 0; i < plan->n_matches; i++)
		file_by_type(paths, &matches[plan->matches[i]]);
	return paths;
}

void paths_free(struct paths *paths)
{
	struct group *group, *next;

	if (!paths)
		return;
	for (group = paths->groups; group; group = next) {
		next = group->next;
		free(group->items);
		free(group);
	}
	free(paths->regexes.items);
	textmap_fini(&paths->exact);
	textmap_fini(&paths->prefixes);
	free(paths);
}

static int group_find(const struct group *group, const struct match_subject *subject,
		      const struct match **ret_match)
{
	for (size_t i = 0; group && i < group->n; i++) {
		int r = match_test(group->items[i], subject);

		if (r > 0)
			*ret_match = group->items[i];
		if (r)
			return r;
	}
	return 0;
}

/* "/a/b" becomes "/a", "/a" becomes "/" and "/" nothing; what is left of "/a/" is "/a". */
static struct http_text without_last(struct http_text path)
{
	const char *slash = path.len > 1 ? memrchr(path.at, '/', path.len) : NULL;

	if (!slash)
		path.len = 0;
	else
		path.len = slash == path.at ? 1 : (size_t)(slash - path.at);
	return path;
}

/* The longest piece of a path, of whole elements, that can be a prefix. */
static struct http_text first_prefix(const struct paths *paths, struct http_text path)
{
	if (path.len <= paths->longest)
		return path;
	path.len = paths->longest + 1;
	return without_last(path);
}

static int find_prefix(const struct paths *paths, const struct match_subject *subject,
		       const struct match **ret_match)
{
	struct http_text path;

	for (path = first_prefix(paths, subject->request->path); path.len;
	     path = without_last(path)) {
		const struct group *group = textmap_find(&paths->prefixes, path.at, path.len);
		int r = group_find(group, subject, ret_match);

		if (r)
			return r;
	}
	return 0;
}

int paths_find(const struct paths *paths, const struct match_subject *subject,
	       const struct match **ret_match)
{
	struct http_text path = subject->request->path;
	int r;

	r = group_find(textmap_find(&paths->exact, path.at, path.len), subject, ret_match);
	if (r)
		return r;
	r = group_find(&paths->regexes, subject, ret_match);
	if (r)
		return r;
	return find_prefix(paths, subject, ret_match);
}
