// SPDX-License-Identifier: Apache-2.0
/* Location as the Gateway API defines it: what the rule does not give is the request's. */
#include "proxy/redirect.h"

#include <stdio.h>
#include <string.h>

#include "proxy/rewrite.h"

static uint16_t well_known(const char *scheme)
{
	return !strcmp(scheme, "https") ? 443 : 80;
}

/* ":port", or "" when it goes without saying. */
static const char *format_port(const struct plan_redirect *plan, const char *scheme,
			       uint16_t listener_port, char buf[static 8])
{
	uint16_t port = listener_port;

	if (plan->port)
		port = plan->port;
	else if (*plan->scheme)
		port = well_known(scheme);
	buf[0] = '\0';
	if (port && port != well_known(scheme))
		snprintf(buf, 8, ":%u", port);
	return buf;
}

struct http_text redirect_location(const struct table_hit *hit, const struct filter_client *client,
				   const struct http_request *request, struct arena *arena)
{
	const struct plan_redirect *plan = &hit->rule->plan->redirect;
	const char *scheme = *plan->scheme ? plan->scheme : client->tls ? "https" : "http";
	struct http_text host = request->host, query = request->query;
	struct http_text path =
		rewrite_path(plan->path_change, plan->path, hit->match, request->path, arena);
	char port[8], *text;

	if (*plan->host)
		host = http_text_of(plan->host);
	text = arena_printf(arena, "%s%s%.*s%s%.*s%s%.*s", host.len ? scheme : "",
			    host.len ? "://" : "", (int)host.len, host.len ? host.at : "",
			    host.len ? format_port(plan, scheme, client->port, port) : "",
			    (int)path.len, path.at, query.at ? "?" : "", (int)query.len,
			    query.at ? query.at : "");
	return http_text_of(text);
}
