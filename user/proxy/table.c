// SPDX-License-Identifier: Apache-2.0
/*
 * Builds a table of a snapshot in the order in which its parts point to each other: clusters,
 * rules, matches, listeners, binds; and takes it apart in the reverse. Invariant: once built, a
 * table is only read, by any thread; the last reference frees it, on whatever thread.
 */
#include "proxy/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/textmap.h"

/* Without a hole, so that equal ones are equal bytes. */
struct bind_key {
	struct addr addr;
	uint16_t port;
};

struct table {
	struct state state;
	uint64_t generation;
	unsigned n_workers;
	struct plan_l7 plan;
	/* By the plan's indices. */
	struct cluster_view *clusters;
	struct rule *rules;
	struct match *matches;
	struct listener *listeners;
	struct bind *binds;
	struct bind_key *bind_keys;
	struct textmap binds_by_key;
};

_Static_assert(sizeof(struct bind_key) == 18, "no padding");

static void free_table(struct state *state)
{
	struct table *table = (struct table *)state;
	const struct plan_l7 *plan = &table->plan;

	textmap_fini(&table->binds_by_key);
	for (size_t i = 0; i < plan->n_binds; i++) {
		hostmap_fini(&table->binds[i].by_hostname);
		free(table->binds[i].listeners);
	}
	for (size_t i = 0; i < plan->n_listeners; i++)
		listener_fini(&table->listeners[i]);
	for (size_t i = 0; i < plan->n_matches; i++)
		match_fini(&table->matches[i]);
	for (size_t i = 0; i < plan->n_rules; i++)
		rule_fini(&table->rules[i]);
	for (size_t i = 0; i < plan->n_clusters; i++)
		cluster_view_fini(&table->clusters[i]);
	free(table->bind_keys);
	free(table->binds);
	free(table->listeners);
	free(table->matches);
	free(table->rules);
	free(table->clusters);
	l7_fini(&table->plan);
	free(table);
}

static struct table *new_table(struct plan_l7 *l7, uint64_t generation, unsigned n_workers)
{
	struct table *table = mem_new(sizeof(*table));

	state_init(&table->state, free_table);
	table->generation = generation;
	table->n_workers = n_workers;
	table->plan = *l7;
	*l7 = (struct plan_l7){ 0 };
	table->clusters = mem_array(table->plan.n_clusters, sizeof(*table->clusters));
	table->rules = mem_array(table->plan.n_rules, sizeof(*table->rules));
	table->matches = mem_array(table->plan.n_matches, sizeof(*table->matches));
	table->listeners = mem_array(table->plan.n_listeners, sizeof(*table->listeners));
	table->binds = mem_array(table->plan.n_binds, sizeof(*table->binds));
	table->bind_keys = mem_array(table->plan.n_binds, sizeof(*table->bind_keys));
	return table;
}

static int build_matches(struct table *table, char **ret_error)
{
	for (size_t i = 0; i < table->plan.n_matches; i++) {
		const struct plan_match *plan = &table->plan.matches[i];
		_cleanup_(mem_freep) char *reason = NULL;
		int r = match_init(&table->matches[i], plan, &table->rules[plan->rule], &reason);

		if (!r)
			continue;
		*ret_error = mem_printf("rule %s: %s", table->plan.rules[plan->rule].name, reason);
		return r;
	}
	return 0;
}

static void take_certs(struct table *table, struct listener *listener,
		       const struct table_source *source)
{
	for (size_t i = 0; i < listener->plan->n_certs; i++) {
		const struct plan_cert *plan = &table->plan.certs[listener->plan->certs[i]];
		struct tls_cert *cert = source->certs(source->certs_arg, plan);

		if (cert)
			listener->certs[listener->n_certs++] = cert;
	}
}

static void build_bind(struct table *table, size_t index)
{
	const struct plan_bind *plan = &table->plan.binds[index];
	struct bind_key *key = &table->bind_keys[index];
	struct bind *bind = &table->binds[index];

	bind->plan = plan;
	bind->n_listeners = plan->n_listeners;
	bind->listeners = mem_array(plan->n_listeners, sizeof(*bind->listeners));
	for (size_t i = 0; i < plan->n_listeners; i++) {
		struct listener *listener = &table->listeners[plan->listeners[i]];

		bind->listeners[i] = listener;
		hostmap_add(&bind->by_hostname, listener->plan->hostname, listener);
	}
	*key = (struct bind_key){ plan->addr, plan->port };
	textmap_add(&table->binds_by_key, key, sizeof(*key), bind);
}

/* Fails at matches only, before anything stands on them. */
static int build(struct table *table, const struct table_source *source, char **ret_error)
{
	const struct plan_l7 *plan = &table->plan;
	int r;

	for (size_t i = 0; i < plan->n_clusters; i++)
		cluster_view_init(&table->clusters[i], source->registry, &plan->clusters[i]);
	for (size_t i = 0; i < plan->n_rules; i++)
		rule_init(&table->rules[i], source->registry, plan, &plan->rules[i],
			  table->clusters);
	r = build_matches(table, ret_error);
	if (r)
		return r;
	for (size_t i = 0; i < plan->n_listeners; i++) {
		listener_init(&table->listeners[i], source->registry, &plan->listeners[i],
			      table->matches);
		take_certs(table, &table->listeners[i], source);
	}
	for (size_t i = 0; i < plan->n_binds; i++)
		build_bind(table, i);
	return 0;
}

int table_new(struct plan_l7 *l7, uint64_t generation, const struct table_source *source,
	      struct table **ret_table, char **ret_error)
{
	struct table *table = new_table(l7, generation, registry_workers(source->registry));
	int r = build(table, source, ret_error);

	if (r)
		table_unref(table);
	else
		*ret_table = table;
	/* What the table before this one had and nobody wants any more. */
	registry_sweep(source->registry);
	return r;
}

struct table *table_ref(struct table *table)
{
	state_ref(&table->state);
	return table;
}

void table_unref(struct table *table)
{
	if (table)
		state_unref(&table->state);
}

uint64_t table_generation(const struct table *table)
{
	return table->generation;
}

const struct plan_l7 *table_plan(const struct table *table)
{
	return &table->plan;
}

const struct bind *table_bind(const struct table *table, const struct addr *addr, uint16_t port)
{
	struct bind_key key = { *addr, port };
	const struct bind *bind = textmap_find(&table->binds_by_key, &key, sizeof(key));

	if (bind)
		return bind;
	key.addr = (struct addr){ 0 };
	return textmap_find(&table->binds_by_key, &key, sizeof(key));
}

int table_match(const struct bind *bind, const struct http_request *request,
		struct regex_scratch *scratch, struct table_hit *ret_hit)
{
	_cleanup_(arena_fini) struct arena arena = { 0 };
	const struct match_subject subject = { request, scratch, &arena };
	struct hostmap_walk walk;
	const struct match *match;
	int r;

	*ret_hit = (struct table_hit){ 0 };
	hostmap_start(&walk, &bind->by_hostname, request->host);
	/* Only one: a host belongs to the most specific listener, whatever that makes of it. */
	ret_hit->listener = hostmap_next(&walk);
	if (!ret_hit->listener)
		return -ENOENT;
	r = listener_find(ret_hit->listener, &subject, &match);
	if (r <= 0)
		return r ? r : -ENOENT;
	ret_hit->rule = match->rule;
	ret_hit->match = match->plan;
	return 0;
}

void table_report(const struct table *table, uint64_t now_ms, struct report *report)
{
	const struct plan_l7 *plan = &table->plan;

	report->n_clusters = plan->n_clusters;
	report->clusters = mem_array(plan->n_clusters, sizeof(*report->clusters));
	for (size_t i = 0; i < plan->n_clusters; i++)
		cluster_report(&table->clusters[i], table->n_workers, now_ms, &report->clusters[i]);
	report->n_rules = plan->n_rules;
	report->rules = mem_array(plan->n_rules, sizeof(*report->rules));
	for (size_t i = 0; i < plan->n_rules; i++)
		rule_report(&table->rules[i], &report->rules[i]);
	report->n_listeners = plan->n_listeners;
	report->listeners = mem_array(plan->n_listeners, sizeof(*report->listeners));
	for (size_t i = 0; i < plan->n_listeners; i++)
		listener_report(&table->listeners[i], &report->listeners[i]);
}
