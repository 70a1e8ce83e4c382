/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names, exact and wildcard, to pointers: what fits a host is found from the most specific to
 * the least, at a cost of the labels of the host, not of the names in the map. {0} is a valid empty
 * one; filled once, then read by all threads.
 */
#pragma once
#include "http/http.h"
#include "proxy/textmap.h"

struct hostmap {
	struct textmap exact;
	struct textmap suffixes; /* of wildcards, from the dot on */
	void *any;
};

/* name: "a.example.com", "*.example.com" (one or more labels), "": any; borrowed while the map
 * lives. Of the same name twice the first counts. */
void hostmap_add(struct hostmap *map, const char *name, void *value);
/* Values are the caller's. */
void hostmap_fini(struct hostmap *map);

/* A walk over what fits a host, the most specific first. */
struct hostmap_walk {
	const struct hostmap *map;
	struct http_text rest; /* of the host: what is still to be looked up */
	bool begun, done;
};

/* The host is in lower case, without a port. */
void hostmap_start(struct hostmap_walk *walk, const struct hostmap *map, struct http_text host);
/* NULL: nothing more. */
void *hostmap_next(struct hostmap_walk *walk);
