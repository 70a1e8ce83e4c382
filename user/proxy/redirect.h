/* SPDX-License-Identifier: Apache-2.0 */
/* Where a redirect of a rule sends a request. */
#pragma once
#include "proxy/filter.h"

/* The value of Location: absolute, but for a request that names no host. In the arena. */
struct http_text redirect_location(const struct table_hit *hit, const struct filter_client *client,
				   const struct http_request *request, struct arena *arena);
