/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a status that others write, too, when naru has its say. For the writer. */
#pragma once
#include "status/wants.h"

/* Entries that a route's list of parents may have. */
#define MERGE_PARENTS_MAX 32

/*
 * The status that the object should get, a new reference; NULL when the current one says it all.
 * current is borrowed and may be anything, also NULL. controller names our entries among a route's
 * parents; now is what a condition gets that changes, as RFC 3339 has it.
 *
 * Conditions are merged by their type, those of types that the want does not name stay. Listeners
 * are naru's alone, found by name; so are a route's parents with our controller, found by what they
 * refer to, while all others stay as and where they are. Other members are replaced, and those
 * stay that the want does not have.
 */
struct json_object *merge_status(const struct want *want, struct json_object *current,
				 const char *controller, const char *now);

/* How many parents the want has for which the status of a route has no room. */
size_t merge_left_out(const struct want *want, struct json_object *status, const char *controller);

/* Do the two say the same to the API? What is empty need not be there. */
bool merge_is_same(struct json_object *a, struct json_object *b);

/* What makes `to` of `from` as a JSON merge patch (RFC 7386): a new reference. */
struct json_object *merge_patch(struct json_object *from, struct json_object *to);
