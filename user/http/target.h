/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets and host names: one normal form feeds matching, logs and backends, so that the
 * path that is matched is the path that is sent.
 */
#pragma once
#include "http/http.h"

/* The normal form of base/urlpath.h; in the arena where it differs. -EINVAL. */
int target_normalise(struct http_text path, struct arena *arena, struct http_text *ret_path);

/*
 * host[:port] in lower case: a name of letters, digits, '-', '.' and '_', an IPv4 address or an
 * IPv6 one in brackets; a dot at the end is dropped. -EINVAL.
 */
int target_parse_authority(struct http_text text, struct arena *arena,
			   struct http_request *ret_request);

/* Values of a query parameter as they stand, percent-decoded; the first of that name. */
bool target_query_get(struct http_text query, const char *name, struct arena *arena,
		      struct http_text *ret_value);
