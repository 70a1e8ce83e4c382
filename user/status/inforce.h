/* SPDX-License-Identifier: Apache-2.0 */
/* Which Gateways a node serves, each at the generation that it was judged at: what nodes tell the
 * one who writes statuses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct troubles;
struct verdicts;

struct inforce_gateway {
	char *namespace, *name; /* owned */
	int64_t generation;
};

struct inforce {
	struct inforce_gateway *items; /* by namespace and name */
	size_t n;
};

/* Those that are accepted, and for which there is room as far as left_out, which may be NULL,
 * says; what ret_inforce had goes. */
void inforce_take(const struct verdicts *verdicts, const struct troubles *left_out,
		  struct inforce *ret_inforce);
/* At this generation or a later one. */
bool inforce_has(const struct inforce *inforce, const char *namespace, const char *name,
		 int64_t generation);
bool inforce_equal(const struct inforce *a, const struct inforce *b);

/* As a list of the API: a new reference. */
struct json_object *inforce_format(const struct inforce *inforce);
/* list may be anything; entries that are none are left out. What ret_inforce had goes. */
void inforce_parse(struct json_object *list, struct inforce *ret_inforce);

void inforce_fini(struct inforce *inforce);
