/* SPDX-License-Identifier: Apache-2.0 */
/* The one normal form of the path of a URL (RFC 3986, 6.2.2): what is matched is what is sent. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Room that urlpath_normalise() may need for a path of that length: all escapes. */
#define URLPATH_ROOM(len) ((len)*3)

/* A quick look that most paths pass; false does not mean that a path is wrong. */
bool urlpath_is_normal(const char *path, size_t len);

/*
 * The normal form of "/..." without query. Escapes of unreserved characters are decoded, others get
 * upper case digits; '|' and '^' are escaped; "." and ".." are resolved; repeated slashes become
 * one. An escaped slash or backslash stays as it is. Returns the length of what is in out. -EINVAL:
 * no leading slash, a broken escape, a control character or NUL (escaped too), a character that no
 * URL has, ".." above the root, or a dot segment that only a backend would see (behind %2F or %5C,
 * or before ";").
 */
ssize_t urlpath_normalise(const char *path, size_t len, char *out);
