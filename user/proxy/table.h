/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot made ready for requests: immutable, shared by all threads, replaced as a whole. The
 * main thread builds it off the request path; workers refer to it while requests use it. What
 * outlives it (clusters, splits, counts) it only points to.
 */
#pragma once
#include "http/http.h"
#include "http/regex.h"
#include "proxy/cluster.h"
#include "proxy/hostmap.h"
#include "proxy/listener.h"
#include "proxy/registry.h"
#include "proxy/rule.h"

struct table;

struct bind {
	const struct plan_bind *plan;
	const struct listener **listeners; /* the most specific hostname first */
	size_t n_listeners;
	struct hostmap by_hostname; /* to listeners */
};

/* The certificate of a fingerprint, a new reference, or NULL while its key is not there. */
typedef struct tls_cert *(*table_cert_fn)(void *arg, const struct plan_cert *cert);

/* What a table is built with. */
struct table_source {
	struct registry *registry;
	table_cert_fn certs;
	void *certs_arg;
};

/*
 * Takes over what l7 holds (leaving it empty) in any case. -EINVAL: a regular expression that PCRE2
 * refuses (compile lets none through), *ret_error says which; to be freed. Main thread only.
 */
int table_new(struct plan_l7 *l7, uint64_t generation, const struct table_source *source,
	      struct table **ret_table, char **ret_error);
struct table *table_ref(struct table *table);
void table_unref(struct table *table);
uint64_t table_generation(const struct table *table);
const struct plan_l7 *table_plan(const struct table *table);

/* The bind of a local address: its own, or that of every address. NULL: none. */
const struct bind *table_bind(const struct table *table, const struct addr *addr, uint16_t port);

struct table_hit {
	const struct listener *listener; /* NULL: no listener takes the host */
	const struct rule *rule;
	const struct plan_match *match;
};

/*
 * The rule for a request by the precedence of the Gateway API. 0; -ENOENT: none takes it (404);
 * -ELOOP: a regular expression reached its limit (500, never "no match").
 */
int table_match(const struct bind *bind, const struct http_request *request,
		struct regex_scratch *scratch, struct table_hit *ret_hit);

/* Fills clusters, rules and listeners of a report. */
void table_report(const struct table *table, uint64_t now_ms, struct report *report);
