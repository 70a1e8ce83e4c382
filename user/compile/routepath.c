// SPDX-License-Identifier: Apache-2.0
/*
 * The proxy compares the normal form of a request's path; a route that is written otherwise would
 * never match. What has one normal form is brought into it; what cannot occur in one is refused, so
 * that its author learns of it. matches.c and rules.c call it.
 */
#include "compile/routepath.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c)
{
	return is_alnum(c) || (c && strchr("-._~", c));
}

/* May stand in a path as it is: pchar of RFC 3986, and the slash. */
static bool is_plain(char c)
{
	return is_unreserved(c) || (c && strchr("!$&'()*+,;=:@/", c));
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Escapes: those of unreserved characters decoded, the others with upper case digits. */
static const char *decode(const char *path, char *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *path; path++) {
		int high, low;
		char c;

		if (*path != '%') {
			if (!is_plain(*path))
				return "holds a character that no path of a request has";
			*out++ = *path;
			continue;
		}
		high = digit(path[1]);
		low = high < 0 ? -1 : digit(path[2]);
		if (low < 0)
			return "holds a '%' that is no escape";
		c = (char)(high << 4 | low);
		if (is_unreserved(c)) {
			*out++ = c;
		} else {
			*out++ = '%';
			*out++ = digits[high];
			*out++ = digits[low];
		}
		path += 2;
	}
	*out = 0;
	return NULL;
}

static const char *check_segments(const char *path)
{
	if (*path != '/')
		return "does not begin with a slash";
	for (const char *at = path; *at; at++) {
		size_t len = strcspn(at + 1, "/");

		if (*at != '/')
			continue;
		if (!len && at[1])
			return "holds an empty segment";
		if ((len == 1 && at[1] == '.') || (len == 2 && at[1] == '.' && at[2] == '.'))
			return "holds a dot segment";
	}
	return NULL;
}

char *routepath_normal(const char *path, const char **ret_reason)
{
	_cleanup_(mem_freep) char *normal = mem_array(1, strlen(path) + 1);
	const char *reason = decode(path, normal);

	if (!reason)
		reason = check_segments(normal);
	if (reason) {
		*ret_reason = reason;
		return NULL;
	}
	return TAKE_PTR(normal);
}
