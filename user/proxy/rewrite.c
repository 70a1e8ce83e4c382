// SPDX-License-Identifier: Apache-2.0
/*
 * Replacement of paths and prefixes. A slash at the end of either prefix does not count: what comes
 * behind the matched one begins with a slash or is empty.
 */
#include "proxy/rewrite.h"

#include <string.h>

static size_t trimmed_len(const char *prefix)
{
	size_t len = strlen(prefix);

	return len && prefix[len - 1] == '/' ? len - 1 : len;
}

static struct http_text or_root(struct http_text path)
{
	return path.len ? path : HTTP_TEXT("/");
}

static struct http_text replace_prefix(const char *prefix, const char *replacement,
				       struct http_text path, struct arena *arena)
{
	size_t gone = trimmed_len(prefix), len = trimmed_len(replacement);
	char *joined;

	if (gone > path.len)
		gone = path.len;
	path.at += gone;
	path.len -= gone;
	if (!len)
		return or_root(path);
	joined = arena_alloc(arena, len + path.len);
	memcpy(joined, replacement, len);
	memcpy(joined + len, path.at, path.len);
	return (struct http_text){ joined, len + path.len };
}

struct http_text rewrite_path(enum plan_path_change change, const char *replacement,
			      const struct plan_match *match, struct http_text path,
			      struct arena *arena)
{
	switch (change) {
	case PLAN_PATH_FULL:
		return or_root(http_text_of(replacement));
	case PLAN_PATH_PREFIX:
		/* An expression has no prefix; the Gateway API allows the change for prefixes. */
		if (match->path_type != PLAN_REGEX)
			return replace_prefix(match->path, replacement, path, arena);
		return path;
	case PLAN_PATH_KEEP:
		break;
	}
	return path;
}
