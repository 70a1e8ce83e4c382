// SPDX-License-Identifier: Apache-2.0
/*
 * The proxy compares the normal form of a request's path; a route that is written otherwise would
 * never match. What has a normal form is brought into it; what has none is refused, so that its
 * author learns of it. matches.c and rules.c call it.
 */
#include "compile/routepath.h"

#include <string.h>

#include "base/mem.h"
#include "base/urlpath.h"

static size_t count_slashes(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

char *routepath_normal(const char *path)
{
	size_t len = strlen(path);
	_cleanup_(mem_freep) char *normal = mem_array(1, URLPATH_ROOM(len) + 1);
	ssize_t used = urlpath_normalise(path, len, normal);

	if (used < 0)
		return NULL;
	normal[used] = '\0';
	/* Empty and dot segments are resolved in requests; a route that has them means something
	 * else than it says. */
	return count_slashes(normal) == count_slashes(path) ? TAKE_PTR(normal) : NULL;
}
