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

char *routepath_normal(const char *path)
{
	size_t len = strlen(path);
	_cleanup_(mem_freep) char *normal = mem_array(1, URLPATH_ROOM(len) + 1);

	/* The last byte of the array stays zero. */
	return urlpath_normalise(path, len, normal) < 0 ? NULL : TAKE_PTR(normal);
}
