/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as rewrites and redirects of the Gateway API make them of a request's. */
#pragma once
#include "http/http.h"
#include "plan/l7.h"

/* match: the one that took the request; it says what the prefix is. Never "", never "//" at the
 * seam. The result is shared with path, or in the arena. */
struct http_text rewrite_path(enum plan_path_change change, const char *replacement,
			      const struct plan_match *match, struct http_text path,
			      struct arena *arena);
