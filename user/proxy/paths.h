/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matches of one host name by path, so that thousands of paths cost a look-up each request and
 * no scan. The plan's order (exact, regular expressions, prefixes from the longest, and within one
 * path by method, headers, queries and age) is kept.
 */
#pragma once
#include "proxy/match.h"

struct paths;

/* matches: by the plan's indices, alive as long as the result. */
struct paths *paths_new(const struct plan_host *plan, const struct match *matches);
/* NULL is legal. */
void paths_free(struct paths *paths);

/* 1 and *ret_match, 0 or -ELOOP. */
int paths_find(const struct paths *paths, const struct match_subject *subject,
	       const struct match **ret_match);
