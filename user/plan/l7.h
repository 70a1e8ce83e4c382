/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's layer 7: where the proxy listens, which requests it takes, where they go and under
 * which policy, as plain data and the same for every configuration surface. narud compiles it, the
 * proxy gets it as a snapshot (plan/snapshot.h) and builds its tables from it. Everything is in the
 * order in which it is to be tried; indices point into the arrays of struct plan_l7. Strings are
 * NUL-terminated, owned, never NULL: "" is "not given". Times are milliseconds, 0 is "none".
 *
 * Names are stable ids: state with a life of its own (breakers, ejections, statistics) hangs on
 * them across snapshots.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "plan/set.h"

/* A certificate with its key, neither of which stands here: narud sends them apart. */
struct plan_cert {
	char *name; /* "namespace/secret" */
	uint8_t fingerprint
		[32]; /* SHA-256 over chain and key: another one is another certificate */
};

/* ---- clusters: endpoints under one policy --------------------------------------------------- */

/* Limits of what is under way to a cluster, over all threads; UINT32_MAX is no limit. */
struct plan_breaker {
	uint32_t connections;		  /* open upstream connections */
	uint32_t pending;		  /* requests that wait for a connection */
	uint32_t requests;		  /* requests under way */
	uint32_t retries;		  /* of them: retries */
	uint32_t requests_per_connection; /* then it is closed */
};

/* Passive health: ejects endpoints that answer badly. All 0: off. */
struct plan_outlier {
	uint32_t consecutive_5xx;     /* answers 5xx and failures to get one; 0: not looked at */
	uint32_t consecutive_gateway; /* 502, 503, 504 and failures to get one; 0: not looked at */
	uint32_t consecutive_local;   /* failures to connect or to get an answer, when split */
	bool split_local;	      /* count failures to get an answer apart from answers */
	uint32_t interval_ms;	      /* between looks that let endpoints return */
	uint32_t base_ejection_ms;    /* times the number of ejections in a row */
	uint32_t max_ejection_ms;
	uint8_t max_percent; /* of the endpoints; at least one may go, never the last one */
};

struct plan_cluster {
	char *name; /* "namespace/service:port" */
	struct plan_set endpoints;
	uint32_t connect_timeout_ms;
	uint32_t idle_timeout_ms; /* of pooled connections */
	struct plan_breaker breaker;
	struct plan_outlier outlier;
};

/* ---- rules: what happens to requests --------------------------------------------------------- */

struct plan_header {
	char *name; /* lower case */
	char *value;
};

struct plan_header_list {
	struct plan_header *items;
	size_t n;
};

/* In this order: remove, set (replaces all of that name), add. */
struct plan_header_change {
	struct plan_header_list set, add;
	char **remove; /* lower case */
	size_t n_remove;
};

enum plan_path_change {
	PLAN_PATH_KEEP,
	PLAN_PATH_FULL,	  /* the whole path becomes path */
	PLAN_PATH_PREFIX, /* the matched prefix becomes path */
};

struct plan_redirect {
	uint16_t status; /* 0: no redirect; else 301, 302, 303, 307 or 308 */
	char *scheme;	 /* "http", "https", "": the request's */
	char *host;	 /* "": the request's */
	uint16_t port; /* 0: by the rule of the Gateway API: the scheme's if one is given, else the
			  * listener's; left out of Location when it is the scheme's default */
	enum plan_path_change path_change;
	char *path;
};

struct plan_rewrite {
	char *host; /* "": kept */
	enum plan_path_change path_change;
	char *path;
};

/* One way a rule's requests may go. */
struct plan_backend {
	uint32_t weight;  /* 0: gets nothing */
	uint32_t cluster; /* index, PLAN_NO_CLUSTER: a broken reference, answered 500 */
	/* After what the rule changes. */
	struct plan_header_change request_headers, response_headers;
};
#define PLAN_NO_CLUSTER UINT32_MAX

struct plan_retry {
	uint16_t *codes; /* answers that are retried; failures to connect and resets always are */
	size_t n_codes;
	uint32_t attempts; /* beyond the first; 0: no retries at all */
	uint32_t backoff_ms;
};

struct plan_rule {
	char *name;	 /* "namespace/route/rule", the rule by its name or number from 0 */
	uint16_t answer; /* status that every request gets at once (an unusable rule), 0: none */
	struct plan_redirect redirect;
	struct plan_rewrite rewrite;
	struct plan_header_change request_headers, response_headers;
	struct plan_backend *backends; /* none of weight: every request is answered 500 */
	size_t n_backends;
	uint32_t request_timeout_ms; /* from the whole head to the answer's end, tries included */
	uint32_t backend_timeout_ms; /* of one try */
	struct plan_retry retry;
};

/* ---- listeners: which requests --------------------------------------------------------------- */

enum plan_match_type {
	PLAN_EXACT,
	PLAN_PREFIX, /* paths only: of whole elements; without a slash at the end, but for "/" */
	PLAN_REGEX,  /* PCRE2, anchored at both ends */
};

struct plan_value_match {
	char *name; /* header: lower case; query parameter: as it stands */
	enum plan_match_type type;
	char *value;
};

/* A request matches when path, method, all headers and all query parameters do. */
struct plan_match {
	uint32_t rule; /* index */
	enum plan_match_type path_type;
	char *path;
	char *method; /* "": any */
	struct plan_value_match *headers;
	size_t n_headers;
	struct plan_value_match *queries;
	size_t n_queries;
};

/* The matches of one host name. */
struct plan_host {
	char *name; /* "a.example.com", "*.example.com" (one or more labels), "": any; lower case */
	uint32_t *matches; /* indices, by precedence: the first that matches wins */
	size_t n_matches;
};

struct plan_listener {
	char *name;	/* "namespace/gateway/listener", "namespace/service:port" of a Service */
	char *hostname; /* as plan_host.name: the listener takes no other host */
	bool tls;
	uint32_t *certs; /* indices; the first is for clients that name no host */
	size_t n_certs;
	struct plan_host *hosts; /* the most specific first; a request that no match of a host takes
				  * is tried with the next host that fits */
	size_t n_hosts;
};

/* ---- addresses ------------------------------------------------------------------------------- */

/* An address and port that the proxy takes over. */
struct plan_bind {
	struct addr addr; /* all zero: every address of this node that has no bind of its own */
	uint16_t port;
	bool tls;	     /* all listeners are alike */
	uint32_t *listeners; /* indices, the most specific hostname first */
	size_t n_listeners;
};

/* An address that this node makes its own, for the proxy or as a load balancer's, unless it is so
 * already. */
struct plan_vip {
	struct addr addr;
	bool announce; /* by Node objects alone this node answers ARP and neighbour solicitations */
	bool service;  /* a ClusterIP: the other ports of it are layer 4's */
	bool proxied;  /* nothing but the proxy serves it: no Service has it, too */
};

struct plan_l7 {
	struct plan_cert *certs; /* sorted by name */
	size_t n_certs;
	struct plan_cluster *clusters; /* sorted by name */
	size_t n_clusters;
	struct plan_rule *rules; /* sorted by route, then as in the route */
	size_t n_rules;
	struct plan_match *matches; /* of the rules, in their order */
	size_t n_matches;
	struct plan_listener *listeners; /* sorted by name */
	size_t n_listeners;
	struct plan_bind *binds; /* sorted by address, port */
	size_t n_binds;
	struct plan_vip *vips; /* sorted by address */
	size_t n_vips;
};

void l7_fini(struct plan_l7 *l7);

/* The text of `narud --check --print-plan`, behind that of the services. */
void l7_print(const struct plan_l7 *l7, FILE *out);
