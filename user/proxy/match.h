/* SPDX-License-Identifier: Apache-2.0 */
/* A match as one table has it: the plan's, with its regular expressions compiled. */
#pragma once
#include "http/http.h"
#include "http/regex.h"
#include "plan/l7.h"

struct rule;

struct match {
	const struct plan_match *plan;
	const struct rule *rule;
	/* NULL where none is asked for. */
	struct regex *path;
	struct regex **headers, **queries;
};

/* A request that is being matched. */
struct match_subject {
	const struct http_request *request;
	struct regex_scratch *scratch;
	struct arena *arena; /* of nobody else: it is emptied after each match */
};

/* -EINVAL: a regular expression that PCRE2 refuses; *ret_error says which, to be freed. The match
 * is for match_fini() in any case. */
int match_init(struct match *match, const struct plan_match *plan, const struct rule *rule,
	       char **ret_error);
void match_fini(struct match *match);

/*
 * All conditions but an exact or a prefix path, which the index has looked at (paths.h). 1, 0 or
 * -ELOOP. Several header fields of one name are one value, joined by commas, as in Envoy.
 */
int match_test(const struct match *match, const struct match_subject *subject);
