/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule does to messages: header changes, redirects, rewrites; and what every proxy does:
 * hop-by-hop fields go, X-Forwarded-* are ours to set. Pure functions on messages.
 */
#pragma once
#include "http/http.h"
#include "proxy/table.h"

struct filter_client {
	struct addr addr;
	bool tls;
	uint16_t port; /* of the listener */
};

/*
 * Makes the request that goes upstream of the one that came: hop-by-hop and nominated fields go
 * (F12, see hop.h), the client's address is added to x-forwarded-for, x-forwarded-proto is set,
 * other x-forwarded-*, forwarded and x-envoy-* of strangers go, x-request-id is kept or made; then
 * come the rule's header changes and rewrite. Expect is left: whether it goes on is the caller's to
 * say. The original is left as it is; texts are shared or in the arena. -EINVAL: the Connection
 * field is no list of tokens.
 */
int filter_request(const struct table_hit *hit, const struct filter_client *client,
		   const struct http_request *request, struct arena *arena,
		   struct http_request *ret_request);

/* The same for the answer on its way to the client. */
int filter_response(const struct rule *rule, const struct http_response *response,
		    struct arena *arena, struct http_response *ret_response);

/* What the chosen backend changes after that, in either direction. */
void filter_change(const struct plan_header_change *change, struct arena *arena,
		   struct http_fields *fields);

/* The answer of a rule with a redirect, its response headers changed as the rule says. */
void filter_redirect(const struct table_hit *hit, const struct filter_client *client,
		     const struct http_request *request, struct arena *arena,
		     struct http_response *ret_response);
