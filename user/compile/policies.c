// SPDX-License-Identifier: Apache-2.0
/*
 * DestinationRules by the Service they speak of. One in the Service's own namespace wins over those
 * of others; among equals the first by namespace and name. clusters.c asks.
 */
#include "compile/policies.h"

#include <string.h>

#include "base/mem.h"
#include "compile/problem.h"

#define CONNECT_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS	   3600000
/* Envoy's limit of an ejection, unless the base alone is longer. */
#define MAX_EJECTION_MS 300000

struct policy {
	const struct destination_rule *rule;
	char *namespace, *service; /* that the rule's host names */
};

struct policies {
	struct policy *items; /* sorted by namespace, service; one each */
	size_t n;
};

/* ---- hosts --------------------------------------------------------------------------------- */

/* What may stand behind "service.namespace". */
static bool is_domain(const char *text)
{
	return !*text || !strcmp(text, ".svc") || !strcmp(text, ".svc.cluster.local");
}

/* Reads "cart", "cart.market", "cart.market.svc.cluster.local"; false: no such host. */
static bool parse_host(const struct destination_rule *rule, struct policy *ret_policy)
{
	const char *host = rule->host, *dot = strchr(host, '.');
	size_t len = dot ? strcspn(dot + 1, ".") : 0;

	if (!*host || dot == host || strchr(host, '*') || (dot && !is_domain(dot + 1 + len)))
		return false;
	*ret_policy = (struct policy){
		.rule = rule,
		.namespace = dot ? mem_printf("%.*s", (int)len, dot + 1)
				 : mem_strdup(rule->object.namespace),
		.service = dot ? mem_printf("%.*s", (int)(dot - host), host) : mem_strdup(host),
	};
	return true;
}

static bool names_service(const struct layer7 *l7, const struct destination_rule *rule,
			  struct policy *ret_policy)
{
	struct policy policy;

	if (!parse_host(rule, &policy)) {
		problem_add(l7->diags, DIAG_WARNING, &rule->object, "spec.host",
			    "%s is not a Service of the cluster by name: without effect",
			    *rule->host ? rule->host : "nothing");
		return false;
	}
	if (!model_get(l7->model, OBJECT_SERVICE, policy.namespace, policy.service)) {
		problem_add(l7->diags, DIAG_WARNING, &rule->object, "spec.host",
			    "no Service %s in namespace %s: without effect", policy.service,
			    policy.namespace);
		free(policy.namespace);
		free(policy.service);
		return false;
	}
	*ret_policy = policy;
	return true;
}

/* ---- which rule ---------------------------------------------------------------------------- */

static int service_compare(const struct policy *a, const struct policy *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->service, b->service);
}

static bool is_own(const struct policy *policy)
{
	return !strcmp(policy->rule->object.namespace, policy->namespace);
}

static int policy_rank(const void *pa, const void *pb)
{
	const struct policy *a = pa, *b = pb;
	int order = service_compare(a, b);

	if (!order)
		order = is_own(b) - is_own(a);
	return order ? order : object_compare_key(&a->rule->object, &b->rule->object);
}

static void policy_fini(struct policy *policy)
{
	free(policy->namespace);
	free(policy->service);
}

/* Of the rules of one Service keeps the first. */
static void settle(const struct layer7 *l7, struct policies *policies)
{
	size_t n = 0;

	for (size_t i = 0; i < policies->n; i++) {
		struct policy *policy = &policies->items[i], *winner;

		if (!n || service_compare(&policies->items[n - 1], policy)) {
			policies->items[n++] = *policy;
			continue;
		}
		winner = &policies->items[n - 1];
		problem_add(l7->diags, DIAG_WARNING, &policy->rule->object, "spec.host",
			    "DestinationRule %s/%s for the same Service goes first: without effect",
			    winner->rule->object.namespace, winner->rule->object.name);
		policy_fini(policy);
	}
	policies->n = n;
}

static void note_unsupported(const struct layer7 *l7, const struct destination_rule *rule)
{
	for (size_t i = 0; i < rule->n_unsupported; i++)
		problem_add(l7->diags, DIAG_WARNING, &rule->object, rule->unsupported[i],
			    "has no effect yet");
}

struct policies *policies_new(const struct layer7 *l7)
{
	struct policies *policies = mem_new(sizeof(*policies));
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_DESTINATION_RULE, &objects);

	policies->items = mem_array(n, sizeof(*policies->items));
	for (size_t i = 0; i < n; i++) {
		const struct destination_rule *rule = (const struct destination_rule *)objects[i];

		note_unsupported(l7, rule);
		if (names_service(l7, rule, &policies->items[policies->n]))
			policies->n++;
	}
	if (policies->n)
		qsort(policies->items, policies->n, sizeof(*policies->items), policy_rank);
	settle(l7, policies);
	return policies;
}

void policies_free(struct policies *policies)
{
	if (!policies)
		return;
	for (size_t i = 0; i < policies->n; i++)
		policy_fini(&policies->items[i]);
	free(policies->items);
	free(policies);
}

void policies_freep(struct policies **policies)
{
	policies_free(*policies);
}

/* ---- what it says -------------------------------------------------------------------------- */

static uint32_t or_else(uint32_t given, uint32_t otherwise)
{
	return given ? given : otherwise;
}

static void take_outlier(const struct destination_rule *rule, struct plan_outlier *ret_outlier)
{
	if (!rule->outlier)
		return;
	*ret_outlier = (struct plan_outlier){
		.consecutive_5xx = rule->consecutive_5xx,
		.consecutive_gateway = rule->consecutive_gateway,
		.consecutive_local = rule->split_local ? rule->consecutive_local : 0,
		.split_local = rule->split_local,
		.interval_ms = rule->interval_ms,
		.base_ejection_ms = rule->base_ejection_ms,
		.max_ejection_ms = rule->base_ejection_ms > MAX_EJECTION_MS ? rule->base_ejection_ms
									    : MAX_EJECTION_MS,
		.max_percent = rule->max_ejection_percent > 100
				       ? 100
				       : (uint8_t)rule->max_ejection_percent,
	};
}

static int find_compare(const void *key, const void *policy)
{
	const struct object *service = key;
	const struct policy *p = policy;
	int order = strcmp(service->namespace, p->namespace);

	return order ? order : strcmp(service->name, p->service);
}

void policies_apply(const struct policies *policies, const struct service *service,
		    struct plan_cluster *cluster)
{
	static const struct destination_rule none;
	const struct policy *policy = NULL;
	const struct destination_rule *rule;

	if (policies->n)
		policy = bsearch(&service->object, policies->items, policies->n,
				 sizeof(*policies->items), find_compare);
	rule = policy ? policy->rule : &none;
	cluster->connect_timeout_ms = or_else(rule->connect_timeout_ms, CONNECT_TIMEOUT_MS);
	cluster->idle_timeout_ms = or_else(rule->idle_timeout_ms, IDLE_TIMEOUT_MS);
	cluster->breaker = (struct plan_breaker){
		.connections = or_else(rule->max_connections, UINT32_MAX),
		.pending = or_else(rule->max_pending, UINT32_MAX),
		.requests = or_else(rule->max_requests, UINT32_MAX),
		.retries = or_else(rule->max_retries, UINT32_MAX),
		.requests_per_connection = or_else(rule->max_requests_per_connection, UINT32_MAX),
	};
	take_outlier(rule, &cluster->outlier);
}
