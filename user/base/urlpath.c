// SPDX-License-Identifier: Apache-2.0
/*
 * Paths of URLs in normal form. The proxy brings those of requests into it, compile/ those of
 * routes, so that they can be compared as bytes. Invariant: a normal form is its own normal form,
 * and holds nothing that a backend resolves once more.
 */
#include "base/urlpath.h"

#include <errno.h>
#include <string.h>

#include "base/chars.h"

/* What already is in normal form: most paths are. */
bool urlpath_is_normal(const char *path, size_t len)
{
	if (!len || *path != '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!chars_is(path[i], CHARS_PATH))
			return false;
		if (path[i] == '/' && i + 1 < len && (path[i + 1] == '/' || path[i + 1] == '.'))
			return false;
	}
	return true;
}

/* No URI has them unescaped, yet browsers send them so, and nobody takes them for anything else. */
static bool is_bare(char c)
{
	return c == '|' || c == '^';
}

/* One character or escape in normal form: its length in out, 1 or 3. */
static int put_char(const char **at, const char *end, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	int value;

	if (chars_is(**at, CHARS_PATH)) {
		*out = *(*at)++;
		return 1;
	}
	if (is_bare(**at)) {
		value = (unsigned char)*(*at)++;
	} else {
		if (!chars_escape(*at, end, &value) || value < 0x20 || value == 0x7f)
			return -EINVAL;
		*at += 3;
	}
	if (chars_is((char)value, CHARS_UNRESERVED)) {
		*out = (char)value;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[value >> 4];
	out[2] = digits[value & 15];
	return 3;
}

static bool is_dots(const char *at, size_t len)
{
	return len && len <= 2 && *at == '.' && at[len - 1] == '.';
}

static bool is_escape(const char *at, const char *end, const char *escape)
{
	return end - at >= 3 && !memcmp(at, escape, 3);
}

/* A dot segment inside a segment in normal form, seen only by who takes an escaped slash for one,
 * or cuts parameters off (";v=1"). */
static bool hides_dots(const char *at, const char *end)
{
	const char *piece = at;
	bool slash, divided = false;

	for (; at < end; at++) {
		slash = is_escape(at, end, "%2F") || is_escape(at, end, "%5C");
		if (!slash && *at != ';' && !is_escape(at, end, "%3B"))
			continue;
		if (piece && is_dots(piece, (size_t)(at - piece)))
			return true;
		piece = slash ? at + 3 : NULL;
		divided = true;
	}
	return divided && piece && is_dots(piece, (size_t)(end - piece));
}

/* Ends the segment [*segment, *out) of a path that begins at root; last: nothing follows. */
static int end_segment(const char *root, char **segment, char **out, bool last)
{
	size_t len = (size_t)(*out - *segment);

	if (hides_dots(*segment, *out))
		return -EINVAL;
	if (len == 2 && is_dots(*segment, len)) {
		/* The segment before goes, too: back to behind the slash in front of it. */
		if (*segment == root + 1)
			return -EINVAL;
		*out = *segment - 1;
		while ((*out)[-1] != '/')
			(*out)--;
	} else if (!len || is_dots(*segment, len)) {
		*out = *segment;
	} else if (!last) {
		*(*out)++ = '/';
	}
	*segment = *out;
	return 0;
}

ssize_t urlpath_normalise(const char *path, size_t len, char *out)
{
	const char *at = path, *end = path + len;
	char *root = out, *segment;
	int n;

	if (!len || *at != '/')
		return -EINVAL;
	*out++ = *at++;
	segment = out;
	while (at < end) {
		if (*at == '/') {
			at++;
			if (end_segment(root, &segment, &out, false))
				return -EINVAL;
			continue;
		}
		n = put_char(&at, end, out);
		if (n < 0)
			return n;
		out += n;
	}
	if (end_segment(root, &segment, &out, true))
		return -EINVAL;
	return out - root;
}
