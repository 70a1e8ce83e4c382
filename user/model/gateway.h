/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed objects of layer 7: Gateway API, TLS Secrets, Istio's DestinationRule; only the fields
 * naru uses, under the rules of object.h. "" is "not given". Durations are milliseconds.
 */
#pragma once
#include "base/secret.h"
#include "model/object.h"

/* ---- v1 Secret of type kubernetes.io/tls; other types are skipped ---------------------------- */

struct secret {
	struct object object;
	char *chain;		 /* tls.crt: PEM, the leaf first */
	struct secret_bytes key; /* tls.key: PEM */
	uint8_t fingerprint[32]; /* SHA-256 over chain, a zero byte and key */
};

/* ---- gateway.networking.k8s.io --------------------------------------------------------------- */

struct gateway_class {
	struct object object;
	char *controller; /* "naru.io/gateway" is ours */
	bool parameters;  /* parametersRef given */
};

/* A reference to another object, with the API's defaults filled in by the decoder. */
struct object_reference {
	char *group;	 /* "" is the core group */
	char *kind;	 /* "Service", "Secret", "Gateway" */
	char *namespace; /* "": the referrer's */
	char *name;
	char *section; /* sectionName; "" */
	uint16_t port; /* 0 = not given */
};

struct gateway_address {
	bool named; /* type Hostname or unknown: not an address */
	struct addr addr;
	char *text; /* as it stands */
};

enum listener_protocol {
	LISTENER_HTTP,
	LISTENER_HTTPS,
	LISTENER_OTHER, /* TLS, TCP, UDP or a domain-prefixed one */
};

enum routes_from {
	ROUTES_SAME,
	ROUTES_ALL,
	ROUTES_SELECTOR,
	ROUTES_NONE,
};

/* A label selector: all requirements must hold. matchLabels are requirements In with one value. */
enum selector_operator {
	SELECTOR_IN,
	SELECTOR_NOT_IN,
	SELECTOR_EXISTS,
	SELECTOR_DOES_NOT_EXIST,
};

struct selector_requirement {
	char *key;
	enum selector_operator operator;
	char **values;
	size_t n_values;
};

struct gateway_listener {
	char *name;
	char *hostname; /* lower case, perhaps with a leading "*." */
	uint16_t port;
	enum listener_protocol protocol;
	char *protocol_text;
	bool passthrough;  /* tls.mode Passthrough */
	bool client_certs; /* clients are to show certificates: not supported, so over TLS this
			    * listener must not be served */
	struct object_reference *certs;
	size_t n_certs;
	enum routes_from from;
	struct selector_requirement *selector;
	size_t n_selector;
	struct object_reference
		*kinds; /* allowedRoutes.kinds: group and kind; none: the protocol's */
	size_t n_kinds;
};

/* An IP address of status.addresses. */
struct gateway_assigned {
	struct addr addr;
	bool given; /* not by the object: by this narud, where nobody else can */
};

struct gateway {
	struct object object;
	char *class_name;
	int64_t created; /* seconds since 1970, 0 = unknown */
	bool parameters; /* infrastructure.parametersRef given */
	struct gateway_address *addresses;
	size_t n_addresses;
	struct gateway_listener *listeners;
	size_t n_listeners;
	struct gateway_assigned *assigned;
	size_t n_assigned;
	bool managed;	   /* its condition OBJECT_ASSIGNED holds: the addresses are pools' */
	char *pool;	   /* annotation naru.io/address-pool, or "" */
	char *sharing_key; /* annotation naru.io/sharing-key, or "" */
	struct label *labels;
	size_t n_labels;
};

enum match_type {
	MATCH_EXACT,
	MATCH_PREFIX, /* paths only */
	MATCH_REGEX,
};

struct route_value_match {
	enum match_type type;
	char *name;
	char *value;
};

struct route_match {
	enum match_type path_type; /* PathPrefix "/" when nothing is given */
	char *path;
	char *method;
	struct route_value_match *headers;
	size_t n_headers;
	struct route_value_match *queries;
	size_t n_queries;
};

struct route_header {
	char *name;
	char *value;
};

enum filter_type {
	FILTER_REQUEST_HEADERS,
	FILTER_RESPONSE_HEADERS,
	FILTER_REDIRECT,
	FILTER_REWRITE,
	FILTER_OTHER, /* not supported: its rule must answer an error */
};

enum path_change {
	PATH_KEEP,
	PATH_FULL,
	PATH_PREFIX,
};

/* Only the members of its type are filled. */
struct route_filter {
	enum filter_type type;
	char *type_text;
	struct route_header *set, *add; /* header modifiers */
	size_t n_set, n_add;
	char **remove;
	size_t n_remove;
	char *scheme, *hostname; /* redirect, rewrite */
	uint16_t port, status;	 /* redirect: 0 = not given; status 302 by default */
	enum path_change path_change;
	char *path; /* replaceFullPath or replacePrefixMatch */
};

struct route_backend {
	struct object_reference reference;
	uint32_t weight; /* 1 by default */
	struct route_filter *filters;
	size_t n_filters;
};

struct route_rule {
	char *name;
	struct route_match *matches; /* the decoder puts one of "/" where there is none */
	size_t n_matches;
	struct route_filter *filters;
	size_t n_filters;
	struct route_backend *backends;
	size_t n_backends;
	uint32_t request_timeout_ms, backend_timeout_ms; /* 0 = none */
	bool retry;					 /* given */
	uint16_t *retry_codes;
	size_t n_retry_codes;
	uint32_t retry_attempts;   /* 1 by default when retry is given */
	uint32_t retry_backoff_ms; /* 0 = not given */
	bool persistence;	   /* sessionPersistence given: not supported */
};

struct http_route {
	struct object object;
	int64_t created;   /* seconds since 1970, 0 = unknown */
	char *fail_closed; /* annotation naru.io/fail-closed, or "" */
	struct object_reference *parents;
	size_t n_parents;
	char **hostnames; /* lower case */
	size_t n_hostnames;
	struct route_rule *rules; /* the decoder puts one that matches all where there is none */
	size_t n_rules;
};

struct grant_from {
	char *group, *kind, *namespace;
};

struct grant_to {
	char *group, *kind;
	char *name; /* "": all of the kind */
};

struct reference_grant {
	struct object object;
	struct grant_from *from;
	size_t n_from;
	struct grant_to *to;
	size_t n_to;
};

/* ---- networking.istio.io --------------------------------------------------------------------- */

#define DESTINATION_NO_LIMIT UINT32_MAX

struct destination_rule {
	struct object object;
	char *host;		     /* "cart", "cart.market", "cart.market.svc.cluster.local" */
	uint32_t connect_timeout_ms; /* 0 = not given, here and below */
	uint32_t idle_timeout_ms;    /* http.idleTimeout, else tcp.idleTimeout */
	uint32_t max_connections;
	uint32_t max_pending;  /* http1MaxPendingRequests */
	uint32_t max_requests; /* http2MaxRequests */
	uint32_t max_retries;
	uint32_t max_requests_per_connection;
	bool outlier; /* outlierDetection given; what it leaves out has Istio's default already */
	uint32_t consecutive_5xx, consecutive_gateway, consecutive_local;
	bool split_local;
	uint32_t interval_ms, base_ejection_ms;
	uint32_t max_ejection_percent;
	char **unsupported; /* paths of fields that have no effect: "spec.subsets" … */
	size_t n_unsupported;
};
