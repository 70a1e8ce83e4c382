/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of routes: PCRE2 over bytes, anchored at both ends, with a limit on the work
 * of one match, since tenants write the pattern and clients the text.
 */
#pragma once
#include <stddef.h>

#define REGEX_PATTERN_MAX 1024 /* bytes */

struct regex;	      /* immutable: may be shared by threads */
struct regex_scratch; /* a thread's working memory */

/* -EINVAL: not a regular expression, *ret_error says why; to be freed. */
int regex_new(const char *pattern, struct regex **ret_regex, char **ret_error);
void regex_free(struct regex *regex);
/* Why the pattern is refused, to be freed; NULL: it is fine. */
char *regex_check(const char *pattern);

struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch *scratch);

/* 1: matches, 0: does not, -ELOOP: a limit was reached before that was known. */
int regex_match(const struct regex *regex, struct regex_scratch *scratch, const char *text,
		size_t len);
