// SPDX-License-Identifier: Apache-2.0
/*
 * Where host names meet and which is the more specific, as the Gateway API has it. attach.c,
 * binds.c and assemble.c call it. Names are in lower case.
 */
#include "compile/hostnames.h"

#include <stdbool.h>
#include <string.h>

static bool is_wildcard(const char *name)
{
	return name[0] == '*' && name[1] == '.';
}

/* Is name, exact or itself a wildcard, below the wildcard? "*.a.b" is below "*.b". */
static bool is_below(const char *name, const char *wildcard)
{
	const char *suffix = wildcard + 1;
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

const char *hostnames_meet(const char *a, const char *b)
{
	if (!*a || !strcmp(a, b))
		return b;
	if (!*b)
		return a;
	if (is_wildcard(a) && is_below(b, a))
		return b;
	if (is_wildcard(b) && is_below(a, b))
		return a;
	return NULL;
}

static int rank(const char *name)
{
	return !*name ? 2 : is_wildcard(name);
}

int hostnames_compare(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);
	int order = rank(a) - rank(b);

	if (!order && is_wildcard(a))
		order = (len_a < len_b) - (len_a > len_b);
	return order ? order : strcmp(a, b);
}
