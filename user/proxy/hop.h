/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that belong to one connection and end there (RFC 9110, 7.6.1): the fixed ones and those
 * that the Connection field nominates. A peer may not nominate away what others rely on (F12).
 */
#pragma once
#include "http/http.h"

/* More names in Connection fields are refused: nobody has a use for them. */
#define HOP_MAX 32

struct hop {
	struct http_text names[HOP_MAX];
	size_t n;
};

/* What the Connection fields nominate. -EINVAL: no list of tokens, or too long a one. */
int hop_parse(const struct http_fields *fields, struct hop *ret_hop);
/* Is it one of the fixed ones? */
bool hop_is_fixed(const struct http_field *field);
/* Is it nominated, and may it be? */
bool hop_nominates(const struct hop *hop, const struct http_field *field);
