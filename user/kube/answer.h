/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API server says when it does not give what was asked for: an HTTP status, and most often
 * a Status object in the body. Both are the server's word; neither says that an object is gone.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "kube/decode.h"

struct json_object;

/* Longer bodies of errors are not kept. */
#define ANSWER_MAX (64u << 10)

struct answer {
	int status;
	bool too_large; /* the server has not seen the version that was asked for yet */
	unsigned retry_after_s;
	char *text; /* "403 Forbidden: services is forbidden: …": for people, one line, bounded */
};

/* The server may well answer when it is asked again. */
bool answer_is_for_later(int status);
/* No right to ask, or nobody to ask: whoever says so may not be the one who knows. */
bool answer_is_refusal(int status);

/* Body as it came, whatever it is. */
void answer_parse(int status, const char *body, size_t len, struct answer *ret_answer);
/* The Status that an event of a watch carries; value may be anything. */
void answer_of_status(struct json_object *value, struct answer *ret_answer);
/* What that one reads, for partial.h. */
extern const struct decode_field answer_reads[];
void answer_fini(struct answer *answer);
