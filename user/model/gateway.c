// SPDX-License-Identifier: Apache-2.0
/* What the objects of layer 7 are made of, for object.c. */
#include "model/gateway.h"

#include "model/member.h"

const struct member gateway_secret_members[] = {
	TEXT(secret, chain),
	SECRET(secret, key),
	PLAIN(secret, fingerprint),
	{ 0 },
};

const struct member gateway_class_members[] = {
	TEXT(gateway_class, controller),
	PLAIN(gateway_class, parameters),
	{ 0 },
};

static const struct member reference[] = {
	TEXT(object_reference, group),
	TEXT(object_reference, kind),
	TEXT(object_reference, namespace),
	TEXT(object_reference, name),
	TEXT(object_reference, section),
	PLAIN(object_reference, port),
	{ 0 },
};

static const struct member address[] = {
	PLAIN(gateway_address, named),
	PLAIN(gateway_address, addr),
	TEXT(gateway_address, text),
	{ 0 },
};

const struct member gateway_requirement_members[] = {
	TEXT(selector_requirement, key),
	PLAIN(selector_requirement, operator),
	TEXTS(selector_requirement, values),
	{ 0 },
};

static const struct member listener[] = {
	TEXT(gateway_listener, name),
	TEXT(gateway_listener, hostname),
	PLAIN(gateway_listener, port),
	PLAIN(gateway_listener, protocol),
	TEXT(gateway_listener, protocol_text),
	PLAIN(gateway_listener, passthrough),
	PLAIN(gateway_listener, client_certs),
	LIST(gateway_listener, certs, reference),
	PLAIN(gateway_listener, from),
	LIST(gateway_listener, selector, gateway_requirement_members),
	LIST(gateway_listener, kinds, reference),
	{ 0 },
};

static const struct member assigned[] = {
	PLAIN(gateway_assigned, addr),
	PLAIN(gateway_assigned, given),
	{ 0 },
};

static const struct member label[] = {
	TEXT(label, key),
	TEXT(label, value),
	{ 0 },
};

const struct member gateway_members[] = {
	TEXT(gateway, class_name),
	PLAIN(gateway, created),
	PLAIN(gateway, parameters),
	LIST(gateway, addresses, address),
	LIST(gateway, listeners, listener),
	LIST(gateway, assigned, assigned),
	PLAIN(gateway, managed),
	TEXT(gateway, pool),
	TEXT(gateway, sharing_key),
	LIST(gateway, labels, label),
	{ 0 },
};

static const struct member value_match[] = {
	PLAIN(route_value_match, type),
	TEXT(route_value_match, name),
	TEXT(route_value_match, value),
	{ 0 },
};

static const struct member match[] = {
	PLAIN(route_match, path_type),
	TEXT(route_match, path),
	TEXT(route_match, method),
	LIST(route_match, headers, value_match),
	LIST(route_match, queries, value_match),
	{ 0 },
};

static const struct member header[] = {
	TEXT(route_header, name),
	TEXT(route_header, value),
	{ 0 },
};

static const struct member filter[] = {
	PLAIN(route_filter, type),	 TEXT(route_filter, type_text),
	LIST(route_filter, set, header), LIST(route_filter, add, header),
	TEXTS(route_filter, remove),	 TEXT(route_filter, scheme),
	TEXT(route_filter, hostname),	 PLAIN(route_filter, port),
	PLAIN(route_filter, status),	 PLAIN(route_filter, path_change),
	TEXT(route_filter, path),	 { 0 },
};

static const struct member backend[] = {
	STRUCT(route_backend, reference, reference),
	PLAIN(route_backend, weight),
	LIST(route_backend, filters, filter),
	{ 0 },
};

static const struct member rule[] = {
	TEXT(route_rule, name),
	LIST(route_rule, matches, match),
	LIST(route_rule, filters, filter),
	LIST(route_rule, backends, backend),
	PLAIN(route_rule, request_timeout_ms),
	PLAIN(route_rule, backend_timeout_ms),
	PLAIN(route_rule, retry),
	VALUES(route_rule, retry_codes),
	PLAIN(route_rule, retry_attempts),
	PLAIN(route_rule, retry_backoff_ms),
	PLAIN(route_rule, persistence),
	{ 0 },
};

const struct member gateway_route_members[] = {
	PLAIN(http_route, created),	      TEXT(http_route, fail_closed),
	LIST(http_route, parents, reference), TEXTS(http_route, hostnames),
	LIST(http_route, rules, rule),	      { 0 },
};

static const struct member from[] = {
	TEXT(grant_from, group),
	TEXT(grant_from, kind),
	TEXT(grant_from, namespace),
	{ 0 },
};

static const struct member to[] = {
	TEXT(grant_to, group),
	TEXT(grant_to, kind),
	TEXT(grant_to, name),
	{ 0 },
};

const struct member gateway_grant_members[] = {
	LIST(reference_grant, from, from),
	LIST(reference_grant, to, to),
	{ 0 },
};

const struct member gateway_destination_members[] = {
	TEXT(destination_rule, host),
	PLAIN(destination_rule, connect_timeout_ms),
	PLAIN(destination_rule, idle_timeout_ms),
	PLAIN(destination_rule, max_connections),
	PLAIN(destination_rule, max_pending),
	PLAIN(destination_rule, max_requests),
	PLAIN(destination_rule, max_retries),
	PLAIN(destination_rule, max_requests_per_connection),
	PLAIN(destination_rule, outlier),
	PLAIN(destination_rule, consecutive_5xx),
	PLAIN(destination_rule, consecutive_gateway),
	PLAIN(destination_rule, consecutive_local),
	PLAIN(destination_rule, split_local),
	PLAIN(destination_rule, interval_ms),
	PLAIN(destination_rule, base_ejection_ms),
	PLAIN(destination_rule, max_ejection_percent),
	TEXTS(destination_rule, unsupported),
	{ 0 },
};
