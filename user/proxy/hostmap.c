// SPDX-License-Identifier: Apache-2.0
/*
 * Look-up by taking labels off from the left. Invariant: what a client can make it cost is bounded:
 * longer hosts than DNS has fit none but any.
 */
#include "proxy/hostmap.h"

#include <string.h>

#define HOST_MAX 253

static void add_once(struct textmap *map, const char *key, void *value)
{
	if (!textmap_find(map, key, strlen(key)))
		textmap_add(map, key, strlen(key), value);
}

void hostmap_add(struct hostmap *map, const char *name, void *value)
{
	if (!*name)
		map->any = map->any ? map->any : value;
	else if (name[0] == '*')
		add_once(&map->suffixes, name + 1, value);
	else
		add_once(&map->exact, name, value);
}

void hostmap_fini(struct hostmap *map)
{
	textmap_fini(&map->exact);
	textmap_fini(&map->suffixes);
	*map = (struct hostmap){ 0 };
}

void hostmap_start(struct hostmap_walk *walk, const struct hostmap *map, struct http_text host)
{
	*walk = (struct hostmap_walk){ .map = map, .rest = host };
	if (host.len > HOST_MAX)
		walk->rest.len = 0;
}

/* The rest from its next dot on; a dot in first place is the one where it was cut before. */
static struct http_text next_suffix(struct http_text rest)
{
	const char *dot = rest.len > 1 ? memchr(rest.at + 1, '.', rest.len - 1) : NULL;

	if (!dot)
		return (struct http_text){ 0 };
	return (struct http_text){ dot, rest.len - (size_t)(dot - rest.at) };
}

void *hostmap_next(struct hostmap_walk *walk)
{
	void *value = NULL;

	if (!walk->begun) {
		walk->begun = true;
		value = textmap_find(&walk->map->exact, walk->rest.at, walk->rest.len);
	}
	while (!value && walk->rest.len) {
		walk->rest = next_suffix(walk->rest);
		value = textmap_find(&walk->map->suffixes, walk->rest.at, walk->rest.len);
	}
	if (value || walk->done)
		return value;
	walk->done = true;
	return walk->map->any;
}
